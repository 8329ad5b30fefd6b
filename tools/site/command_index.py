"""The index of commands: `build(notebooks)` gives the page, made of the notebooks and of nothing else.

A lesson uses a command where a `%%redis` cell sends it, where a call of redis-py or a Lua script sends it, or where a
text names it in code style. What the course's own helpers send is not counted: a lesson does not show it. The text of
an exercise is not counted either: it asks, and introduces nothing.

The page gives no solution away. An exercise stands at a command of its solution only when its own question or stub
names that command, or the section in which it stands has shown it before.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import redis

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises import catalog
from redis_helpers.course.exercises.model import Exercise
from tools.site.lesson_sections import Place, taught
from tools.site.sent_by_redis_py import words_of

# Methods that Python's own objects and the lessons' have too: only a client's count.
NOT_ONLY_OF_REDIS = {"append", "close", "copy", "get", "keys", "save", "sort", "time", "type", "wait"}
# Methods that send their command later, or more than one.
SENT_LATER = {
    "register_script": ("EVALSHA",),
    "transaction": ("WATCH", "MULTI", "EXEC"),
    "watch": ("WATCH",),  # a pipeline's method: a client's has no use
}
GROUPS = {  # what the server calls them, in the order of the page
    "string": "Strings and numbers",
    "generic": "Keys of every type",
    "hash": "Hashes",
    "list": "Lists",
    "set": "Sets",
    "sorted-set": "Sorted sets",
    "stream": "Streams",
    "transactions": "Transactions",
    "scripting": "Scripts",
    "pubsub": "Messages to everybody",
    "connection": "The connection",
    "server": "The server",
    "cluster": "Clusters",
}
OTHERS = "Others"
MOST_EXERCISES = 6  # of one command: some commands are needed by nearly every exercise
HEAD = """# Index of commands

This page says which lesson introduces a Redis command or one of its options, which lessons use it, and which exercises
practise it. It is made from the lessons.
"""


@dataclass
class Documented:
    """What the server says of its commands."""

    groups: dict[str, str] = field(default_factory=dict)
    options: dict[str, set[str]] = field(default_factory=dict)
    containers: set[str] = field(default_factory=set)  # words such as XGROUP, which are no command by themselves

    def command(self, words: list[str]) -> str:
        """The command that these words begin with, such as SET or XGROUP CREATE; nothing when the server knows none."""
        names = [word.strip(",;:.()").upper() for word in words[:2]]
        for name in (" ".join(names), names[0] if names else ""):
            if name in self.groups and name not in self.containers:
                return name
        return ""

    def named(self, words: list[str]) -> list[str]:
        """The command, and the command with each option that is among the words: SET, SET NX."""
        name = self.command(words)
        if not name:
            return []
        rest = [word.strip(",;:.()[]") for word in words[len(name.split()) :]]
        return [name, *(f"{name} {word}" for word in dict.fromkeys(rest) if word in self.options[name])]


def documented() -> Documented:
    """Asks the embedded server for its commands, their groups, and their options: the words that may be left out."""
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url, decode_responses=True, protocol=3) as client:
        reply: Any = client.execute_command("COMMAND DOCS")
    answers = Documented()
    for name, documents in _with_subcommands(_mapping(reply)):
        answers.groups[name] = documents["group"]
        answers.options[name] = set(_options(documents.get("arguments", []), optional=False))
        if documents.get("subcommands") and not documents.get("arguments"):
            answers.containers.add(name)
    return answers


def _with_subcommands(commands: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, documents in commands.items():
        documents = _mapping(documents)
        yield name.replace("|", " ").upper(), documents
        yield from _with_subcommands(_mapping(documents.get("subcommands", {})))


def _options(arguments: list[Any], optional: bool) -> Iterator[str]:
    """The words of arguments that may be left out. Of a choice of words, each is one."""
    for argument in map(_mapping, arguments):
        may_be_left_out = optional or "optional" in argument.get("flags", [])
        if may_be_left_out and argument.get("token"):
            yield argument["token"].upper()
        yield from _options(argument.get("arguments", []), may_be_left_out)


def _mapping(reply: Any) -> dict[str, Any]:
    """A reply that older protocols give as a flat list."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))


# What a cell names


def named_in_code(source: str, known: Documented) -> list[str]:
    """The commands of a code cell, and of what its scripts call, in no special order."""
    first, _, rest = source.partition("\n")
    if first.startswith("%%needs "):
        return named_in_code(rest, known)
    if first.startswith("%%redis"):
        return [name for line in rest.splitlines() for name in known.named(line.split())]
    plain = "\n".join(line for line in source.splitlines() if not line.startswith("%"))
    return [*_named_in_calls(ast.parse(plain), known), *_named_in_lua(plain, known)]


