"""`review()` as a learner uses it, day after day."""

import json
import threading
from datetime import date, timedelta

import pytest

from redis_helpers.course.exercises import check, plan, progress, progress_file, quiz, review, review_session, solution
from redis_helpers.course.exercises.catalog import exercises, predictions, questions
from redis_helpers.course.exercises.review_cards import DUE_SET, kind_of, lesson_of
from tests.support.users import user_of

TODAY = date(2026, 11, 27)
UP_TO_04 = {exercise.id: "2026-11-20" for exercise in exercises().values() if int(exercise.lesson) <= 4}
NOBODY = "redis://127.0.0.1:1/0"


class Calendar:
    """The machine's clock, as the review sees it."""

    day = TODAY

    def today(self):
        return self.day


@pytest.fixture
def calendar(monkeypatch):
    calendar = Calendar()
    monkeypatch.setattr(review_session, "today", calendar.today)
    return calendar


@pytest.fixture
def course(redis_conn, server, monkeypatch, calendar):
    """A learner who has finished 00 to 04 a week ago, and a client of their Redis."""
    monkeypatch.setenv("REDIS_URL", server.url)
    put({"passed": UP_TO_04})
    return redis_conn


@pytest.fixture
def said(capsys):
    def say(function, *args):
        assert function(*args) is None
        return capsys.readouterr().out

    return say


def put(content):
    progress_file.progress_path().write_text(json.dumps(content))


def content():
    return json.loads(progress_file.progress_path().read_text())


def right_letter(card_id):
    known = predictions() if kind_of(card_id) == "P" else questions()
    return known[card_id[1:]].answer


def wrong_letter(card_id):
    return "b" if right_letter(card_id) == "a" else "a"


