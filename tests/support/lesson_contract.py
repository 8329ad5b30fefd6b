"""What a script can see of a good lesson: `violations(lesson)` gives a readable line for each rule that is broken."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import nbformat

from redis_helpers.course.exercises import catalog
from redis_helpers.course.exercises.recording_client import keys_of

MOST_OBJECTIVES, MOST_TO_REMEMBER = 5, 5
CELLS, WORDS = range(25, 46), range(700, 1301)
MEDIAN_LINES, USUAL_LINES, MOST_LINES = 4, 12, 25
LONGEST_ID = 24
MOST_NEW_COMMANDS = 2

VERBS = (
    "answer ask build call change check choose compare count cut delete draw end fence find give guard hand keep let "
    "limit log make measure name pick predict prove rank read recover refuse release replace run say send serve set "
    "show stop store take tell trim turn use wait write"
).split()

# What a method of redis-py, or of the course's own classes, sends: the names that differ from the command's.
METHODS = {
    "delete": "DEL",
    "memory_usage": "MEMORY",
    "config_get": "CONFIG",
    "scan_iter": "SCAN",
    "register_script": "EVAL",
    "xgroup_create": "XGROUP",
    "xgroup_delconsumer": "XGROUP",
    "xinfo_groups": "XINFO",
    "xpending_range": "XPENDING",
}
PLUMBING = {
    "INFO",
    "COMMAND",
    "CONFIG",
    "MEMORY",
    "DBSIZE",
    "OBJECT",
    "PING",
}  # asked of the server, not taught as a tool
COMMANDS = set(
    "APPEND COMMAND CONFIG DBSIZE DECR DECRBY DEL ECHO EXEC EXISTS EXPIRE EXPIRETIME FLUSHALL FLUSHDB GET GETDEL "
    "GETEX HDEL HEXISTS HEXPIRE HGET HGETALL HGETDEL HGETEX HINCRBY HKEYS HLEN HMGET HPERSIST HPEXPIRE HPTTL HSET "
    "HSETEX HSETNX HTTL HVALS INCR INCRBY INCRBYFLOAT INFO KEYS MEMORY MGET MSET MULTI OBJECT PERSIST PEXPIRE "
    "PING PTTL RENAME SCAN SET STRLEN TTL TYPE UNLINK WATCH "
    "BLMOVE BLPOP BRPOP LINDEX LLEN LMOVE LPOP LPUSH LRANGE LREM LTRIM RPOP RPOPLPUSH RPUSH "
    "SADD SCARD SISMEMBER SMEMBERS SMISMEMBER SPOP SREM "
    "ZADD ZCARD ZCOUNT ZINCRBY ZMSCORE ZPOPMAX ZPOPMIN ZRANGE ZRANGEBYSCORE ZRANGESTORE ZRANK ZREM ZREMRANGEBYRANK "
    "ZREMRANGEBYSCORE ZREVRANGE ZREVRANK ZSCORE ZUNIONSTORE "
    "XACK XACKDEL XADD XAUTOCLAIM XCLAIM XDEL XGROUP XINFO XLEN XPENDING XRANGE XREAD XREADGROUP XTRIM "
    "DELEX DELIFEQ DIGEST EVAL EVALSHA GETSET INCREX PUBLISH SUBSCRIBE TIME".split()
)
KEYLESS = set(
    "PING ECHO MULTI EXEC INFO CONFIG COMMAND SCAN DBSIZE MEMORY OBJECT EVAL EVALSHA TIME XREAD XREADGROUP".split()
)  # no key comes first
OWN_CLIENTS = ("redis_conn", "repo", "cache", "pipe", "second", "plain")  # clients of the learner's server


@dataclass
class Lesson:
    """A notebook with what the rules ask of it."""

    path: Path
    cells: list
    metadata: dict = field(default_factory=dict)

    @property
    def number(self) -> int:
        return int(self.path.name[:2])

    def code(self) -> list:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    def text(self) -> list:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]


def read_lesson(path: Path) -> Lesson:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    return Lesson(path, notebook.cells, {**notebook.metadata, "format": (notebook.nbformat, notebook.nbformat_minor)})


def violations(lesson: Lesson, earlier: list[Lesson], later: list[Lesson]) -> list[str]:
    """Every rule that the lesson breaks, as `notebook: cell: sentence`."""
    rules = (form, opening, order, budgets, predictions, exercises, banned, cell_ids, keys, links, images)
    found = []
    for rule in rules:
        found += [f"{lesson.path.name}: {sentence}" for sentence in rule(lesson)]
    found += [f"{lesson.path.name}: {sentence}" for sentence in neighbours(lesson, earlier, later)]
    for rule in (new_commands, taught_before_asked):
        found += [f"{lesson.path.name}: {sentence}" for sentence in rule(lesson, earlier)]
    return found


def form(lesson: Lesson) -> Iterator[str]:
    if lesson.metadata.get("format") != (4, 5):
        yield f"the notebook format is {lesson.metadata.get('format')}, not 4.5"
    for cell in lesson.code():
        if cell.get("outputs") or cell.get("execution_count") is not None:
            yield f"{cell.id}: has stored outputs"


def opening(lesson: Lesson) -> Iterator[str]:
    """The first cell: title, why, objectives, what comes before, time, server."""
    first = lesson.cells[0].source
    if not re.match(rf"# {lesson.path.name[:2]} \S.*\n\n\S.*", first):
        yield f"the first cell does not begin with '# {lesson.path.name[:2]} Title' and why it matters"
    objectives = re.findall(r"(?m)^- (\w+)", first)
    if not 1 <= len(objectives) <= MOST_OBJECTIVES:
        yield f"{len(objectives)} objectives, not 1 to {MOST_OBJECTIVES}"
    for word in objectives:
        if word not in VERBS:
            yield f"the objective '{word} …' does not begin with a verb"
    for pattern, name in {
        r"\*\*Before:\*\* \S": "what comes before",
        r"\*\*Time:\*\* \d+ minutes": "the time in minutes",
        r"\*\*Server:\*\* .*\d": "the least server version",
    }.items():
        if not re.search(pattern, first):
            yield f"the first cell does not say {name}"
    titles = [cell.id for cell in lesson.text() if re.search(r"(?m)^# ", cell.source)]
    if titles != [lesson.cells[0].id]:
        yield f"one title of the first order is wanted, there are {len(titles)}"


def order(lesson: Lesson) -> Iterator[str]:
    """connect · recall (from 02 on) · sections · exercises · remember · quiz · next · cleanup."""
    ids = [cell.id for cell in lesson.cells]
    wanted = [
        "connect",
        *(["recall"] if lesson.number >= 2 else []),
        "exercises",
        "remember",
        "quiz",
        "next",
        "cleanup",
    ]
    for name in set(wanted) - set(ids):
        yield f"the cell '{name}' is missing"
    there = [name for name in ids if name in wanted]
    if there != [name for name in wanted if name in there]:
        yield f"the order is {' · '.join(there)}, not {' · '.join(wanted)}"
    if ids[-1] != "cleanup" or "delete_prefix" not in lesson.cells[-1].source:
        yield "the last cell does not delete the lesson's keys"
    remember = next((cell.source for cell in lesson.cells if cell.id == "remember"), "")
    if not 1 <= len(re.findall(r"(?m)^- ", remember)) <= MOST_TO_REMEMBER:
        yield f"what to remember is not 1 to {MOST_TO_REMEMBER} lines"
    sections = [cell for cell in lesson.text() if re.match(r"## ", cell.source)]
    if not 5 <= len(sections) <= 8:  # three to six of its own, exercises, what to remember
        yield f"{len(sections)} sections with their exercises and summary, not 5 to 8"


def budgets(lesson: Lesson) -> Iterator[str]:
    words = sum(len(cell.source.split()) for cell in lesson.text())
    lines = sorted(_lines(cell) for cell in lesson.code())
    if len(lesson.cells) not in CELLS:
        yield f"{len(lesson.cells)} cells, not {CELLS[0]} to {CELLS[-1]}"
    if words not in WORDS:
        yield f"{words} words, not {WORDS[0]} to {WORDS[-1]}"
    if median(lines) > MEDIAN_LINES:
        yield f"half of the code cells have more than {MEDIAN_LINES} lines (median {median(lines)})"
    if sum(count > USUAL_LINES for count in lines) > len(lines) / 10:
        yield f"more than one code cell in ten has over {USUAL_LINES} lines: {lines}"
    for cell in lesson.code():
        if _lines(cell) > MOST_LINES:
            yield f"{cell.id}: {_lines(cell)} lines of code, at most {MOST_LINES}"


def predictions(lesson: Lesson) -> Iterator[str]:
    places = [place for place, cell in enumerate(lesson.cells) if "predict" in _tags(cell)]
    if len(places) < 2:
        yield f"{len(places)} predictions, at least 2"
    for place in places:
        cell = lesson.cells[place]
        letters = set(re.findall(r"\(([a-e])\)", cell.source))
        if cell.cell_type != "markdown" or len(letters) < 2:
            yield f"{cell.id}: a prediction offers lettered choices, (a) and (b) at least"
        rest = lesson.cells[place + 1 :]
        if not rest or rest[0].cell_type != "code":
            yield f"{cell.id}: a prediction is followed by the code that settles it"
            continue
        answer = next((later for later in rest if later.cell_type == "markdown"), None)
        if (
            answer is None
            or not (right := re.match(r"\*\*\(([a-e])\)\.\*\*", answer.source))
            or right[1] not in letters
        ):
            yield f"{cell.id}: after the code, the explanation begins with the right letter, as **(b).**"


def exercises(lesson: Lesson) -> Iterator[str]:
    for place, cell in enumerate(lesson.cells):
        is_question = cell.cell_type == "markdown" and re.search(r"(?m)^### Exercise (\d\.\d)", cell.source)
        below = lesson.cells[place + 1] if place + 1 < len(lesson.cells) else None
        if is_question and not (below and "exercise" in _tags(below) and f'check("{is_question[1]}"' in below.source):
            yield f"{cell.id}: the cell with check({is_question[1]!r}, …) does not stand right under its question"
        above = lesson.cells[place - 1]
        if "exercise" in _tags(cell) and "### Exercise" not in above.source:
            yield f"{cell.id}: an answer cell without a question above it"


BANNED = {
    r"(?m)^\s*!": "a shell line",
    r"(?m)^\s*%(pip|conda|sh|bash|system)\b": "an install or shell line",
    r"(?m)^%%(bash|sh|script|capture)\b": "a shell cell",
    r"(?i)\bflush(all|db)\b": "FLUSHALL or FLUSHDB",
    r"(?i)#\s*(nbval|nbmake|pragma|noqa|type:|pytest)": "a comment that only a tool reads",
    r"subprocess.*\bpip\b": "an install line",
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
        for call in re.findall(r"(\w+)\.keys\(\s*[\"']", cell.source):
            if call in OWN_CLIENTS:
                yield f"{cell.id}: KEYS on a server that others may use"


def cell_ids(lesson: Lesson) -> Iterator[str]:
    ids = [cell.get("id", "") for cell in lesson.cells]
    for name in ids:
        if not re.fullmatch(rf"[a-z][a-z0-9-]{{2,{LONGEST_ID - 1}}}", name):
            yield f"the cell id '{name}' is not a short name in small letters"
    for name in {name for name in ids if ids.count(name) > 1}:
        yield f"the cell id '{name}' stands twice"


def prefix_of(lesson: Lesson) -> str:
    """The prefix that the lesson's last cell deletes."""
    found = re.search(r'delete_prefix\("(cell-by-cell:\w+:)"\)', lesson.cells[-1].source)
    return found[1] if found else ""


