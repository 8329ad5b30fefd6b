"""The lesson contract: every notebook keeps it, and each of its rules can fail."""

from functools import cache
from pathlib import Path

import nbformat
import pytest

from tests.support import lesson_contract as contract
from tests.support.lesson_contract import Lesson, read_lesson, violations

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))
NOTEBOOKS = [path for path in NOTEBOOKS if path.suffixes == [".ipynb"]]  # not a copy such as 01_basics.walk.ipynb


@cache
def all_lessons():
    return [read_lesson(path) for path in NOTEBOOKS if not path.stem.endswith(".walk")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_keeps_the_contract(path):
    lessons = all_lessons()
    place = [lesson.path for lesson in lessons].index(path)
    broken = violations(lessons[place], lessons[:place], lessons[place + 1 :])
    assert not broken, "\n" + "\n".join(broken)


def text(source, name="some-text", *tags):
    return nbformat.v4.new_markdown_cell(source, id=name, metadata={"tags": list(tags)})


def code(source, name="some-code", *tags):
    return nbformat.v4.new_code_cell(source, id=name, metadata={"tags": list(tags)})


def lesson(*cells, name="02_small.ipynb", **metadata):
    return Lesson(Path(__file__).parents[2] / "notebooks" / name, list(cells), {"format": (4, 5), **metadata})


GOOD_OPENING = """# 02 Small

Why it matters.

**After this lesson you can**

- say one thing;

**Before:** 01. **Time:** 20 minutes of reading, 10 of exercises. **Server:** Redis 6.2 or newer."""
CONNECT = "from redis_helpers.course.exercises import check, hint, progress, quiz, review, solution"
CLEANUP = code('repo.delete_prefix("cell-by-cell:small:")', "cleanup")
PREDICTION = text("Which?\n\n(a) one · (b) two", "guess", "predict")
ANSWER = "<details><summary>Answer</summary>\n\n**(b).** So it is.\n</details>"
TURN = text("**Your turn.** Store once.", "ask")
STUB = 'def f():\n    pass\n\n\ncheck("1.2", f)\n# hint("1.2")\n# solution("1.2")'


def answered(letter):
    return text(ANSWER.replace("(b)", f"({letter})"), f"answer-{letter}")


def with_output():
    cell = code("1 + 1")
    cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "2"}, execution_count=1)]
    return cell