class TestOneReview:
    def test_five_questions_one_after_the_other_and_then_what_comes_when(self, course, said):
        text = said(review)
        asked = content()["session"]["cards"]
        assert [kind_of(card_id) for card_id in asked] == list("QPQPE")
        for place, card_id in enumerate(asked[:4], 1):
            assert f"Review, question {place} of 5\n\n{card_id} (from 0" in text
            assert f'review("{card_id}", "a")' in text
            text = said(review, card_id, right_letter(card_id))
            assert text.startswith(f"✅ {card_id} ({right_letter(card_id)}) is right.")
            assert "It comes again in 2 days." in text
        assert f"Review, question 5 of 5\n\n{asked[4]} (from 0" in text
        assert exercises()[asked[4]].stub in text
        namespace = {}
        exec(exercises()[asked[4]].solution, namespace)
        text = said(check, asked[4], namespace[exercises()[asked[4]].function_name])
        assert f"{asked[4]} was due for review. It comes again in 2 days." in text
        assert "Next: " not in text, "the check's own next line beside that of the review"
        assert "This review is done. You may stop here. " in text
        assert "more questions are due: review() goes on. 5 questions come in 2 days." in text
        assert {card_id: entry["box"] for card_id, entry in content()["review"].items()} == dict.fromkeys(asked, 1)

    def test_a_wrong_answer_comes_again_tomorrow(self, course, said, calendar):
        said(review)
        first = content()["session"]["cards"][0]
        text = said(review, first, wrong_letter(first))
        assert text.startswith(f"❌ {first} ({wrong_letter(first)}) is wrong.")
        assert "It comes again tomorrow." in text
        calendar.day = TODAY + timedelta(days=1)
        assert f"Review, question 1 of 5\n\n{first} " in said(review)

    def test_the_days_between_grow(self, course, said, calendar):
        waits = []
        for _ in range(5):
            said(review, "Q1.3", right_letter("Q1.3"))
            due = date.fromisoformat(content()["review"]["Q1.3"]["due"])
            waits.append((due - calendar.day).days)
            calendar.day = due
        assert waits == [2, 4, 8, 16, 32]

    def test_it_goes_on_where_it_was_left(self, course, said):
        """Nothing is kept in the kernel: another one, or this one after a restart, finds the same."""
        said(review)
        asked = content()["session"]["cards"]
        said(review, asked[0], right_letter(asked[0]))
        for _ in range(2):
            assert f"Review, question 2 of 5\n\n{asked[1]} " in said(review)
        assert content()["session"]["cards"] == asked

    def test_the_next_day_begins_a_new_one(self, course, said, calendar):
        said(review)
        asked = content()["session"]["cards"]
        said(review, asked[0], right_letter(asked[0]))
        calendar.day = TODAY + timedelta(days=1)
        assert "Review, question 1 of 5" in said(review)
        assert asked[0] not in content()["session"]["cards"]

    def test_an_answer_given_twice_counts_once(self, course, said):
        """As a cell that is run again, or that two kernels run."""
        said(review, "Q1.3", right_letter("Q1.3"))
        before = content()
        text = said(review, "Q1.3", wrong_letter("Q1.3"))
        assert "It is not due now, so this does not count. It comes in 2 days." in text
        assert content() == before

    def test_an_exercise_is_put_off(self, course, said):
        said(review)
        asked = content()["session"]["cards"]
        text = said(review, asked[4], "later")
        assert text.startswith(f"{asked[4]} is put off. It comes again tomorrow.")
        assert "Review, question 2 of 5" in text

    def test_a_question_is_put_off_and_keeps_its_box(self, course, said):
        put({"passed": UP_TO_04, "review": {"Q1.3": {"box": 3, "due": "2026-11-20"}}})
        assert said(review, "Q1.3", "later").startswith("Q1.3 is put off. It comes again tomorrow.")
        assert content()["review"] == {"Q1.3": {"box": 3, "due": "2026-11-28"}}
        assert said(review, "Q1.3", "later") == "Q1.3 is not due now. It comes tomorrow.\n"

    def test_a_letter_that_is_none_shows_the_options_and_nothing_else(self, course, said):
        said(review)
        before = content()
        options = 'Question Q1.1 has the options a, b, c: choose one of these letters, or "later".'
        assert said(review, "Q1.1", "x") == f'{options} review("Q1.1") shows the question again.\n'
        assert content() == before

    def test_what_does_not_count_shows_no_other_question(self, course, said):
        """As when the cell with the answer is run again."""
        said(review)
        first = content()["session"]["cards"][0]
        assert "(from " in said(review, first, right_letter(first))
        assert "(from " not in said(review, first, right_letter(first))

    def test_the_count_never_jumps(self, course, said):
        """Also when a question further on is answered before its turn."""
        said(review)
        asked = content()["session"]["cards"]
        said(review, asked[3], right_letter(asked[3]))
        for place, card_id in enumerate(asked[:3], 3):
            assert f"Review, question {place} of 5" in said(review, card_id, right_letter(card_id))

    def test_a_check_that_is_not_due_says_nothing_of_it(self, course, said):
        namespace = {}
        exec(exercises()["1.5"].solution, namespace)
        function = namespace[exercises()["1.5"].function_name]
        assert "was due for review" in said(check, "1.5", function)
        assert "review" not in said(check, "1.5", function)

    def test_a_wrong_check_changes_nothing(self, course, said):
        before = content()
        assert said(check, "1.5", lambda redis_conn, key, value: True).startswith("❌")
        assert content() == before

    def test_what_was_met_may_be_looked_at(self, course, said):
        assert said(review, "Q4.1").startswith("Q4.1 (from 04_keys_and_round_trips)\n")
        assert said(review, "1.2").startswith("1.2 (from 01_basics)")

    @pytest.mark.parametrize(
        ("card_id", "comes"),
        [
            ("Q8.1", 'when you have answered it rightly with quiz("Q8.1", …), or finished 08_when_redis_is_gone.'),
            ("P6.1", "when you have finished 06_scripts."),
            ("5.1", "when it is passed, with check, in 05_all_or_nothing."),
        ],
    )
    @pytest.mark.parametrize("letter", [None, "a", "later"])
    def test_what_was_not_met_is_neither_asked_nor_answered(self, letter, card_id, comes, course, said):
        if letter == "a" and kind_of(card_id) == "E":
            letter = "later"
        before = content()
        assert said(review, card_id, letter) == f"{card_id} is not in your review. It comes {comes}\n"
        assert content() == before

    def test_a_long_exercise_does_not_come_back(self, course, said):
        long = next(name for name in UP_TO_04 if exercises()[name].kind == "stretch")
        assert f"{long} is not in your review. It is a long exercise" in said(review, long)

    @pytest.mark.parametrize("args", [(0,), ("two",), ("3",), (2, "a"), (-1,), (True,)])
    def test_odd_calls_are_told_the_three_ways(self, args, course, said):
        text = said(review, *args)
        assert text.startswith(f"There is no review question {args[0]!r}. ")
        for way in ('review("Q1.3", "b")', "review() asks", "review(2) shows"):
            assert way in text