def keys(lesson: Lesson) -> Iterator[str]:
    """Keys written as literals carry the lesson's own prefix."""
    prefix = prefix_of(lesson)
    if not prefix:
        yield "the last cell names no prefix of the lesson's own"
        return
    for cell in lesson.code():
        for key in [*_literal_keys(cell), *_raw_keys(cell)]:
            if not key.startswith((prefix, "course:")):
                yield f"{cell.id}: the key '{key}' does not begin with {prefix}"


def _literal_keys(cell) -> Iterator[str]:
    """First arguments that are texts, of calls on a client of the learner's server."""
    for call in _calls(cell):
        name = call.func.value.id if isinstance(call.func.value, ast.Name) else ""
        if name not in OWN_CLIENTS or not call.args or _command(call.func.attr) in KEYLESS:
            continue
        first = call.args[0].values[0] if isinstance(call.args[0], ast.JoinedStr) else call.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def _raw_keys(cell) -> Iterator[str]:
    for words in _raw_lines(cell):
        for key in keys_of([words[0].upper(), *words[1:]]):
            yield key.strip("\"'")


def commands_used(cell) -> set[str]:
    """The Redis commands that a code cell sends, by redis-py's methods or by `%%redis` lines."""
    by_method = {_command(call.func.attr) for call in _calls(cell)}
    by_line = {words[0].upper() for words in _raw_lines(cell)}
    return ((by_method | by_line) & COMMANDS) - PLUMBING