BREACHES = {
    "no progress in a lesson": (
        contract.at_hand,
        lesson(code(CONNECT.replace(" progress,", ""), "connect")),
        "progress not imported",
    ),
    "old format": (contract.form, lesson(format=(4, 4)), "not 4.5"),
    "stored output": (contract.form, lesson(with_output()), "has stored outputs"),
    "no number in the title": (contract.titles, lesson(text("# Small\n\nWhy.")), "does not begin with '# 02 Title'"),
    "two titles": (contract.titles, lesson(text(GOOD_OPENING), text("# 03 Another")), "there are 2"),
    "no objectives": (contract.opening, lesson(text("# 02 Small\n\nWhy.")), "0 objectives"),
    "five objectives": (
        contract.opening,
        lesson(text(GOOD_OPENING.replace("- say one thing;", "- say it;\n" * 5))),
        "5 objectives",
    ),
    "no time": (contract.opening, lesson(text(GOOD_OPENING.replace("20 minutes", "short"))), "the minutes of reading"),
    "one time": (contract.opening, lesson(text(GOOD_OPENING.replace(" of reading, 10", ""))), "the minutes of reading"),
    "no server": (contract.opening, lesson(text(GOOD_OPENING.replace("Redis 6.2", "any"))), "the least server version"),
    "nothing before": (
        contract.opening,
        lesson(text(GOOD_OPENING.replace("**Before:** 01.", ""))),
        "what comes before",
    ),
    "no recall": (contract.order, lesson(code("1", "connect"), CLEANUP), "'recall' is missing"),
    "wrong order": (contract.order, lesson(text("x", "next"), code("1", "quiz"), CLEANUP), "the order is next · quiz"),
    "recall before the review": (
        contract.order,
        lesson(text("x", "recall"), code("review(2)", "review"), CLEANUP),
        "the order is recall · review",
    ),
    "no cleanup": (contract.order, lesson(text("x", "next")), "does not delete the lesson's keys"),
    "a cleanup of others' keys": (
        contract.order,
        lesson(code('repo.delete_prefix("small:")', "cleanup")),
        "those under cell-by-cell:",
    ),
    "six lines to remember": (contract.order, lesson(text("- x\n" * 6, "remember"), CLEANUP), "not 1 to 5 lines"),
    "a long cell": (contract.short_cells, lesson(code("x\n" * 16)), "16 lines of code, at most 15"),
    "a long line": (contract.short_cells, lesson(code("x" * 89)), "more than 88 characters"),
    "text above a heading": (contract.one_job, lesson(CLEANUP, text("So.\n\n## Next idea")), "two jobs"),
    "an answer and the next idea": (contract.one_job, lesson(CLEANUP, text(f"## Next idea\n\n{ANSWER}")), "shares"),
    "an answer and a turn": (contract.one_job, lesson(CLEANUP, text(f"{ANSWER}\n\n**Your turn.**")), "shares its cell"),
    "a prediction with its answer": (
        contract.one_job,
        lesson(CLEANUP, text(f"Which? (a) · (b)\n\n{ANSWER}", "guess", "predict")),
        "shares its cell",
    ),
    "a turn in a prediction": (
        contract.one_job,
        lesson(CLEANUP, text("(a) · (b)\n\n**Your turn.**", "guess", "predict")),
        "a turn and a prediction",
    ),
    "an idea in a prediction": (
        contract.one_job,
        lesson(CLEANUP, text("## Two locks\n\nA waits.\n\n(a) · (b)", "guess", "predict")),
        "an idea and a prediction",
    ),
    "an open answer": (contract.folded_answers, lesson(text("**(b).** So it is.")), "not folded"),
    "an answer folded without its empty line": (
        contract.folded_answers,
        lesson(text("<details><summary>Answer</summary>\n**(b).** So it is.\n</details>")),
        "not folded as",
    ),
    "one prediction": (contract.predictions, lesson(PREDICTION), "1 predictions, at least 2"),
    "a prediction without letters": (
        contract.predictions,
        lesson(text("Well?", "guess", "predict"), code("1"), answered("a")),
        "offers lettered choices",
    ),
    "a prediction without code": (contract.predictions, lesson(PREDICTION, answered("b")), "followed by the code"),
    "a prediction without an answer": (
        contract.predictions,
        lesson(PREDICTION, code("1"), text("So it is.")),
        "begins with the right letter",
    ),
    "an answer that was no choice": (
        contract.predictions,
        lesson(PREDICTION, code("1"), answered("c")),
        "begins with the right letter",
    ),
    "an assertion above the answer": (
        contract.predictions,
        lesson(PREDICTION, code("found = 1"), code('assert found == 1, "it is found once"'), answered("a")),
        "tells the answer before",
    ),
    "always the same letter": (
        contract.predictions,
        lesson(*[PREDICTION, code("1"), answered("b")] * 3),
        "always (b)",
    ),
    "nothing to type": (contract.first_turn, lesson(*[CLEANUP] * 10, TURN), "nothing to type"),
    "a cell to type in without a turn": (
        contract.turns,
        lesson(text("Hm."), code(STUB, "answer", "exercise")),
        "no '**Your turn'",
    ),
    "no hint ready": (
        contract.turns,
        lesson(TURN, code(STUB.replace('# hint("1.2")', ""), "answer", "exercise")),
        '# hint("1.2") does not stand ready',
    ),
    "another's solution ready": (
        contract.turns,
        lesson(TURN, code(STUB.replace('# solution("1.2")', '# solution("1.3")'), "answer", "exercise")),
        '# solution("1.2") does not stand ready',
    ),
    "recall of one lesson only": (
        contract.recall,
        lesson(text("**From lesson 01.** x\n\n**From lesson 01.** y", "recall")),
        "not of two different",
    ),
    "no review": (contract.recall, lesson(code("review()", "review")), "is not review(2)"),
    "recall of a later lesson": (
        contract.recall,
        lesson(text("**From lesson 01.** x\n\n**From lesson 03.** y", "recall")),
        "not of two different earlier ones",
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
    "a dead link": (contract.links, lesson(text("[there](99_nowhere.ipynb)")), "leads nowhere"),
    "a dead anchor": (contract.links, lesson(text("[there](../README.md#no-such-heading)")), "names no heading"),
    "an image without words": (contract.images, lesson(text("![](../pictures/pipeline.png)")), "alternative text"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_each_rule_can_fail(breach):
    rule, broken, sentence = BREACHES[breach]
    found = list(rule(broken))
    assert any(sentence in line for line in found), f"wanted '{sentence}' in {found}"


def test_a_good_section_breaks_no_rule():
    cells = [
        text(GOOD_OPENING),
        code(CONNECT, "connect"),
        code("review(2)", "review"),
        text(f"**From lesson 00.** x\n\n{ANSWER}\n\n**From lesson 01.** y\n\n{ANSWER}", "recall"),
        text("## One idea\n\nIn one sentence.", "idea"),
        TURN,
        code(STUB, "turn", "exercise"),
        text("**Predict before you run.**\n\n(a) one · (b) two", "first-guess", "predict"),
        code("1 + 1", "first-run"),
        answered("a"),
        text("## They meet\n\nIn one sentence.", "second-idea"),
        text("Which?\n\n(a) one · (b) two", "second-guess", "predict"),
        code("print('seen')", "second-run"),
        answered("b"),
        text("- one thing", "remember"),
        code("quiz", "quiz"),
        text("**Back:** [x](01_basics.ipynb)", "next"),
        CLEANUP,
    ]
    before = lesson(text("`SET` and `GET`"), name="01_basics.ipynb")
    assert violations(lesson(*cells), [before], []) == []


def test_more_than_two_new_commands_in_a_cell_are_seen():
    crowded = lesson(code("%%redis\nSET cell-by-cell:a 1\nGET cell-by-cell:a\nDEL cell-by-cell:a"))
    assert "3 new commands at once (DEL, GET, SET)" in next(contract.new_commands(crowded, []))
    taught_earlier = lesson(text("`SET` stores."))
    assert not list(contract.new_commands(crowded, [taught_earlier]))


def test_an_exercise_that_needs_an_untaught_command_is_seen():
    asked = lesson(TURN, code('check("1.4", put_once)', "answer", "exercise"))
    assert "needs INCRBY" in next(contract.taught_before_asked(asked, []))
    assert not list(contract.taught_before_asked(asked, [lesson(text("`INCRBY` and `GET`"))]))


def test_wrong_neighbours_are_seen():
    alone = lesson(text("**Back:** [x](00_start_here.ipynb)", "next"))
    before, after = lesson(name="01_before.ipynb"), lesson(name="03_after.ipynb")
    found = list(contract.neighbours(alone, [before], [after]))
    assert len(found) == 2
    assert "not to ['01_before.ipynb']" in found[0]
    assert "Next leads to nothing, not to ['03_after.ipynb']" in found[1]