class TestAnExerciseOfTheReview:
    """Whoever needs a second try, or the solution, has not known it: it comes tomorrow, also when it passes then."""

    @pytest.fixture
    def shown(self, course, said):
        put({"passed": {"1.5": "2026-11-20"}})
        assert "question 1 of 1\n\n1.5 (from 01" in said(review)

    def answer(self, said):
        namespace = {}
        exec(exercises()["1.5"].solution, namespace)
        return said(check, "1.5", namespace[exercises()["1.5"].function_name])

    def test_right_at_once(self, shown, said):
        assert "1.5 was due for review. It comes again in 2 days." in self.answer(said)
        assert content()["writing"] == {}

    @pytest.mark.parametrize("wrong", [lambda redis_conn, key, value: True, lambda redis_conn, key, value: 1 / 0])
    def test_a_failure(self, wrong, shown, said):
        said(check, "1.5", wrong)
        missed = "1.5 was due for review. It was not right at once, or its solution was shown. It comes again tomorrow."
        assert missed in self.answer(said)
        assert content()["review"] == {"1.5": {"box": 0, "due": "2026-11-28"}}
        assert content()["writing"] == {}

    def test_the_solution(self, shown, said):
        said(solution, "1.5")
        assert "It comes again tomorrow." in self.answer(said)

    def test_the_mistake_is_kept_for_the_next_day(self, shown, said, calendar):
        said(solution, "1.5")
        calendar.day = TODAY + timedelta(days=1)
        said(review)
        assert "It comes again tomorrow." in self.answer(said)

    def test_what_was_not_changed_yet_is_no_mistake(self, shown, said):
        namespace = {}
        exec(exercises()["1.5"].stub, namespace)
        assert said(check, "1.5", namespace[exercises()["1.5"].function_name]).startswith("⏳")
        assert "It comes again in 2 days." in self.answer(said)

    def test_a_solution_before_it_was_asked_does_not_count(self, course, said):
        put({"passed": {"1.5": "2026-11-20"}})
        said(solution, "1.5")
        said(review)
        assert "It comes again in 2 days." in self.answer(said)

    def test_the_first_lesson_says_nothing_of_a_notebook(self, course, said):
        assert "First run the cell" not in said(review, "0.1")


class TestTheQuizAnswersToo:
    @pytest.mark.parametrize(("right", "days", "when"), [(True, 2, "in 2 days"), (False, 1, "tomorrow")])
    def test_what_is_due_counts_in_the_review(self, right, days, when, course, said):
        letter = right_letter("Q1.3") if right else wrong_letter("Q1.3")
        text = said(quiz, "Q1.3", letter)
        assert f"Q1.3 was due for review, so this answer counts there too. It comes again {when}.\n" in text
        assert content()["review"]["Q1.3"]["due"] == (TODAY + timedelta(days=days)).isoformat()

    def test_the_review_goes_on_behind_it(self, course, said):
        said(review)
        asked = content()["session"]["cards"]
        assert f"Review, question 2 of 5\n\n{asked[1]} " in said(quiz, asked[0], right_letter(asked[0]))

    def test_what_is_not_due_says_nothing_of_it(self, course, said):
        said(quiz, "Q1.3", right_letter("Q1.3"))
        before = content()
        assert "review" not in said(quiz, "Q1.3", wrong_letter("Q1.3"))
        assert content() == before


