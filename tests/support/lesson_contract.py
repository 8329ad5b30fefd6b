"""What a script can see of a good lesson: `violations(lesson)` gives a readable line for each rule that is broken.

ruff checks the code of the cells besides (notebooks/.ruff.toml). Whether an idea is clear, no script can see.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import takewhile
from pathlib import Path

import nbformat
import redis

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises import catalog

MOST_OBJECTIVES = 4
MOST_TO_REMEMBER = 5
MOST_LINES = 15  # of a code cell, empty lines not counted
LONGEST_LINE = 88
LONGEST_ID = 24
MOST_NEW_COMMANDS = 2
IN_EVERY_LESSON = {"check", "hint", "progress", "quiz", "review", "solution"}  # imported by the connect cell
FIRST_TURN = 10  # cells until the learner types something, the review not counted

# Methods whose name does not begin with the command that they send.
OTHER_NAMES = {"delete": "DEL", "register_script": "EVAL"}
# Commands with the name of a method that lists, dicts, clocks or events have too.
NOT_ONLY_OF_REDIS = {"append", "copy", "keys", "sort", "time", "wait"}
# Asked of the server, not taught as a tool.
PLUMBING = {"INFO", "COMMAND", "CONFIG", "MEMORY", "DBSIZE", "OBJECT", "PING"}


@cache
def server_commands() -> frozenset[str]:
    """Every command that the embedded server knows, and those of newer servers that the lessons speak of."""
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        known = {name.upper() for name in client.command()}
    return frozenset(known | {"DELEX", "DELIFEQ", "DIGEST", "INCREX", "GETSET"})


@dataclass
class Lesson:
    """A notebook with what the rules ask of it."""

    path: Path
    cells: list
    metadata: dict = field(default_factory=dict)

    @property
    def number(self) -> int:
        return int(self.path.name[:2])

    @cached_property
    def introduced(self) -> set[str]:
        """The Redis commands that its cells name or use."""
        return {command for cell in self.cells for command in _introduced(cell)}

    def code(self) -> list:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    def text(self) -> list:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]


def read_lesson(path: Path) -> Lesson:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    return Lesson(path, notebook.cells, {**notebook.metadata, "format": (notebook.nbformat, notebook.nbformat_minor)})


def violations(lesson: Lesson, earlier: list[Lesson], later: list[Lesson]) -> list[str]:
    """Every rule that the lesson breaks, as `notebook: cell: sentence`."""
    rules: list[Callable[[Lesson], Iterator[str]]]
    rules = [form, titles, opening, order, at_hand, banned, cell_ids, links, images]
    rules += [short_cells, one_job, folded_answers, predictions, first_turn, turns, recall]
    found = [sentence for rule in rules for sentence in rule(lesson)]
    found += neighbours(lesson, earlier, later)
    found += new_commands(lesson, earlier)
    found += taught_before_asked(lesson, earlier)
    return [f"{lesson.path.name}: {sentence}" for sentence in found]


# The whole notebook


def form(lesson: Lesson) -> Iterator[str]:
    """nbformat 4.5, nothing stored."""
    if lesson.metadata.get("format") != (4, 5):
        yield f"the notebook format is {lesson.metadata.get('format')}, not 4.5"
    for cell in lesson.code():
        if cell.get("outputs") or cell.get("execution_count") is not None:
            yield f"{cell.id}: has stored outputs"


def titles(lesson: Lesson) -> Iterator[str]:
    """One title of the first order, in the first cell, with the lesson's number and why it matters."""
    if not re.match(rf"# {lesson.path.name[:2]} \S.*\n\n\S.*", lesson.cells[0].source):
        yield f"the first cell does not begin with '# {lesson.path.name[:2]} Title' and why it matters"
    first_order = [cell.id for cell in lesson.text() if re.search(r"(?m)^# ", cell.source)]
    if first_order != [lesson.cells[0].id]:
        yield f"one title of the first order is wanted, there are {len(first_order)}"


def opening(lesson: Lesson) -> Iterator[str]:
    """The first cell: what you can do afterwards, what comes before, time, server."""
    first = lesson.cells[0].source
    objectives = re.findall(r"(?m)^- (\w+)", first)
    if not 1 <= len(objectives) <= MOST_OBJECTIVES:
        yield f"{len(objectives)} objectives, not 1 to {MOST_OBJECTIVES}"
    wanted = {
        r"\*\*Before:\*\* \S": "what comes before",
        r"\*\*Time:\*\* \d+ minutes of reading, \d+ of exercises": "the minutes of reading and of exercises",
        r"\*\*Server:\*\* .*\d": "the least server version",
    }
    for pattern, name in wanted.items():
        if not re.search(pattern, first):
            yield f"the first cell does not say {name}"


