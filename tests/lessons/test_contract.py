"""The lesson contract: every notebook keeps it, and each of its rules can fail."""

from pathlib import Path

import nbformat
import pytest

from tests.support import lesson_contract as contract
from tests.support.lesson_contract import Lesson, read_lesson, violations

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_keeps_the_contract(path):
    lessons = [read_lesson(one) for one in NOTEBOOKS if not one.stem.endswith(".walk")]
    place = [lesson.path for lesson in lessons].index(path)
    broken = violations(lessons[place], lessons[:place], lessons[place + 1 :])
    assert not broken, "\n" + "\n".join(broken)


def text(source, name="some-text", *tags):
    return nbformat.v4.new_markdown_cell(source, id=name, metadata={"tags": list(tags)})


def code(source, name="some-code", *tags):
    return nbformat.v4.new_code_cell(source, id=name, metadata={"tags": list(tags)})


def lesson(*cells, name="02_small.ipynb", **metadata):
    return Lesson(Path(__file__).parents[1] / name, list(cells), {"format": (4, 5), **metadata})


GOOD_OPENING = """# 02 Small

Why it matters.

**After this notebook you can**

- say one thing;

**Before:** 01. **Time:** 5 minutes. **Server:** Redis 6.2 or newer."""
CLEANUP = code('repo.delete_prefix("small:")', "cleanup")
PREDICTION = text("Which?\n\n(a) one · (b) two", "guess", "predict")
QUESTION = text("### Exercise 1.1: store once", "ask")


def with_output():
    cell = code("1 + 1")
    cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "2"}, execution_count=1)]
    return cell