class TestNothingDue:
    def test_on_the_first_day(self, calendar, said):
        assert said(review) == "Nothing to review yet. What you pass today comes back from tomorrow on.\n"
        assert not progress_file.progress_path().exists()

    def test_it_says_when_the_next_one_is(self, course, said):
        put({"passed": {"1.1": "2026-11-27", "1.2": "2026-11-27"}, "answered": {"1.1": "2026-11-30"}})
        assert said(review) == "Nothing is due for review now. 2 questions come tomorrow, 1 in 4 days.\n"

    def test_a_clock_that_was_set_back(self, course, said, calendar):
        said(review)
        said(review, "Q1.3", right_letter("Q1.3"))
        before = content()
        calendar.day = date(2001, 2, 3)
        assert said(review).startswith("Nothing is due for review now. 55 questions come in ")
        assert "this does not count" in said(review, "Q1.3", right_letter("Q1.3"))
        assert said(progress).count("\n") <= 40
        assert content() == before


class TestAtTheBeginningOfALesson:
    def test_two_questions_of_two_lessons_and_no_exercise(self, course, said):
        text = said(review, 2)
        assert text.startswith(
            "Two questions are due for review. Answer both, each in a cell of your own. "
            "Then skip the two written questions "
        )
        assert "in the next cell.\n\nQ0.1 (from 00" in text
        assert text.count("(from ") == 2 and "\n\nP1.1 (from 01" in text
        assert "session" not in content()

    def test_only_one_due(self, course, said):
        put({"passed": {}, "answered": {"1.3": "2026-11-20"}})
        text = said(review, 2)
        assert text.startswith("One question is due for review. Answer it, and then the two written questions in the ")
        assert "\n\nQ1.3 (from 01" in text

    def test_the_last_answer_says_so(self, course, said):
        put({"passed": {}, "answered": {"1.3": "2026-11-20"}})
        text = said(review, "Q1.3", right_letter("Q1.3"))
        assert text.endswith("\nNothing is due for review now. 1 question comes in 2 days.\n")

    def test_only_an_exercise_due(self, course, said):
        put({"passed": {"1.5": "2026-11-20"}})
        nothing = "No question is due for review now. Answer the two written questions in the next cell."
        assert said(review, 2) == f"{nothing} (An exercise to write again is due: review() shows it.)\n"
        assert "1.5 (from 01" in said(review)

    @pytest.mark.parametrize(("wanted", "shown"), [(1, 1), (3, 3), (4, 4), (5, 4), (100, 4)])
    def test_another_number_says_nothing_of_a_lesson(self, wanted, shown, course, said):
        text = said(review, wanted)
        number = "1 question" if shown == 1 else f"{shown} questions"
        assert text.startswith(f"Due for review: {number}. (At most 4 are shown at once.)\n\n")
        assert text.count("(from ") == shown and "next cell" not in text

    def test_an_answer_leads_back_to_the_lesson(self, course, said):
        said(review, 2)
        text = said(review, "Q0.1", right_letter("Q0.1"))
        assert text.endswith(
            "It comes again in 2 days.\n55 more questions are due, with those that still stand above. "
            "review() asks them, or you go on here.\n"
        )

    def test_none_due(self, calendar, said):
        nothing = "No question is due for review now. Answer the two written questions in the next cell.\n"
        assert said(review, 2) == nothing


