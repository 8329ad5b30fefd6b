"""Every order in which several callers can reach Redis, one step at a time.

The steps of a call are its commands (see `wire.Step`). A *schedule* says whose step comes next, again and again, until
all have ended. All schedules are tried, those with the fewest changes of turn first: the first one that goes wrong is
the shortest story that can be told of it. Where there are too many, all with few changes of turn are tried, and a
sample of the others, which is the same in each run.

The idea: Madan Musuvathi and Shaz Qadeer, "Iterative Context Bounding for Systematic Testing of Multithreaded
Programs" (PLDI 2007).
"""

import heapq
import itertools
import queue
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from redis_helpers.course.exercises.runner import FairClock, Outcome, Worker, raise_dropped_interrupt, stop
from redis_helpers.course.exercises.wire import Call, Step

MOST_SCHEDULES = 160
SAMPLE = 24  # of the schedules that are left out then
MOST_IN_A_ROW = 15  # steps of one caller while another waits: a loop that waits for the other must not starve it
MOST_STEPS = 200  # of one schedule
MOST_STEPS_IN_ALL = 3000  # then no further schedule is tried: calls of hundreds of steps would take minutes
STEP_LIMIT = 2.0  # seconds that a caller may take from one step to the next


@dataclass(frozen=True)
class Caller:
    """Somebody who calls the learner's function. `name` stands above a column of the table: "till 1"."""

    name: str
    call: Callable[[Call], object]


@dataclass(frozen=True)
class Rival:
    """Something else that happens once, at any moment: `act()` does it. `name` says what: "the offer ends"."""

    name: str
    act: Callable[[], object]


Actor = Caller | Rival


@dataclass
class Move:
    """One step of a schedule: the number of the actor, what it did, and who else could have gone."""

    actor: int
    step: Step | None
    could: tuple[int, ...]


@dataclass
class Run:
    """One schedule that was tried, and what became of each actor."""

    actors: Sequence[Actor]
    moves: list[Move] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    calls: list[Call | None] = field(default_factory=list)
    stuck: bool = False  # somebody waits for what never comes

    @property
    def order(self) -> tuple[int, ...]:
        return tuple(move.actor for move in self.moves)


def serial_runs(actors: Sequence[Actor], begin: Callable[[], list[Call | None]], clock: FairClock) -> Iterator[Run]:
    """One after the other, in every order."""
    for order in itertools.permutations(range(len(actors))):
        yield _run(actors, begin(), clock, one_after_the_other=order)


def all_runs(actors: Sequence[Actor], begin: Callable[[], list[Call | None]], clock: FairClock) -> Iterator[Run]:
    """Every schedule, the simplest first. `begin()` prepares Redis, and gives a new Call for each caller.

    Who takes a run out of here may stop at the first that is wrong.
    """
    waiting: list[tuple[int, int, tuple[int, ...]]] = [(0, 0, ())]
    seen: set[tuple[int, ...]] = {()}
    steps = 0
    for number in range(MOST_SCHEDULES + SAMPLE):
        if not waiting or steps > MOST_STEPS_IN_ALL:
            return
        if number == MOST_SCHEDULES:
            random.Random(1).shuffle(waiting)
        *_, forced = heapq.heappop(waiting) if number < MOST_SCHEDULES else waiting.pop()
        run = _run(actors, begin(), clock, forced)
        yield run
        steps += len(run.moves)
        if number >= MOST_SCHEDULES:
            continue
        for place in range(len(forced), len(run.moves)):
            for other in run.moves[place].could:
                branch = (*run.order[:place], other)
                if branch not in seen:
                    seen.add(branch)
                    heapq.heappush(waiting, (_changes(branch, run.moves), len(branch), branch))


def _changes(order: tuple[int, ...], moves: list[Move]) -> int:
    """How often the turn is taken from somebody who could have gone on."""
    return sum(
        before != after and before in (moves[place + 1].actor, *moves[place + 1].could)
        for place, (before, after) in enumerate(itertools.pairwise(order))
    )


