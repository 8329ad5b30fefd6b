"""Which questions come back, and when: by the file, and by the sorted set that is made from it."""

import json
from datetime import date, timedelta

import nbformat
import pytest
import redis

from redis_helpers.course.exercises.catalog import exercises, predictions, questions
from redis_helpers.course.exercises.review_cards import (
    DAYS,
    DUE_SET,
    Card,
    cards,
    chosen,
    due_by_file,
    due_by_redis,
    kind_of,
    lesson_of,
    old_ones_first,
)
from redis_helpers.course.start.environment import ROOT
from tests.support.users import client_of

TODAY = date(2026, 11, 27)
LESSON_01 = {exercise.id: "2026-11-20" for exercise in exercises().values() if exercise.lesson == "1"}
ALL_LONG_AGO = dict.fromkeys(exercises(), "2026-01-01")


def known(**content):
    return cards({"passed": {}, **content}, TODAY)


class TestSchedule:
    def test_right_answers_double_the_time(self):
        card = Card("Q1.3", 0, TODAY)
        waits = []
        for _ in range(9):
            later = card.after(True, card.due)
            waits.append((later.due - card.due).days)
            card = later
        assert waits == [2, 4, 8, 16, 32, 64, 128, 128, 128]

    def test_a_miss_leads_back_to_the_first_box(self):
        assert Card("Q1.3", 5, TODAY).after(False, TODAY) == Card("Q1.3", 0, TODAY + timedelta(days=1))

    def test_the_time_counts_from_the_answer_not_from_the_day_when_it_was_due(self):
        assert Card("Q1.3", 1, TODAY - timedelta(days=90)).after(True, TODAY).due == TODAY + timedelta(days=4)


class TestCards:
    def test_an_exercise_is_due_on_the_day_after_it_was_passed(self):
        assert known(passed={"1.2": "2026-11-26", "1.3": "2026-11-27"}) == {
            "1.2": Card("1.2", 0, TODAY, is_new=True),
            "1.3": Card("1.3", 0, TODAY + timedelta(days=1), is_new=True),
        }

    def test_a_question_comes_when_it_is_answered(self):
        assert known(answered={"1.2": "2026-11-26"}) == {"Q1.2": Card("Q1.2", 0, TODAY, is_new=True)}

    def test_a_finished_lesson_brings_all_its_questions(self):
        """Also for a file in which quizzes were not written down."""
        found = known(passed=LESSON_01)
        of_lesson = [f"Q{name}" for name in questions() if lesson_of(name) == "1"]
        of_lesson += [f"P{name}" for name in predictions() if lesson_of(name) == "1"]
        short = [name for name in LESSON_01 if exercises()[name].kind != "stretch"]
        assert set(found) == {*short, *of_lesson}
        assert {card.due for card in found.values()} == {date(2026, 11, 21)}

    def test_the_questions_of_a_lesson_that_is_not_finished_stay_away(self):
        assert set(known(passed={"1.1": "2026-11-20"})) == {"1.1"}

    def test_long_exercises_do_not_come_back(self):
        long = {name: "2026-11-20" for name, exercise in exercises().items() if exercise.kind == "stretch"}
        assert long
        assert (
            not known(passed=long, review={name: {"box": 1, "due": "2026-11-20"} for name in long}).keys() & long.keys()
        )

    def test_what_was_asked_before_counts_more(self):
        review = {"1.1": {"box": 3, "due": "2026-12-05"}, "Q4.1": {"box": 0, "due": "2026-11-27"}}
        found = known(passed={"1.1": "2026-11-20"}, review=review)
        assert found == {"1.1": Card("1.1", 3, date(2026, 12, 5)), "Q4.1": Card("Q4.1", 0, TODAY)}

    def test_an_entry_is_read_as_it_was_written(self):
        card = Card("Q1.3", 4, date(2026, 12, 13))
        assert known(review={"Q1.3": json.loads(json.dumps(card.entry()))}) == {"Q1.3": card}

    @pytest.mark.parametrize(
        "entry",
        [
            None,
            [],
            "soon",
            {"box": -1, "due": "2026-12-05"},
            {"box": 99, "due": "2026-12-05"},
            {"box": True, "due": "2026-12-05"},
            {"box": "2", "due": "2026-12-05"},
            {"box": 2, "due": "2026-13-05"},
            {"box": 2, "due": 20261205},
            {"box": 2, "due": "0001-01-01"},
            {"box": 2, "due": "9999-12-31"},
            {"box": 2},
        ],
    )
    def test_an_odd_entry_counts_as_a_new_card(self, entry):
        assert known(passed={"1.1": "2026-11-26"}, review={"1.1": entry}) == {"1.1": Card("1.1", 0, TODAY, is_new=True)}
        assert known(review={"Q1.1": entry, "Q99.1": entry}) == {}

    @pytest.mark.parametrize("day", [None, 3, "", "yesterday", "2026-02-30", {"day": "2026-11-26"}])
    def test_a_day_that_cannot_be_read_is_long_ago(self, day):
        assert known(passed={"1.1": day}) == {"1.1": Card("1.1", 0, TODAY, is_new=True)}

    def test_exercises_that_no_longer_exist_are_left_alone(self):
        assert known(passed={"77.1": "2026-01-01"}, answered={"77.1": "2026-01-01"}) == {}

    def test_a_clock_that_was_set_back_only_makes_cards_come_later(self):
        found = cards({"passed": {"1.1": "2026-11-26"}}, date(2020, 1, 1))
        assert due_by_file(found, date(2020, 1, 1)) == []
        assert due_by_file(found, TODAY) == ["1.1"]


