"""What the learner calls: hints, solutions, quizzes, progress, and check when it is called in an odd way."""

import functools
import re

import pytest

from redis_helpers.course.exercises import check, commands, hint, progress, progress_file, quiz, solution
from redis_helpers.course.exercises.catalog import exercises, lessons, questions
from tests.support.users import user_of

EXERCISES, QUESTIONS = exercises(), questions()


@pytest.fixture
def course(redis_conn, server, monkeypatch):
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setattr(commands, "_hints_shown", {})
    return redis_conn


@pytest.fixture
def said(capsys):
    """Calls, and gives what was printed. Nothing is ever returned: a notebook would show it below the text."""

    def say(function, *args):
        assert function(*args) is None
        return capsys.readouterr().out

    return say


def put_once(redis_conn, key, value):
    return bool(redis_conn.set(key, value, nx=True))


class TestHints:
    @pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
    def test_one_after_the_other_and_never_the_solution(self, exercise, said, course):
        shown = [said(hint, exercise.id) for _ in exercise.hints]
        for number, (text, expected) in enumerate(zip(shown, exercise.hints, strict=True), 1):
            assert f"hint {number} of {len(exercise.hints)}: {expected}" in text
            assert exercise.solution not in text
        assert all("solution(" not in text for text in shown[:-1])
        assert f'solution("{exercise.id}") shows a solution' in shown[-1]
        assert said(hint, exercise.id) == shown[-1]

    def test_each_exercise_counts_by_itself(self, said, course):
        said(hint, "1.5")
        assert "hint 1 of" in said(hint, "1.3")
        assert "hint 2 of" in said(hint, "1.5")

    def test_unknown(self, said):
        assert said(hint, "7.7").startswith("There is no exercise '7.7'. In lesson 07 there are 7.1, 7.2, ")
        assert said(hint, None).startswith("There is no exercise None")
        assert said(hint).startswith("There is no exercise")


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_solution_with_its_reason(exercise, said):
    text = said(solution, exercise.id)
    assert exercise.solution in text
    assert f"Why: {exercise.why}" in text


class TestQuiz:
    @pytest.mark.parametrize("lesson", lessons())
    def test_a_lesson_has_three_to_six_questions(self, lesson, said):
        text = said(quiz, lesson)
        mine = {number: question for number, question in QUESTIONS.items() if number.startswith(f"{lesson}.")}
        assert 3 <= len(mine) <= 6
        for number, question in mine.items():
            assert f"Q{number}  {question.text}" in text
            for option, word in question.options:
                assert option in text
                assert word not in text
        assert said(quiz, f"0{lesson}") == text
        assert said(quiz, int(lesson)) == text

    @pytest.mark.parametrize("number", QUESTIONS)
    def test_every_option_answers_for_itself(self, number, said):
        question = QUESTIONS[number]
        assert question.answer in question.letters
        assert 2 <= len(question.options) <= 5
        answers = [said(quiz, number, letter) for letter in question.letters]
        for letter, text in zip(question.letters, answers, strict=True):
            assert text.startswith("✅" if letter == question.answer else "❌")
            assert question.word_on(letter) in text
            assert len(question.word_on(letter)) > 20
        assert len(set(answers)) == len(answers)
        assert question.text in said(quiz, number)

    def test_the_right_letter_is_not_always_the_same(self):
        assert len({question.answer for question in QUESTIONS.values()}) >= 3

    @pytest.mark.parametrize("letter", ["B", "(b)", " b "])
    def test_ways_to_write_a_letter(self, letter, said):
        assert said(quiz, "1.3", letter).startswith("✅")

    @pytest.mark.parametrize("number", ["Q1.3", "q1.3", "1.3", 1.3, "question 1.3", "Question Q1.3", " Q01.3:"])
    def test_ways_to_write_a_number(self, number, said):
        assert said(quiz, number, "b").startswith("✅ Q1.3 ")

    @pytest.mark.parametrize("letter", ["x", "", "ab", 2, ["a"]])
    def test_a_letter_that_is_none(self, letter, said):
        assert said(quiz, "1.3", letter) == "Question Q1.3 has the options a, b, c: choose one of these letters.\n"

    @pytest.mark.parametrize("wanted", ["1.9", "77", "", "eins", 3.7, None])
    def test_unknown(self, wanted, said):
        lesson = str(wanted)[:1]
        exist = f"In lesson 0{lesson} there are Q{lesson}.1, Q{lesson}.2, " if "." in str(wanted) else "It has a number"
        text = said(quiz, wanted)
        assert re.match(r"There is no question .*\. " + exist, text)
        assert "Q4.1" not in text, "an id of another lesson"

    def test_a_question_is_no_exercise(self, said):
        assert said(check, "Q1.3", print).startswith("There is no exercise 'Q1.3'")