def order(lesson: Lesson) -> Iterator[str]:
    """connect · review and recall (from 02 on) · sections · remember · quiz · next · cleanup."""
    ids = [cell.id for cell in lesson.cells]
    wanted = ["connect", "remember", "quiz", "next", "cleanup"]
    if lesson.number >= 2:
        wanted[1:1] = ["review", "recall"]
    for name in wanted:
        if name not in ids:
            yield f"the cell '{name}' is missing"
    there = [name for name in ids if name in wanted]
    if there != [name for name in wanted if name in there]:
        yield f"the order is {' · '.join(there)}, not {' · '.join(wanted)}"
    if ids[-1] != "cleanup" or 'delete_prefix("cell-by-cell:' not in lesson.cells[-1].source:
        yield "the last cell does not delete the lesson's keys, those under cell-by-cell:"
    remember = next((cell.source for cell in lesson.cells if cell.id == "remember"), "")
    if not 1 <= len(re.findall(r"(?m)^- ", remember)) <= MOST_TO_REMEMBER:
        yield f"what to remember is not 1 to {MOST_TO_REMEMBER} lines"


def at_hand(lesson: Lesson) -> Iterator[str]:
    """What the course says that can be called in every lesson is imported in every lesson."""
    source = next((cell.source for cell in lesson.cells if cell.id == "connect"), "")
    imported = re.search(r"(?m)^from redis_helpers\.course\.exercises import (.+)$", source)
    missing = IN_EVERY_LESSON - set(imported[1].split(", ") if imported else [])
    if missing:
        yield f"connect: {', '.join(sorted(missing))} not imported"


def cell_ids(lesson: Lesson) -> Iterator[str]:
    ids = [cell.get("id", "") for cell in lesson.cells]
    for name in ids:
        if not re.fullmatch(rf"[a-z][a-z0-9-]{{2,{LONGEST_ID - 1}}}", name):
            yield f"the cell id '{name}' is not a short name in small letters"
    for name in {name for name in ids if ids.count(name) > 1}:
        yield f"the cell id '{name}' stands twice"


BANNED = {
    r"(?m)^\s*!": "a shell line",
    r"(?m)^\s*%(pip|conda|sh|bash|system)\b": "an install or shell line",
    r"(?m)^%%(bash|sh|script|capture)\b": "a shell cell",
    r"(?i)\bflush(all|db)\b": "FLUSHALL or FLUSHDB",
    r"(?i)#\s*(nbval|nbmake|pragma|noqa|type:|pytest)": "a comment that only a tool reads",
    r"subprocess.*\bpip\b": "an install line",
    r"\b(redis_conn|repo|cache|pipe)\.keys\(": "KEYS on a server that others may use",
}