class TestTheSetInRedis:
    def test_it_says_the_same_as_the_file(self, redis_conn):
        review = {"Q1.1": {"box": 1, "due": "2990-01-01"}, "Q1.2": {"box": 0, "due": "2025-01-01"}}
        found = known(passed=ALL_LONG_AGO, review=review)
        due = due_by_redis(redis_conn, found, TODAY)
        assert due == due_by_file(found, TODAY)
        assert due[0] == "Q1.2" and "Q1.1" not in due and len(due) == len(found) - 1
        assert redis_conn.zcard(DUE_SET) == len(found)

    def test_it_is_made_anew_from_the_file(self, redis_conn):
        redis_conn.zadd(DUE_SET, {"Q9.9": 1, "1.1": 9e12})
        found = known(passed={"1.1": "2026-01-01"})
        assert due_by_redis(redis_conn, found, TODAY) == ["1.1"]
        assert redis_conn.zrange(DUE_SET, 0, -1) == ["1.1"]

    def test_it_ends_when_nobody_reviews_any_more(self, redis_conn):
        due_by_redis(redis_conn, known(passed={"1.1": "2026-01-01"}), TODAY)
        assert 0 < redis_conn.ttl(DUE_SET) <= 60 * 24 * 3600

    def test_a_key_of_another_type_is_replaced(self, redis_conn):
        redis_conn.set(DUE_SET, "no set")
        assert due_by_redis(redis_conn, known(passed={"1.1": "2026-01-01"}), TODAY) == ["1.1"]

    def test_the_cell_of_lesson_17_finds_what_is_due(self, redis_conn):
        due = due_by_redis(redis_conn, cards({"passed": ALL_LONG_AGO}, date.today()), date.today())
        names = {"redis_conn": redis_conn, "print": lambda *values: None}
        cells = nbformat.read(ROOT / "notebooks" / "17_leaderboards.ipynb", as_version=4).cells
        exec(next(cell.source for cell in cells if cell.id == "yours"), names)
        assert names["due_set"] == DUE_SET
        assert redis_conn.zrange(names["due_set"], "-inf", names["now"], byscore=True) == due

    def test_a_user_who_may_not_do_it_gets_an_error_of_redis(self, server):
        with client_of(server, "~cell-by-cell:*", "+@all", "-multi") as user, pytest.raises(redis.ResponseError):
            due_by_redis(user, known(passed={"1.1": "2026-01-01"}), TODAY)


class TestChoosing:
    def test_two_questions_two_predictions_and_one_exercise_of_five_lessons(self):
        taken = chosen(due_by_file(known(passed=ALL_LONG_AGO), TODAY), "QPQPE", 5)
        assert [kind_of(card_id) for card_id in taken] == list("QPQPE")
        assert len({lesson_of(card_id) for card_id in taken}) == 5

    def test_the_longest_waiting_come_first(self):
        assert chosen(["Q3.1", "Q2.1", "Q1.1"], "QQ", 2) == ["Q3.1", "Q2.1"]

    def test_what_was_asked_before_comes_before_what_is_new(self):
        """A card that was missed must come again on the next day, however many new ones wait for longer."""
        found = known(passed=ALL_LONG_AGO, review={"Q20.1": Card("Q20.1", 0, TODAY).entry()})
        due = due_by_file(found, TODAY)
        assert due[-1] == "Q20.1"
        assert old_ones_first(due, found) == ["Q20.1", *due[:-1]]

    def test_another_kind_fills_a_place(self):
        assert chosen(["Q3.1", "Q3.2", "Q1.1", "3.1"], "QPQPE", 5) == ["Q3.1", "Q1.1", "Q3.2", "3.1"]

    def test_never_a_second_exercise(self):
        assert chosen(["1.1", "2.1", "3.1"], "QPQPE", 5) == ["1.1"]
        assert chosen(["1.1", "2.1", "3.1"], "QPQP", 2) == []

    def test_no_more_than_are_wanted(self):
        assert chosen(["Q1.1", "P2.1", "Q3.1"], "QPQP", 2) == ["Q1.1", "P2.1"]
        assert chosen([], "QPQPE", 5) == []


def test_the_boxes_are_those_of_the_lesson_00():
    """It says: after two days, then after four, eight, and so on; a wrong one tomorrow."""
    assert DAYS[:4] == (1, 2, 4, 8)