def _named_in_calls(tree: ast.AST, known: Documented) -> Iterator[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    clients = {_receiver(call) for call in calls if _is_sure(_method(call), known)}
    for call in calls:
        method = _method(call)
        if method in NOT_ONLY_OF_REDIS and _receiver(call) not in clients | {"redis_conn", "pipe"}:
            continue
        if method in SENT_LATER:
            yield from SENT_LATER[method]
        elif method == "pipeline" and not _has_false(call, "transaction"):
            yield from ("MULTI", "EXEC")
        else:
            sent = words_of(call) or [method]
            name = known.command([method]) or known.command(sent)  # `incr` is sent as INCRBY 1: a reader looks for INCR
            written = ast.unparse(call).upper()
            yield from known.named([*name.split(), *(word for word in sent[1:] if word in written)])


def _method(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def _receiver(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return ast.unparse(call.func.value)


def _is_sure(method: str, known: Documented) -> bool:
    """Whether only a client of Redis has such a method."""
    return method not in NOT_ONLY_OF_REDIS and bool(known.command([method]))


def _has_false(call: ast.Call, name: str) -> bool:
    return any(keyword.arg == name and ast.unparse(keyword.value) == "False" for keyword in call.keywords)


def _named_in_lua(source: str, known: Documented) -> Iterator[str]:
    for arguments in re.findall(r"redis\.p?call\(([^)]*)", source):
        words = re.findall(r"""['"]([\w-]+)['"]""", arguments)
        yield from known.named([words[0].upper(), *words[1:]] if words else [])


def named_in_text(source: str, known: Documented) -> list[str]:
    """The commands that a text names in code style: as the server gets them, or as a call of redis-py."""
    found = []
    without_blocks = re.sub(r"(?ms)^```.*?^```", "", source)
    for quoted in re.findall(r"`([^`]+)`", without_blocks):
        if quoted == "KEYS" or " FROM " in quoted:
            continue  # a script's list of keys has the name of a command, and so has the first word of a query in SQL
        if re.match(r"[A-Z]+\b", quoted):
            found += known.named(quoted.split())
        elif "(" in quoted:
            found += _named_in_quoted_call(quoted, known)
    return found


def _named_in_quoted_call(quoted: str, known: Documented) -> list[str]:
    try:
        return list(_named_in_calls(ast.parse(quoted), known))
    except SyntaxError:
        return []


# The index


@dataclass
class Entry:
    """Where a command is: in the order of the lessons, and the exercises that practise it."""

    places: list[Place] = field(default_factory=list)
    exercises: list[tuple[Exercise, Place]] = field(default_factory=list)

    def first_of_each_lesson(self) -> list[Place]:
        return list({place.number: place for place in reversed(self.places)}.values())[::-1]


def entries(notebooks: list[Path], known: Documented) -> dict[str, Entry]:
    """Every command, and every command with one of its options, as SET NX, by its name."""
    found: dict[str, Entry] = defaultdict(Entry)
    for path in notebooks:
        shown: dict[Place, set[str]] = defaultdict(set)
        for cell, place in taught(path):
            for number in exercises_of(cell):
                exercise = catalog.exercises()[number]
                for name in practised(exercise, shown[place], known):
                    found[name].exercises.append((exercise, place))
            names = [] if cell.source.startswith("**Your turn (") else names_of(cell, known)
            shown[place].update(names)
            for name in names:
                found[name].places.append(place)
    return {name: entry for name, entry in found.items() if entry.places}


def names_of(cell: nbformat.NotebookNode, known: Documented) -> list[str]:
    """What a cell names. What is folded counts too: the learner has opened it when the next section begins."""
    return named_in_text(cell.source, known) if cell.cell_type == "markdown" else named_in_code(cell.source, known)


def exercises_of(cell: nbformat.NotebookNode) -> list[str]:
    """The ids of the exercises whose cell this is."""
    if cell.cell_type == "markdown" or "exercise" not in cell.metadata.get("tags", []):
        return []
    return re.findall(r'(?m)^check\("(\d+\.\d+)"', cell.source)


def practised(exercise: Exercise, shown: set[str], known: Documented) -> list[str]:
    """The commands of its solution that a reader of the page may know of: shown, or named in question or stub."""
    named = {*named_in_text(exercise.question, known), *named_in_code(exercise.stub, known)}
    return sorted(set(named_in_code(exercise.solution, known)) & (named | shown))


# The page


def build(notebooks: list[Path]) -> str:
    """Returns the page in Markdown. Its links lead to `lessons/NAME.ipynb#section`, from the top of the site."""
    known = documented()
    found = entries(sorted(notebooks), known)
    blocks = [HEAD]
    for group in [*GROUPS.values(), OTHERS]:
        names = sorted(name for name in found if _group(name, known) == group)
        if names:
            blocks.append(
                f"## {group}\n\n" + "\n".join([*TABLE_HEAD, *(_row(name, found[name]) for name in names)]) + "\n"
            )
    return "\n".join(blocks)


TABLE_HEAD = ["| Command | Introduced in | Also in | Exercises |", "|---|---|---|---|"]


def _group(name: str, known: Documented) -> str:
    command = name if name in known.groups else name.rpartition(" ")[0]
    return GROUPS.get(known.groups[command], OTHERS)


def _row(name: str, entry: Entry) -> str:
    first, *others = entry.first_of_each_lesson()
    also = ", ".join(f"[{place.number}]({place.address()})" for place in others)
    exercises = [f"[{exercise.id}]({place.address()}) {exercise.title}" for exercise, place in entry.exercises]
    shown = exercises[:MOST_EXERCISES]
    if len(exercises) > len(shown):
        shown.append(f"and {len(exercises) - len(shown)} more")
    return f"| `{name}` | {first.link()} | {also} | {'; '.join(shown)} |"
