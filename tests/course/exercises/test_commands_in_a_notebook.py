"""What the learner calls, in a real kernel: whatever they write and whatever Redis does, a sentence stands below."""

import json
import os
from types import SimpleNamespace

import pytest
import redis

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises import progress_file
from redis_helpers.course.exercises.review_cards import DUE_SET
from tests.conftest import no_settings
from tests.support.kernel import kernel_in, shown_in
from tests.support.servers import wait_until

pytestmark = pytest.mark.xdist_group("commands in a notebook")  # one kernel for all

NOBODY = "redis://127.0.0.1:1/0"
NO_EXERCISE, NO_QUESTION, NO_LETTER = "There is no exercise", "There is no question", "choose one of these letters"
NO_REVIEW = "There is no review question"
FIRST = "comes first, as text"
NOT_A_FUNCTION = "check needs the function itself, not"

SETUP = """
import functools, os, signal, threading, time
from redis_helpers.course.exercises import check, hint, plan, progress, quiz, report, review, solution

def put_once(redis_conn, key, value):
    return bool(redis_conn.set(key, value, nx=True))

def change_price(redis_conn, key, price):
    return 1

def stub(redis_conn, key, value):
    # to do
    ...

def endless(redis_conn, key, value):
    redis_conn.set(key, value)
    while True:
        pass

def talks(redis_conn, key, value):
    print("half of a pair: \\ud800, and <b>")
    return 1 / 0

def checks_itself(redis_conn, key, value):
    check("1.5", put_once)

async def later(redis_conn, key, value):
    return True

async def bit_by_bit(redis_conn, key, value):
    yield True

class Shop:
    def __init__(self, redis_conn, key, value):
        pass

class LaterShop:
    async def __call__(self, redis_conn, key, value):
        return True

class Spiteful:
    def __getattr__(self, name):
        raise RuntimeError("no")
    def __str__(self):
        raise RuntimeError("no")
    __repr__ = __eq__ = __bool__ = __str__
    __hash__ = None
"""

# Expressions that name exercise 1.5, and others that name none.
NAMES_OF_1_5 = ["1.5", "'1.5'", "'1.5 '", "' 1.5\\n'", "'1.5\\u00a0'", "'Exercise 1.5'", "'exercise 1.5:'", "'01.5'"]
NO_NAMES = ["None", "1", "-1", "True", "''", "'  '", "'77'", "'9.9'", "'1,2'", "['1.5']", "{}", "b'1.5'"]
NO_NAMES += ["float('nan')", "10 ** 5000", "'x' * 5000", "'\\ud800'", "'²'", "Spiteful()", "object()", "1 + 2j"]
LESSON_01 = json.dumps({"passed": {f"1.{number}": "2999-01-01" for number in range(1, 7)}})
FUNCTIONS = ["put_once", "Shop", "print", "functools.partial(put_once)", "lambda: 1"]