def _run(
    actors: Sequence[Actor],
    calls: list[Call | None],
    clock: FairClock,
    forced: tuple[int, ...] = (),
    one_after_the_other: tuple[int, ...] | None = None,
) -> Run:
    """Lets the actors take turns: first as `forced` says, then whoever went last goes on until it has ended."""
    run = Run(actors, outcomes=[Outcome() for _ in actors], calls=calls)
    turns = [_Turn(actor, call, outcome) for actor, call, outcome in zip(actors, calls, run.outcomes, strict=True)]
    try:
        if one_after_the_other is None:
            for turn in turns:
                turn.start(clock)
        while not run.stuck and len(run.moves) < MOST_STEPS:
            able = [number for number, turn in enumerate(turns) if not turn.ended]
            if not able:
                break
            chosen = _chosen(run, able, forced, one_after_the_other)
            if not turns[chosen].started:
                turns[chosen].start(clock)
                if turns[chosen].ended:
                    continue
            others = tuple(number for number in able if number != chosen)
            step = turns[chosen].go(clock)
            run.moves.append(Move(chosen, step, others))
            run.stuck = turns[chosen].is_stuck
        run.stuck = run.stuck or len(run.moves) >= MOST_STEPS
    finally:
        for turn in turns:
            turn.stop(clock)
    return run


def _chosen(run: Run, able: list[int], forced: tuple[int, ...], serial: tuple[int, ...] | None) -> int:
    if serial is not None:
        return next(number for number in serial if number in able)
    place = len(run.moves)
    if place < len(forced) and forced[place] in able:
        return forced[place]
    if not run.moves:
        return able[0]
    last = run.moves[-1].actor
    in_a_row = len(list(itertools.takewhile(lambda number: number == last, reversed(run.order))))
    if last in able and (in_a_row < MOST_IN_A_ROW or len(able) == 1):
        return last
    others = [number for number in able if number != last]
    return others[0]


class _Turn:
    """One actor of one run. A caller runs in a thread of its own, and stands still before each of its steps."""

    def __init__(self, actor: Actor, call: Call | None, outcome: Outcome) -> None:
        self.started = self.ended = self.is_stuck = False
        self._actor, self._call, self._outcome = actor, call, outcome
        # Queues of nothing: they wait in C, which a Semaphore does not, and turns are taken many thousand times.
        self._may_go: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ready: queue.SimpleQueue[None] = queue.SimpleQueue()  # it stands before its next step, or has ended
        self._next: Step | None = None
        self._worker: Worker | None = None

    def start(self, clock: FairClock) -> None:
        """Runs the caller up to its first step."""
        self.started = True
        if isinstance(self._actor, Caller) and self._call is not None:
            call, caller = self._call, self._actor
            call.turn = self._wait
            self._worker = Worker(lambda: caller.call(call), self._outcome, self._is_ready)
            self._worker.start()
            self._look(clock)

    def go(self, clock: FairClock) -> Step | None:
        """One step, up to the next one."""
        if isinstance(self._actor, Rival):
            self._actor.act()
            self._outcome.finished = self.ended = True
            return None
        step = self._next
        self._may_go.put(None)
        self._look(clock)
        return step

    def _look(self, clock: FairClock) -> None:
        """Waits until the caller stands before its next step or has ended."""
        begin: float | None = None
        while not self._comes_within(0.25):
            raise_dropped_interrupt()
            begin = clock.now() if begin is None else begin
            if clock.now() - begin > STEP_LIMIT:
                self.is_stuck = self.ended = True
                return
        self.ended = self._worker is None or self._worker.ended.is_set()

    def _comes_within(self, seconds: float) -> bool:
        try:
            self._ready.get(timeout=seconds)
        except queue.Empty:
            return False
        return True

    def _wait(self, step: Step) -> None:
        """In the caller's thread: before each step."""
        self._next = step
        self._is_ready()
        self._may_go.get()

    def _is_ready(self) -> None:
        self._ready.put(None)

    def stop(self, clock: FairClock) -> None:
        """Whoever has not come to the end is ended."""
        if self._worker is None or self._call is None:
            return
        if not self._worker.ended.is_set():
            self._call.stop()
            self._call.turn = None
            self._may_go.put(None)
            stop([self._worker], clock)
            self._outcome.finished = False
        self._worker.give_thread_back()