def commands_named(cell) -> set[str]:
    """The Redis commands that a text names in code style."""
    return {
        word for quoted in re.findall(r"`([^`]+)`", cell.source) for word in re.findall(r"[A-Z]+", quoted)
    } & COMMANDS


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
        for number in re.findall(r'check\("(\d\.\d)"', cell.source):
            solution = nbformat.v4.new_code_cell(catalog.exercises()[number].solution)
            for command in sorted(commands_used(solution) - known):
                yield f"{cell.id}: exercise {number} needs {command}, which is not introduced yet"


def _introduced(cell) -> set[str]:
    return commands_named(cell) if cell.cell_type == "markdown" else commands_used(cell)


def _introduced_in(lessons: list[Lesson]) -> set[str]:
    return {command for lesson in lessons for cell in lesson.cells for command in _introduced(cell)}


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
    text = next((cell.source for cell in lesson.cells if cell.id == "next"), "")
    for word, other in (("Back", earlier[-1:]), ("Next", later[:1])):
        found = re.findall(rf"\*\*{word}:\*\* \[[^\]]+\]\(([^)]+)\)", text)
        if found != [one.path.name for one in other]:
            wanted = [one.path.name for one in other]
            yield f"the link {word} leads to {found or 'nothing'}, not to {wanted or 'nothing'}"


def images(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.text():
        if re.search(r"!\[\s*\]\(", cell.source) or re.search(r"<img(?![^>]*\balt=\"[^\"]+\")", cell.source):
            yield f"{cell.id}: an image without an alternative text"


def _tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def _lines(cell) -> int:
    """Lines of code: not empty, not an import, not a magic."""
    return sum(bool(line.strip()) and not re.match(r"import |from |%", line) for line in cell.source.splitlines())


def _raw_lines(cell) -> list[list[str]]:
    lines = cell.source.splitlines()
    if not lines or not lines[0].startswith("%%redis"):
        return []
    return [line.split() for line in lines[1:] if line.strip() and not line.startswith("#")]


def _calls(cell) -> Iterator[ast.Call]:
    if cell.source.startswith("%%"):
        return
    plain = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
    for node in ast.walk(ast.parse(plain)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node


def _command(method: str) -> str:
    return METHODS.get(method, method.upper())
