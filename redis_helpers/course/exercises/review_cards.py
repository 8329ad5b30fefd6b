"""Which questions come back, and on which day.

The schedule is that of Sebastian Leitner's card boxes (So lernt man lernen, 1972), with a time for each box that
doubles. A new card is due on the next day. Who answers it rightly sees it again after 2 days, then after 4, 8, and so
on. A card that was missed goes back to the first box, and comes tomorrow. A library such as fsrs plans more finely: it
weighs how difficult each card was, and wants grades. Here right or wrong is all that is known, there are a few hundred
cards, and everybody can check these rules by hand.

A card is an exercise ("1.2"), a quiz question ("Q1.3") or a prediction ("P1.1"). An exercise becomes a card when it is
passed; the long ones, of the kind "stretch", do not. A quiz question becomes one when it is answered rightly. Finishing
a lesson makes cards of all its questions and predictions. Days are those of this machine's calendar: a clock that is
set back only makes cards come later.

The progress file is what counts. Redis holds the same as a sorted set: members are cards, scores are the times at which
they are due. It is made anew from the file each time, so it is right also after Redis was emptied or replaced.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import redis

from redis_helpers.course.exercises import course_map
from redis_helpers.course.exercises.catalog import exercises, predictions, questions
from redis_helpers.course.exercises.model import Exercise
from redis_helpers.course.exercises.progress_file import section

DAYS = (1, 2, 4, 8, 16, 32, 64, 128)  # until a card of each box is due again
DUE_SET = "cell-by-cell:review:due"
KEPT_FOR = 60 * 24 * 3600  # seconds: after so long without a review, the set is gone, and the file goes on


@dataclass(frozen=True)
class Card:
    """One question that comes back. `box` counts from 0. `is_new`: `review()` has not asked it yet."""

    id: str
    box: int
    due: date
    is_new: bool = False

    def after(self, right: bool, today: date) -> "Card":
        """The card after an answer."""
        box = min(self.box + 1, len(DAYS) - 1) if right else 0
        return Card(self.id, box, today + timedelta(days=DAYS[box]))

    def put_off(self, today: date) -> "Card":
        """The card without an answer: it comes tomorrow, and stays in its box."""
        return Card(self.id, self.box, today + timedelta(days=1))

    def entry(self) -> dict[str, object]:
        """How the progress file holds it."""
        return {"box": self.box, "due": self.due.isoformat()}


def kind_of(card_id: str) -> str:
    """ "Q" for a quiz question, "P" for a prediction, "E" for an exercise."""
    return card_id[0] if card_id[0] in "QP" else "E"


def lesson_of(card_id: str) -> str:
    """ "1" for "1.2", "Q1.2" and "P1.2"."""
    return card_id.lstrip("QP").partition(".")[0]


def cards(content: dict[str, Any], today: date) -> dict[str, Card]:
    """Every card that there is by now, by what the progress file holds."""
    asked = section(content, "review")
    found = {}
    for card_id, met in _days_of_meeting(content).items():
        found[card_id] = Card(card_id, 0, met + timedelta(days=DAYS[0]) if met else today, is_new=True)
    for card_id in _all_ids():
        card = _card_of(card_id, asked.get(card_id))
        if card is not None:
            found[card_id] = card
    return found


def _all_ids() -> list[str]:
    """Of everything that can come back in this course, as it is now."""
    written = [name for name, exercise in exercises().items() if _comes_back(exercise)]
    return [*written, *(f"Q{name}" for name in questions()), *(f"P{name}" for name in predictions())]


def _card_of(card_id: str, entry: object) -> Card | None:
    """A card as the file holds it; None for what this course did not write."""
    if not isinstance(entry, dict):
        return None
    box, due = entry.get("box"), _day(entry.get("due"))
    if type(box) is not int or box not in range(len(DAYS)) or due is None:
        return None
    return Card(card_id, box, due)


def _days_of_meeting(content: dict[str, Any]) -> dict[str, date | None]:
    """The day on which each card was made; None where the file does not tell it."""
    passed = section(content, "passed")
    met = {
        name: _day(passed[name]) for name, exercise in exercises().items() if _comes_back(exercise) and name in passed
    }
    for number in course_map.finished(content):
        days = [_day(day) for exercise, day in passed.items() if lesson_of(exercise) == number]
        last = max((day for day in days if day is not None), default=None)
        met |= {f"Q{name}": last for name in questions() if lesson_of(name) == number}
        met |= {f"P{name}": last for name in predictions() if lesson_of(name) == number}
    answered = section(content, "answered")
    met |= {f"Q{name}": _day(answered[name]) for name in questions() if name in answered}
    return met


def _comes_back(exercise: Exercise) -> bool:
    return exercise.kind != "stretch"


def _day(text: object) -> date | None:
    """The day that a text such as "2026-11-26" names, if any."""
    try:
        day = date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return day if day is not None and 2000 <= day.year < 3000 else None


def due_by_file(known: dict[str, Card], today: date) -> list[str]:
    """The ids of the cards that are due, the longest waiting first."""
    due = [card for card in known.values() if card.due <= today]
    return [card.id for card in sorted(due, key=lambda card: (card.due, card.id))]


def due_by_redis(redis_conn: redis.Redis, known: dict[str, Card], today: date) -> list[str]:
    """The same, as the sorted set in Redis tells it, which is made anew before.

    Raises redis-py's RedisError when Redis is gone, or does not let this user do that.
    """
    scores = {card.id: _beginning_of(card.due) for card in known.values()}
    with redis_conn.pipeline() as pipe:  # one transaction: nobody sees half a set, and nobody comes in between
        pipe.delete(DUE_SET)
        pipe.zadd(DUE_SET, scores)
        pipe.expire(DUE_SET, KEPT_FOR)
        pipe.zrange(DUE_SET, "-inf", _beginning_of(today), byscore=True)
        due: list[str] = pipe.execute()[-1]
    return due


def old_ones_first(due: list[str], known: dict[str, Card]) -> list[str]:
    """What was asked before comes before what is new. Otherwise many new cards would hold up a card that was missed."""
    old = [card_id for card_id in due if not known[card_id].is_new]
    new = [card_id for card_id in due if known[card_id].is_new]
    return old + new


def _beginning_of(day: date) -> float:
    """The first moment of a day on this machine, in seconds since 1970."""
    return datetime.combine(day, datetime.min.time()).timestamp()


def chosen(due: list[str], kinds: str, most: int) -> list[str]:
    """At most so many of the cards that are due: the kinds by turns, and as many different lessons as possible.

    `kinds` holds a letter for each place, such as "QPQPE": E is an exercise. A place whose kind is not due gets a
    question of another kind, but never a second exercise.
    """
    taken: list[str] = []
    for kind in kinds[:most]:
        left = [card_id for card_id in due if card_id not in taken]
        fitting = [card_id for card_id in left if kind_of(card_id) == kind]
        fitting = fitting or [card_id for card_id in left if kind_of(card_id) != "E"]
        lessons_taken = {lesson_of(card_id) for card_id in taken}
        others = [card_id for card_id in fitting if lesson_of(card_id) not in lessons_taken]
        taken += (others or fitting)[:1]
    return taken