@pytest.fixture(scope="module")
def notebook(server, tmp_path_factory):
    """A kernel with the commands and some functions, a client of its Redis, its folder, and its progress file."""
    folder = tmp_path_factory.mktemp("notebook")
    with no_settings(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_URL", server.url)
        with kernel_in(folder) as kernel, redis.Redis.from_url(server.url, decode_responses=True) as client:
            assert kernel.run(SETUP) == []
            file = folder / "progress.json"
            yield SimpleNamespace(run=kernel.run, kernel=kernel, folder=folder, redis=client, file=file)


@pytest.fixture
def said(notebook, server):
    """Runs a call, and gives the texts below it. Afterwards the kernel has its Redis again, which must be empty."""

    def run(call):
        return shown_in(notebook.run(call))

    notebook.redis.flushdb()
    yield run
    use(notebook, server.url)
    notebook.file.unlink(missing_ok=True)
    assert notebook.redis.keys("*") == [], "something was left"


def use(notebook, url):
    """Lets the kernel work with another Redis."""
    assert notebook.run(f"os.environ['REDIS_URL'] = {url!r}") == []


def is_passed(texts):
    (text,) = texts
    assert text.startswith("✅ 1.5 First come, first served: passed.\n   1 of ")


def in_one_sentence(texts, part):
    (text,) = texts
    assert part in text
    assert text.endswith((".", ").", "?."))
    assert "Traceback" not in text
    return text


class TestWhatIsWritten:
    @pytest.mark.parametrize("name", NAMES_OF_1_5)
    def test_ways_to_name_an_exercise(self, name, said):
        is_passed(said(f"check({name}, put_once)"))
        assert said(f"hint({name})")[0].startswith("💡 1.5, hint")
        assert said(f"solution({name})")[0].startswith("1.5 First come, first served: one solution")

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_what_names_nothing(self, name, said, notebook):
        notebook.file.write_text(json.dumps({"passed": {}, "answered": {"1.3": "2999-01-01"}}))
        in_one_sentence(said(f"check({name}, put_once)"), NO_EXERCISE)
        in_one_sentence(said(f"hint({name})"), NO_EXERCISE)
        in_one_sentence(said(f"solution({name})"), NO_EXERCISE)
        if name not in ("None", "1", "10 ** 5000"):  # the next question, or so many of them
            in_one_sentence(said(f"review({name})"), NO_REVIEW)
        in_one_sentence(said(f"check('1.5', {name})"), "give the check your" if name == "None" else NOT_A_FUNCTION)
        if name != "1":  # the questions of lesson 01
            in_one_sentence(said(f"quiz({name})"), NO_QUESTION)
        if name != "None":  # the question itself
            in_one_sentence(said(f"quiz('1.3', {name})"), NO_LETTER)
            in_one_sentence(said(f"review('Q1.3', {name})"), NO_LETTER)
        notebook.redis.delete(DUE_SET)

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_the_function_first(self, function, said):
        assert 'check("1.2", your_function)' in in_one_sentence(said(f"check({function}, '1.5')"), FIRST)
        assert 'hint("1.2")' in in_one_sentence(said(f"hint({function})"), FIRST)
        assert 'solution("1.2")' in in_one_sentence(said(f"solution({function})"), FIRST)
        assert 'quiz("Q1.3", "b")' in in_one_sentence(said(f"quiz({function})"), FIRST)
        in_one_sentence(said(f"quiz('1.3', {function})"), NO_LETTER)
        in_one_sentence(said(f"review({function})"), NO_REVIEW)

    @pytest.mark.parametrize(
        ("call", "part"),
        [
            ("check()", NO_EXERCISE),
            ("hint()", NO_EXERCISE),
            ("solution()", NO_EXERCISE),
            ("quiz()", NO_QUESTION),
            ("check('1.5', put_once, 3)", 'write check("1.2", your_function)'),
            ("check(exercise='1.5')", 'write check("1.2", your_function)'),
            ("hint('1.5', 1)", 'write hint("1.2")'),
            ("solution(number='1.5')", 'write solution("1.2")'),
            ("quiz(1, 2, 3)", 'write quiz("Q1.3", "b")'),
            ("progress(1, 2)", "write progress() or progress("),
            ("progress(77)", "There is no lesson 77"),
            ("review(1, 2, 3)", 'write review(), review(2), or review("Q1.3", "b")'),
            ("review(card='Q1.3')", 'write review(), review(2), or review("Q1.3", "b")'),
            ("review('b')", NO_REVIEW),
            ("review('1.5', 'b')", "is an exercise"),
            ("review('1.5', 'later')", "is not in your review"),
            ("review('Q1.3', 'x')", "is not in your review"),
            ("report(1)", "write report()"),
            ("plan(1, 2)", "write plan("),
            ("plan()", "Write the day and the hour"),
            ("plan(Spiteful())", "Write the day and the hour"),
            ("plan('x' * 5000)", "at most 60 letters"),
            ("check('1.5', later)", "without async and without yield"),
            ("check('1.5', bit_by_bit)", "without async and without yield"),
            ("check('1.5', LaterShop())", "without async and without yield"),
            ("check('1.5', functools.partial(later))", "without async and without yield"),
            ("check('1.5', later(1, 2, 3))", NOT_A_FUNCTION),
            ("check('1.5', bit_by_bit(1, 2, 3))", NOT_A_FUNCTION),
            ("check('1.5', len)", "yours does not take these 3 arguments"),
            ("check('1.5', stub)", "not attempted yet"),
            ("check('1.5', lambda redis_conn, key, value: None)", "not attempted yet"),
        ],
    )
    def test_odd_calls(self, call, part, said):
        in_one_sentence(said(call), part)

    @pytest.mark.parametrize(
        ("call", "mark", "part"),
        [
            ("check('1.5', Shop)", "❌", "Shop(redis_conn, "),
            ("check('1.5', dict)", "💥", "your code raised TypeError"),
            ("check('1.5', functools.partial(put_once))", "✅", "passed"),
            ("check('2.1', put_once)", "❌", 'Note: put_once is the function of exercise 1.5: check("1.5", put_once).'),
            ("check('1.3', put_once)", "❌", 'Note: put_once is the function of exercise 1.5: check("1.5", put_once).'),
            ("check(function=put_once, exercise_id='1.5')", "✅", "passed"),
        ],
    )
    def test_odd_answers(self, call, mark, part, said):
        (verdict,) = said(call)
        assert verdict.startswith(mark)
        assert part in verdict

    def test_a_builtin_that_prints(self, said):
        printed, verdict = said("check('1.5', print)")
        assert printed.startswith("Your code printed:")
        assert verdict.startswith("❌ 1.5")

    def test_what_no_front_end_can_show(self, said):
        printed, verdict = said("check('1.5', talks)")
        assert r"half of a pair: \ud800, and <b>" in printed
        assert "ZeroDivisionError: division by zero at line 21: return 1 / 0" in verdict

    def test_a_check_within_a_checked_function(self, said, notebook):
        notebook.run("from redis_helpers.course.exercises import checker\nchecker.TIME_LIMIT = 0.3")
        (verdict,) = said("check('1.5', checks_itself)")
        notebook.run("checker.TIME_LIMIT = 5.0")
        assert verdict.startswith("❌ 1.5 First come, first served: Your code was stopped")
        is_passed(said("check('1.5', put_once)"))


class TestServers:
    def check_all_others(self, said):
        """The commands that need no Redis."""
        assert said("check('1.5', stub)")[0].startswith("⏳")
        assert said("hint('1.5')")[0].startswith("💡")
        assert said("solution('1.5')")[0].startswith("1.5")
        assert said("quiz('1')")[0].startswith("Q1.1")
        assert said("quiz('1.3', 'b')")[0].startswith("✅")
        assert said("progress()")[0].startswith("Next: ")
        assert said("report()")[0].startswith("Redis, cell by cell: a report")
        assert said("review('Q1.3', 'b')")[0].startswith("✅ Q1.3")
        file = f"open(os.environ[{progress_file.VARIABLE!r}], 'w')"
        assert said(f"with {file} as file: file.write({LESSON_01!r})") == []
        assert said("review('P1.1', 'b')")[0].startswith("✅ P1.1")
        assert said("plan('on Friday')") == ["Written down: on Friday. progress() shows it."]
        assert said("progress(1)") == said('progress("01")')
        assert said("progress(1)")[0].startswith("Lesson 01")

    def test_redis_is_gone(self, said, notebook):
        use(notebook, NOBODY)
        in_one_sentence(said("check('1.5', put_once)"), "is not there (connection refused): start it")
        self.check_all_others(said)

    def test_redis_dies_in_the_middle(self, said, notebook):
        with EmbeddedRedis() as server:
            use(notebook, server.url)
            kills = f"def kills(redis_conn, key, value):\n    os.kill({server.pid}, signal.SIGKILL)\n"
            kills += "    print('dead')\n    return put_once(redis_conn, key, value)\n"
            printed, sentence = said(f"{kills}check('1.5', kills)")
            assert printed == "Your code printed:\n  | dead"
            in_one_sentence([sentence], "Redis did not do what was asked. Redis")
            self.check_all_others(said)
            wait_until(lambda: not server.is_running())
            server.start()
            assert said("check('1.5', put_once)")[0].startswith("✅")

    def test_env_file_broken(self, said, notebook):
        settings = notebook.folder / ".env"
        settings.write_text("REDIS PASSWORD = my-secret\n")
        try:
            sentence = in_one_sentence(said("check('1.5', put_once)"), "is not of the form NAME=value")
            assert "my-secret" not in sentence
            self.check_all_others(said)
        finally:
            settings.write_text("")

    @pytest.mark.parametrize(
        "rights",
        ["", "+ping", "+@all ~app:*", "~* +@read +@connection", "~* +@all -set", "~* +@all -unlink", "~* +@all -scan"],
        ids=lambda rights: rights or "nothing",
    )
    def test_a_user_who_may_do_little(self, rights, said, notebook):
        with EmbeddedRedis() as server:
            with redis.Redis.from_url(server.url) as admin:
                admin.execute_command("ACL", "SETUSER", "guest", "on", ">my-secret", *rights.split())
            use(notebook, f"redis://guest:my-secret@127.0.0.1:{server.port}/0")
            sentence = in_one_sentence(said("check('1.5', put_once)"), "ACL SETUSER")
            assert "my-secret" not in sentence
            self.check_all_others(said)

    def test_a_command_that_only_the_learner_may_not_send(self, said, notebook):
        with EmbeddedRedis() as server:
            with redis.Redis.from_url(server.url) as admin:
                admin.execute_command("ACL", "SETUSER", "guest", "on", ">my-secret", "~*", "+@all", "-incrby")
            use(notebook, f"redis://guest:my-secret@127.0.0.1:{server.port}/0")
            (verdict,) = said("check('1.5', lambda redis_conn, key, value: redis_conn.incr(key))")
            assert verdict.startswith("💥 1.5")
            assert "The server does not let this user do that. Your code is not to blame." in verdict


class TestAtTheSameTime:
    def test_in_a_thread(self, said):
        call = "thread = threading.Thread(target=check, args=('1.5', put_once))\nthread.start()\nthread.join()"
        is_passed(said(call))

    def test_several_at_once_give_back_what_they_catch(self, said, notebook):
        begin = "threads = [threading.Thread(target=check, args=('1.5', f)) for f in [put_once, talks] * 4]\n"
        texts = said(begin + "for t in threads: t.start()\nfor t in threads: t.join()")
        assert sorted(text[:1] for text in texts) == sorted("✅✅✅✅💥💥💥💥YYYY")
        (output,) = notebook.run("print('still heard')")
        assert output["text"] == "still heard\n"

    def test_in_a_coroutine(self, said):
        call = "async def main():\n    check('1.5', put_once)\nawait main()"
        is_passed(said(call))

    @pytest.mark.parametrize("times", [1, 2, 5])
    def test_interrupted(self, times, said, notebook):
        cell = notebook.kernel.begin("check('1.5', endless)")
        assert wait_until(lambda: notebook.redis.keys("*exercise:1.5*"))
        for _ in range(times):
            notebook.kernel.interrupt()
        texts = shown_in(notebook.kernel.outputs_of(cell))
        assert texts == ["Interrupted. Run this cell again when you like."]
        assert notebook.redis.keys("*") == []
        is_passed(said("check('1.5', put_once)"))

    def test_the_next_cell_can_be_interrupted_as_ever(self, said, notebook):
        said("hint('1.5')")
        cell = notebook.kernel.begin("print('begun', flush=True)\ntime.sleep(60)")
        notebook.kernel.wait_for_output(cell)
        notebook.kernel.interrupt()
        assert notebook.kernel.outputs_of(cell)[-1]["ename"] == "KeyboardInterrupt"


class TestReview:
    LONG_AGO = json.dumps({"passed": {f"0.{number}": "2020-02-20" for number in (1, 2, 3)}})

    def test_it_goes_on_in_another_kernel_and_without_redis(self, said, notebook, tmp_path):
        notebook.file.write_text(self.LONG_AGO)
        (first,) = said("review()")
        assert first.startswith("Review, question 1 of 5\n\nQ0.1 (from 00_start_here)\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(progress_file.VARIABLE, str(notebook.file))
            with kernel_in(tmp_path) as another:
                another.run("from redis_helpers.course.exercises import review")
                assert shown_in(another.run("review()")) == [first]
                verdict, second = shown_in(another.run("review('Q0.1', 'c')"))
        assert verdict.startswith("✅ Q0.1 (c) is right. ") and verdict.endswith("It comes again in 2 days.")
        assert second.startswith("Review, question 2 of 5\n\nP0.1 (from 00_start_here)\n")
        assert said("review()") == [second]
        use(notebook, NOBODY)
        assert said("review()") == [second]
        verdict, third = said("review('P0.1', 'c')")
        assert "(The cell was not run. The Redis at 127.0.0.1:1/0 is not there (connection refused)" in verdict
        assert third.startswith("Review, question 3 of 5")
        assert notebook.redis.zcard(DUE_SET) == 3 + 4 + 1
        notebook.redis.delete(DUE_SET)

    def test_redis_dies_while_a_cell_is_run(self, said, notebook):
        notebook.file.write_text(self.LONG_AGO)
        with EmbeddedRedis() as server:
            use(notebook, server.url)
            notebook.run(
                "from redis_helpers.course.exercises import review_session\nrun = review_session.run_prediction\n"
                "def kill_and_run(prediction, client):\n"
                f"    os.kill({server.pid}, signal.SIGKILL)\n    return run(prediction, client)\n"
                "review_session.run_prediction = kill_and_run"
            )
            verdict, rest = said("review('P0.1', 'c')")
            notebook.run("review_session.run_prediction = run")
        assert verdict.startswith("✅ P0.1 (c) is right.")
        assert "(The cell was not run. Redis " in verdict and verdict.endswith("It comes again in 2 days.")
        assert (
            rest
            == "7 more questions are due, with those that still stand above. review() asks them, or you go on here."
        )

    def test_the_cell_at_the_beginning_of_each_lesson(self, said, notebook):
        assert said("review(2)") == [
            "No question is due for review now. Answer the two written questions in the next cell."
        ]
        notebook.file.write_text(self.LONG_AGO)
        (text,) = said("review(2)")
        assert text.startswith(
            "Two questions are due for review. Answer both, each in a cell of your own. Then skip the two written "
        )
        notebook.redis.delete(DUE_SET)


class TestProgress:
    def test_it_outlives_the_server_and_the_kernel(self, said, notebook, tmp_path):
        with EmbeddedRedis() as server:
            use(notebook, server.url)
            assert said("check('1.5', put_once)")[0].startswith("✅")
        use(notebook, NOBODY)
        assert "✅ 1.5" in said("progress(1)")[0]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(progress_file.VARIABLE, str(notebook.file))
            with kernel_in(tmp_path) as another:
                another.run("from redis_helpers.course.exercises import progress")
                assert "✅ 1.5" in shown_in(another.run("progress(1)"))[0]

    @pytest.mark.parametrize("broken", ["", "{", "[1, 2]", '{"passed": ["1.5"]}', "[" * 100_000, "\udcff"])
    def test_a_broken_file_costs_no_verdict(self, broken, said, notebook):
        notebook.file.write_text(broken, errors="surrogateescape")
        verdict, sentence = said("check('1.5', put_once)")
        is_passed([verdict])
        in_one_sentence([sentence], "does not hold what the course wrote there: mend it, or delete it")
        for call in ["progress()", "review()", "review(2)", "review('Q1.3', 'b')", "plan('on Friday')"]:
            in_one_sentence(said(call), "does not hold what the course wrote there: mend it, or delete it")
        assert "the progress file cannot be read" in said("report()")[0]
        assert notebook.file.read_text(errors="surrogateescape") == broken

    def test_a_file_that_cannot_be_written_costs_no_verdict(self, said, notebook):
        blocked = notebook.folder / "blocked"
        blocked.write_text("a file where a folder should be")
        try:
            notebook.run(f"os.environ['{progress_file.VARIABLE}'] = {str(blocked / 'progress.json')!r}")
            verdict, sentence = said("check('1.5', put_once)")
            is_passed([verdict])
            in_one_sentence([sentence], f"name another file in {progress_file.VARIABLE}")
        finally:
            notebook.run(f"os.environ['{progress_file.VARIABLE}'] = {str(notebook.file)!r}")

    def test_a_wrong_answer_writes_nothing(self, said, notebook):
        assert said("check('1.5', lambda redis_conn, key, value: True)")[0].startswith("❌")
        assert not os.path.exists(notebook.file)
        assert said("check('1.5', put_once)")[0].startswith("✅")
        assert list(json.loads(notebook.file.read_text())["passed"]) == ["1.5"]