def banned(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.cells:
        for tag in {"raises-exception", "skip-execution", "remove-cell"} & set(_tags(cell)):
            yield f"{cell.id}: the tag {tag} is banned"
    if "allow_errors" in str(lesson.metadata):
        yield "allow_errors is banned"
    for cell in lesson.code():
        for pattern, name in BANNED.items():
            if re.search(pattern, cell.source):
                yield f"{cell.id}: {name} is banned"


# Code cells and text cells


def short_cells(lesson: Lesson) -> Iterator[str]:
    """One thing a cell: what is longer does two. Lines that nobody has to scroll for."""
    for cell in lesson.code():
        lines = [line for line in cell.source.splitlines() if line.strip()]
        if len(lines) > MOST_LINES:
            yield f"{cell.id}: {len(lines)} lines of code, at most {MOST_LINES}"
        if any(len(line) > LONGEST_LINE for line in lines):
            yield f"{cell.id}: a line of more than {LONGEST_LINE} characters"


def one_job(lesson: Lesson) -> Iterator[str]:
    """A text cell introduces, or asks, or answers."""
    for cell in lesson.text():
        if cell.id == lesson.cells[0].id or cell.id == "recall":
            continue
        before_heading = re.split(r"(?m)^#{2,6} ", cell.source)[0]
        if before_heading.strip() and before_heading != cell.source:
            yield f"{cell.id}: text above a heading, two jobs in one cell"
        jobs = [bool(re.search(r"(?m)^#{2,6} ", cell.source)), "**Your turn" in cell.source, "predict" in _tags(cell)]
        if "<details>" in cell.source and any(jobs):
            yield f"{cell.id}: an answer shares its cell with another job"
        if "**Your turn" in cell.source and "predict" in _tags(cell):
            yield f"{cell.id}: a turn and a prediction in one cell"
        if jobs[0] and "predict" in _tags(cell):
            yield f"{cell.id}: an idea and a prediction in one cell"


FOLDED = re.compile(r"(?s)<details><summary>Answer</summary>\n\n(.+?)\n?</details>")


def folded_answers(lesson: Lesson) -> Iterator[str]:
    """Nobody sees an answer before the question is theirs."""
    for cell in lesson.text():
        open_text = FOLDED.sub("", cell.source)
        if "<details>" in open_text or "</details>" in open_text:
            yield f"{cell.id}: not folded as <details><summary>Answer</summary>, an empty line, the text, </details>"
        if re.search(r"\*\*\([a-e]\)\.?\*\*", open_text):
            yield f"{cell.id}: an answer that is not folded"


def predictions(lesson: Lesson) -> Iterator[str]:
    """A question with lettered choices · the code that settles it, and asserts nothing · the right letter, folded."""
    places = [place for place, cell in enumerate(lesson.cells) if "predict" in _tags(cell)]
    if len(places) < 2:
        yield f"{len(places)} predictions, at least 2"
    right_letters = []
    for place in places:
        cell = lesson.cells[place]
        letters = set(re.findall(r"\(([a-e])\)", cell.source))
        if cell.cell_type != "markdown" or len(letters) < 2:
            yield f"{cell.id}: a prediction offers lettered choices, (a) and (b) at least"
        rest = lesson.cells[place + 1 :]
        if not rest or rest[0].cell_type != "code":
            yield f"{cell.id}: a prediction is followed by the code that settles it"
            continue
        settles = list(takewhile(lambda later: later.cell_type == "code", rest))
        if any(re.search(r"(?m)^\s*assert ", later.source) for later in settles):
            yield f"{cell.id}: an assertion tells the answer before the learner has one: it stands after the answer"
        answer = next((FOLDED.search(later.source) for later in rest if later.cell_type == "markdown"), None)
        right = re.match(r"\*\*\(([a-e])\)\.\*\*", answer[1]) if answer else None
        if right is None or right[1] not in letters:
            yield f"{cell.id}: after the code, a folded answer begins with the right letter, as **(b).**"
        else:
            right_letters.append(right[1])
    if len(right_letters) > 2 and len(set(right_letters)) == 1:
        yield f"the right letter is always ({right_letters[0]})"


# What the learner does


def first_turn(lesson: Lesson) -> Iterator[str]:
    first_cells = [cell for cell in lesson.cells if cell.id != "review"][:FIRST_TURN]
    if not any("exercise" in _tags(cell) or cell.source.startswith("**Your turn") for cell in first_cells):
        yield f"nothing to type within the first {FIRST_TURN} cells"


def turns(lesson: Lesson) -> Iterator[str]:
    """The question stands right above its cell; hint and solution stand ready below the check, commented."""
    for above, cell in zip(lesson.cells, lesson.cells[1:], strict=False):
        if "exercise" not in _tags(cell):
            continue
        if above.cell_type != "markdown" or "**Your turn" not in above.source:
            yield f"{cell.id}: a cell to type in, and no '**Your turn' right above it"
        for number in re.findall(r'(?m)^check\("(\d+\.\d+)"', cell.source):
            for name in ("hint", "solution"):
                if f'# {name}("{number}")' not in cell.source:
                    yield f'{cell.id}: # {name}("{number}") does not stand ready'


def recall(lesson: Lesson) -> Iterator[str]:
    """From 02 on: two questions that are due, or else the two that stand there, from different earlier lessons."""
    if lesson.number < 2:
        return
    if next((cell.source for cell in lesson.cells if cell.id == "review"), "") != "review(2)":
        yield "the cell 'review' is not review(2)"
    asked = next((cell.source for cell in lesson.cells if cell.id == "recall"), "")
    numbers = [int(number) for number in re.findall(r"\*\*From lesson (\d\d)", asked)]
    if len(set(numbers)) < 2 or any(number >= lesson.number for number in numbers):
        yield f"the recall asks of lessons {numbers}, not of two different earlier ones"


# What is taught, and when


def commands_used(cell) -> set[str]:
    """The Redis commands that a code cell sends, by redis-py's methods or by `%%redis` lines."""
    by_method = {_command(call.func.attr) for call in _calls(cell) if call.func.attr not in NOT_ONLY_OF_REDIS}
    by_line = {words[0].upper() for words in _raw_lines(cell)}
    return ((by_method | by_line) & server_commands()) - PLUMBING


def commands_named(cell) -> set[str]:
    """The Redis commands that a text names in code style."""
    words = {word for quoted in re.findall(r"`([^`]+)`", cell.source) for word in re.findall(r"[A-Z]+", quoted)}
    return words & server_commands()


def new_commands(lesson: Lesson, earlier: list[Lesson]) -> Iterator[str]:
    """A code cell uses at most two commands that neither a text nor a cell before it has introduced."""
    known = _introduced_in(earlier)
    for cell in lesson.cells:
        fresh = commands_used(cell) - known if cell.cell_type == "code" else set()
        if len(fresh) > MOST_NEW_COMMANDS:
            yield f"{cell.id}: {len(fresh)} new commands at once ({', '.join(sorted(fresh))}), not {MOST_NEW_COMMANDS}"
        known |= _introduced(cell)


def taught_before_asked(lesson: Lesson, earlier: list[Lesson]) -> Iterator[str]:
    """An exercise's solution needs no command that neither this lesson nor an earlier one has introduced."""
    known = _introduced_in(earlier)
    for cell in lesson.cells:
        if "exercise" not in _tags(cell):
            known |= _introduced(cell)
            continue
        for number in re.findall(r'(?m)^check\("(\d+\.\d+)"', cell.source):
            solution = nbformat.v4.new_code_cell(catalog.exercises()[number].solution)
            for command in sorted(commands_used(solution) - known):
                yield f"{cell.id}: exercise {number} needs {command}, which is not introduced yet"


def _introduced(cell) -> set[str]:
    return commands_named(cell) if cell.cell_type == "markdown" else commands_used(cell)


def _introduced_in(lessons: list[Lesson]) -> set[str]:
    return {command for lesson in lessons for command in lesson.introduced}


# Links and pictures


def links(lesson: Lesson) -> Iterator[str]:
    """Links inside the repository lead to a file, and anchors to a heading in it."""
    for cell in lesson.text():
        for target in re.findall(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)", cell.source):
            if "://" in target:
                continue
            name, _, anchor = target.partition("#")
            path = (lesson.path.parent / name) if name else lesson.path
            if not path.exists():
                yield f"{cell.id}: the link {target} leads nowhere"
            elif anchor and anchor not in _anchors(path):
                yield f"{cell.id}: the link {target} names no heading"


def _anchors(path: Path) -> set[str]:
    texts = [cell.source for cell in read_lesson(path).text()] if path.suffix == ".ipynb" else [path.read_text("utf-8")]
    return {title.strip().replace(" ", "-") for text in texts for title in re.findall(r"(?m)^#+ (.+)$", text)}


def neighbours(lesson: Lesson, earlier: list[Lesson], later: list[Lesson]) -> Iterator[str]:
    """Back and Next lead to the lessons beside this one."""
    text = next((cell.source for cell in lesson.cells if cell.id == "next"), "")
    for word, other in (("Back", earlier[-1:]), ("Next", later[:1])):
        found = re.findall(rf"\*\*{word}:\*\* \[[^\]]+\]\(([^)]+)\)", text)
        wanted = [one.path.name for one in other]
        if found != wanted:
            yield f"the link {word} leads to {found or 'nothing'}, not to {wanted or 'nothing'}"


def images(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.text():
        if re.search(r"!\[\s*\]\(", cell.source) or re.search(r"<img(?![^>]*\balt=\"[^\"]+\")", cell.source):
            yield f"{cell.id}: an image without an alternative text"


# Reading cells


def _tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def _source(cell) -> str:
    """The cell without the line that says which commands it needs."""
    first, _, rest = cell.source.partition("\n")
    return rest if first.startswith("%%needs ") else cell.source


def _raw_lines(cell) -> list[list[str]]:
    lines = _source(cell).splitlines()
    if not lines or not lines[0].startswith("%%redis"):
        return []
    return [line.split() for line in lines[1:] if line.strip() and not line.startswith("#")]


def _calls(cell) -> Iterator[ast.Call]:
    if _source(cell).startswith("%%"):
        return
    plain = "\n".join(line for line in _source(cell).splitlines() if not line.startswith("%"))
    for node in ast.walk(ast.parse(plain)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node


def _command(method: str) -> str:
    """What a method of redis-py sends: `hset` HSET, `scan_iter` SCAN, `memory_usage` MEMORY."""
    if method in OTHER_NAMES:
        return OTHER_NAMES[method]
    whole = method.upper()
    return whole if whole in server_commands() else whole.partition("_")[0]