BREACHES = {
    "old format": (contract.form, lesson(format=(4, 4)), "not 4.5"),
    "stored output": (contract.form, lesson(with_output()), "has stored outputs"),
    "no number in the title": (contract.opening, lesson(text("# Small\n\nWhy.")), "does not begin with '# 02 Title'"),
    "no objectives": (contract.opening, lesson(text("# 02 Small\n\nWhy.")), "0 objectives"),
    "six objectives": (
        contract.opening,
        lesson(text(GOOD_OPENING.replace("- say one thing;", "- say it;\n" * 6))),
        "6 objectives",
    ),
    "an objective that is no verb": (
        contract.opening,
        lesson(text(GOOD_OPENING.replace("say", "knowledge of"))),
        "'knowledge …' does not begin with a verb",
    ),
    "no time": (contract.opening, lesson(text(GOOD_OPENING.replace("5 minutes", "short"))), "the time in minutes"),
    "no server": (contract.opening, lesson(text(GOOD_OPENING.replace("Redis 6.2", "any"))), "the least server version"),
    "nothing before": (
        contract.opening,
        lesson(text(GOOD_OPENING.replace("**Before:** 01.", ""))),
        "what comes before",
    ),
    "two titles": (contract.opening, lesson(text(GOOD_OPENING), text("# 03 Another")), "there are 2"),
    "no recall": (contract.order, lesson(code("1", "connect"), CLEANUP), "'recall' is missing"),
    "wrong order": (contract.order, lesson(text("x", "next"), code("1", "quiz"), CLEANUP), "the order is next · quiz"),
    "no cleanup": (contract.order, lesson(text("x", "next")), "does not delete the lesson's keys"),
    "six lines to remember": (contract.order, lesson(text("- x\n" * 6, "remember"), CLEANUP), "not 1 to 5 lines"),
    "no sections": (contract.order, lesson(CLEANUP), "0 sections"),
    "too few cells": (contract.budgets, lesson(CLEANUP), "1 cells, not 25 to 45"),
    "too many words": (contract.budgets, lesson(text("word " * 1301), CLEANUP), "1301 words, not 700 to 1300"),
    "long cells": (contract.budgets, lesson(code("x\n" * 5)), "median 5"),
    "many long cells": (contract.budgets, lesson(code("x\n" * 13), CLEANUP), "more than one code cell in ten"),
    "one huge cell": (contract.budgets, lesson(code("x\n" * 26)), "26 lines of code, at most 25"),
    "one prediction": (contract.predictions, lesson(PREDICTION), "1 predictions, at least 2"),
    "a prediction without letters": (
        contract.predictions,
        lesson(text("Well?", "guess", "predict"), code("1"), text("**(a).**")),
        "offers lettered choices",
    ),
    "a prediction without code": (contract.predictions, lesson(PREDICTION, text("**(b).**")), "followed by the code"),
    "a prediction without an answer": (
        contract.predictions,
        lesson(PREDICTION, code("1"), text("So it is.")),
        "begins with the right letter",
    ),
    "an answer that was no choice": (
        contract.predictions,
        lesson(PREDICTION, code("1"), text("**(c).** So it is.")),
        "begins with the right letter",
    ),
    "an exercise without its cell": (contract.exercises, lesson(QUESTION, text("Well?")), "right under its question"),
    "an exercise with another's check": (
        contract.exercises,
        lesson(QUESTION, code('check("1.2", f)', "answer", "exercise")),
        "right under its question",
    ),
    "an answer without a question": (
        contract.exercises,
        lesson(text("Hm."), code('check("1.2", f)', "answer", "exercise")),
        "without a question above it",
    ),
    "raises-exception": (contract.banned, lesson(code("1", "boom", "raises-exception")), "raises-exception is banned"),
    "allow_errors": (contract.banned, lesson(execution={"allow_errors": True}), "allow_errors is banned"),
    "shell": (contract.banned, lesson(code("!ls")), "a shell line is banned"),
    "pip": (contract.banned, lesson(code("%pip install redis")), "an install or shell line is banned"),
    "bash": (contract.banned, lesson(code("%%bash\nls")), "a shell cell is banned"),
    "flush": (contract.banned, lesson(code("redis_conn.flushdb()")), "FLUSHALL or FLUSHDB is banned"),
    "a comment for a tool": (contract.banned, lesson(code("x = 1  # noqa")), "a comment that only a tool reads"),
    "KEYS": (contract.banned, lesson(code('redis_conn.keys("*")')), "KEYS on a server that others may use"),
    "a long id": (contract.cell_ids, lesson(code("1", "x" * 25)), "not a short name"),
    "a random id": (contract.cell_ids, lesson(code("1", "8f3a")), "not a short name"),
    "an id twice": (contract.cell_ids, lesson(code("1", "one"), code("2", "one")), "stands twice"),
    "no prefix": (contract.keys, lesson(code("1")), "names no prefix"),
    "another's key": (
        contract.keys,
        lesson(code('redis_conn.set("foo", 1)'), CLEANUP),
        "'foo' does not begin with small:",
    ),
    "another's key, built": (contract.keys, lesson(code('repo.get(f"user:{1}")'), CLEANUP), "'user:' does not begin"),
    "another's key, raw": (contract.keys, lesson(code("%%redis\nSET foo 1"), CLEANUP), "'foo' does not begin"),
    "a dead link": (contract.links, lesson(text("[there](99_nowhere.ipynb)")), "leads nowhere"),
    "a dead anchor": (contract.links, lesson(text("[there](../README.md#no-such-heading)")), "names no heading"),
    "an image without words": (contract.images, lesson(text("![](../pictures/pipeline.png)")), "alternative text"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_each_rule_can_fail(breach):
    rule, broken, sentence = BREACHES[breach]
    found = list(rule(broken))
    assert any(sentence in line for line in found), f"wanted '{sentence}' in {found}"


def test_more_than_two_new_commands_in_a_cell_are_seen():
    crowded = lesson(code("%%redis\nSET small:a 1\nGET small:a\nDEL small:a"))
    assert "3 new commands at once (DEL, GET, SET)" in next(contract.new_commands(crowded, []))
    taught_earlier = lesson(text("`SET` stores."))
    assert not list(contract.new_commands(crowded, [taught_earlier]))


def test_an_exercise_that_needs_an_untaught_command_is_seen():
    asked = lesson(QUESTION, code('check("1.1", put_once)', "answer", "exercise"))
    assert "needs INCRBY" in next(contract.taught_before_asked(asked, []))
    assert not list(contract.taught_before_asked(asked, [lesson(text("`INCRBY` and `GET`"))]))


def test_wrong_neighbours_are_seen():
    alone = lesson(text("**Back:** [x](00_start_here.ipynb)", "next"))
    before, after = lesson(name="01_before.ipynb"), lesson(name="03_after.ipynb")
    found = list(contract.neighbours(alone, [before], [after]))
    assert len(found) == 2
    assert "not to ['01_before.ipynb']" in found[0]
    assert "Next leads to nothing, not to ['03_after.ipynb']" in found[1]