class TestRedis:
    def test_the_set_follows_the_file(self, course, said):
        said(review)
        cards = review_session.cards(content(), TODAY)
        assert course.zcard(DUE_SET) == len(cards)
        first = content()["session"]["cards"][0]
        before = course.zscore(DUE_SET, first)
        said(review, first, right_letter(first))
        assert course.zscore(DUE_SET, first) > before

    def test_an_emptied_redis_loses_nothing(self, course, said):
        said(review)
        asked = content()["session"]["cards"]
        course.delete(DUE_SET)
        assert asked[0] in said(review)
        assert course.exists(DUE_SET)

    def test_without_redis_the_file_goes_on_alone(self, course, said, monkeypatch):
        with_redis = said(review)
        monkeypatch.setenv("REDIS_URL", NOBODY)
        assert said(review) == with_redis
        text = said(review, "P1.1", right_letter("P1.1"))
        assert text.startswith("✅ P1.1") and "It comes again in 2 days." in text
        assert "(The cell was not run. " in text and "is not there (connection refused)" in text

    def test_a_user_who_may_do_little_is_served_by_the_file(self, course, said, server, monkeypatch):
        with user_of(server, "~cell-by-cell:*", "+@all", "-multi", "-eval") as options:
            monkeypatch.setenv("REDIS_URL", options.url)
            assert "Review, question 1 of 5" in said(review)
            put({"passed": {exercise: "2026-11-20" for exercise in exercises() if int(lesson_of(exercise)) <= 6}})
            text = said(review, "P6.1", right_letter("P6.1"))
            assert text.startswith("✅ P6.1") and "This user may not run EVAL." in text

    def test_the_learners_redis_decides(self, course, said, monkeypatch):
        """A server that does otherwise than the course says: what it did counts."""
        answer = predictions()["1.1"].answer
        other = "a" if answer != "a" else "b"
        monkeypatch.setattr(review_session, "run_prediction", lambda *_: ["of type int"])
        text = said(review, "P1.1", other)
        assert text.startswith(f"✅ P1.1 ({other}) is right.")
        assert f"(On most servers it is ({answer}).)" in text

    def test_a_prediction_shows_what_the_cell_printed(self, course, said):
        text = said(review, "P1.1", right_letter("P1.1"))
        assert (
            "A copy of this cell was just run on your Redis, with keys of its own, and printed:\n  | of type str\n"
            in text
        )
        assert [key for key in course.scan_iter() if key != DUE_SET] == []


class TestTheFile:
    def test_a_quiz_answer_is_kept_when_it_is_right(self, calendar, said):
        assert said(quiz, "1.3", wrong_letter("Q1.3")).startswith("❌")
        assert not progress_file.progress_path().exists()
        assert said(quiz, "1.3", right_letter("Q1.3")).startswith("✅")
        assert list(content()["answered"]) == ["1.3"]

    def test_what_a_newer_course_has_added_stays(self, course, said):
        put({"passed": UP_TO_04, "badges": ["early"], "review": {"Z1.1": {"x": 1}, "Q1.3": {"box": 1}}})
        said(review)
        said(review, "Q1.3", right_letter("Q1.3"))
        assert content()["badges"] == ["early"]
        assert content()["review"]["Z1.1"] == {"x": 1}
        assert content()["review"]["Q1.3"]["box"] == 1

    @pytest.mark.parametrize("name", ["review", "session", "answered", "plan", "left_out", "writing"])
    @pytest.mark.parametrize("form", [["a list"], "text", 3, None])
    def test_a_part_in_another_form_is_read_as_empty_and_never_written_over(self, name, form, course, said):
        put({"passed": UP_TO_04, name: form})
        refused = f'"{name}" has a form that this course does not know'
        assert f"\n{len(UP_TO_04)} of " in said(progress)
        assert ("Review, question 1 of 5" in said(review)) == (name != "session")
        assert (refused in said(review)) == (name == "session")
        assert (refused in said(review, "Q1.3", right_letter("Q1.3"))) == (name == "review")
        assert (refused in said(quiz, "1.3", right_letter("Q1.3"))) == (name in ("answered", "review"))
        assert (refused in said(plan, "on Friday")) == (name == "plan")
        assert content()[name] == form

    def test_sessions_with_odd_cards(self, course, said):
        put({"passed": UP_TO_04, "session": {"day": TODAY.isoformat(), "cards": [3, None, ["Q"], "Q99.1", "Q1.3"]}})
        assert "Review, question 5 of 5\n\nQ1.3" in said(review)

    def test_two_kernels_at_once_lose_nothing(self, course):
        answers = [f"Q{name}" for name in questions() if int(name.partition(".")[0]) <= 4]
        kernels = [
            threading.Thread(target=lambda part=part: [review_session.said_to(card_id, "a") for card_id in part])
            for part in (answers[::2], answers[1::2])
        ]
        for kernel in kernels:
            kernel.start()
        for kernel in kernels:
            kernel.join()
        assert content()["review"].keys() == set(answers)