class TestProgress:
    def test_what_was_passed_is_kept_in_a_file(self, course, said):
        assert "⏳ 1.5" in said(progress, "1")
        assert said(check, "1.5", put_once).startswith("✅")
        assert list(progress_file.read_passed()) == ["1.5"]
        assert course.keys("*") == []
        text = said(progress, "1")
        assert "Lesson 01: 1 of 6 passed" in text
        assert "✅ 1.5 First come, first served" in text
        assert "⏳ 1.1" in text
        assert text.endswith(f"This is written down in {'/'.join(progress_file.progress_path().parts[-2:])}\n")

    def test_stays_passed_after_a_wrong_answer(self, course, said):
        said(check, "1.5", put_once)
        assert said(check, "1.5", lambda redis_conn, key, value: True).startswith("❌")
        assert "✅ 1.5" in said(progress, "1")

    def test_without_redis(self, said, monkeypatch):
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
        text = said(check, "1.5", put_once)
        assert text.count("\n") == 1
        assert "is not there (connection refused)" in text

    def test_hints_quizzes_and_progress_need_no_redis(self, said, monkeypatch):
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
        assert said(hint, "1.5").startswith("💡")
        assert said(quiz, "1").startswith("Q1.1")
        assert said(progress, "0").startswith("Lesson 00: 0 of 3 passed")
        assert said(check, "1.5", lambda redis_conn, key, value: None).startswith("⏳")

    def test_redis_comes_back_elsewhere(self, course, said, monkeypatch, server):
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
        said(check, "1.5", put_once)
        monkeypatch.setenv("REDIS_URL", server.url)
        assert said(check, "1.5", put_once).startswith("✅")


class TestLeftOut:
    def test_what_this_server_cannot_do_is_kept_and_not_waited_for(self, said, server, monkeypatch):
        with user_of(server, "~*", "+@all", "-hexpire") as options:
            monkeypatch.setenv("REDIS_URL", options.url)
            namespace = {}
            exec(EXERCISES["9.1"].solution, namespace)
            assert said(check, "9.1", namespace[EXERCISES["9.1"].function_name]).startswith("⏭ 9.1")
        assert list(progress_file.read()["left_out"]) == ["9.1"]
        assert "  ⏳ 09_small_hashes          –○○○ " in said(progress)


class TestOddCalls:
    @pytest.mark.parametrize(
        ("args", "sentence"),
        [
            ((), "There is no exercise"),
            (("1.5",), 'give the check your function: check("1.5", put_once)'),
            (("1.5", None), "give the check your function"),
            (("1.5", True), "without parentheses behind put_once"),
            (("1.5", "put_once"), "check needs the function itself, not 'put_once'"),
            (("9.9", put_once), "There is no exercise '9.9'"),
            ((put_once, "1.5"), "The exercise comes first"),
            (("1.5", put_once, 3), "This did not work (TypeError"),
            (("1.5", lambda redis_conn: 1), "is called as put_once(redis_conn, key, value), and yours does not take"),
            (("1.5", lambda a, b, c, d: 1), "yours does not take these 3 arguments"),
            (("1.5", print), "❌"),
            (("1.5", dict), "💥"),
            (("1.5", int), "💥"),
        ],
    )
    def test_a_sentence(self, args, sentence, said, course):
        assert sentence in said(check, *args)

    def test_async_and_yield(self, said, course):
        async def later(redis_conn, key, value):
            return True

        def bit_by_bit(redis_conn, key, value):
            yield True

        for function in (later, bit_by_bit):
            assert "must be an ordinary function, without async and without yield" in said(check, "1.5", function)

    def test_other_callables_are_welcome(self, said, course):
        class Shop:
            def put_once(self, redis_conn, key, value, nx=True):
                return bool(redis_conn.set(key, value, nx=nx))

            def __call__(self, *args):
                return self.put_once(*args)

        shop = Shop()
        for function in (shop, shop.put_once, functools.partial(put_once), lambda *args: put_once(*args)):
            assert said(check, "1.5", function).startswith("✅")

    def test_a_number_for_the_exercise(self, said, course):
        assert said(check, 1.5, put_once).startswith("✅")
