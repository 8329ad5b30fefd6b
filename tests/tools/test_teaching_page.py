"""The teacher's page: minutes are the lessons' own, what a lesson needs comes before it, check says the quotes."""

import re

import nbformat
import pytest

from redis_helpers.course.exercises import catalog
from redis_helpers.course.start.environment import ROOT
from redis_helpers.course.start.installer import KEPT_OF_PIP, KEPT_OF_UV
from tests.exercise_answers import WRONG
from tools.pages import PAGES

TEXT = (PAGES / "teaching.md").read_text(encoding="utf-8")
PLANS = dict(re.findall(r"(?ms)^## (A half day|A day|Six evenings)\n(.+?)(?=^## )", TEXT))
MISTAKES = re.findall(r"(?m)^\| (\d+\.\d) \| (.+) \| (.+) \|$", TEXT)


@pytest.fixture(scope="module")
def lessons(notebooks):
    """By number: the minutes, and the numbers of the lessons that come before."""
    found = {}
    for path in notebooks:
        first = nbformat.read(path, as_version=4).cells[0].source
        minutes = re.search(r"\*\*Time:\*\* (\d+) minutes of reading, (\d+) of exercises", first)
        before = re.search(r"\*\*Before:\*\* (.+?) \*\*Time", first)
        found[path.name[:2]] = (int(minutes[1]) + int(minutes[2]), re.findall(r"\((\d\d)_", before[1]))
    return found


def rows(plan):
    """Each row of a plan: when, the lessons, the minutes."""
    found = re.findall(r"(?m)^\| ([\w -]+) \| ?(.*?) ?\| (\d+) \|$", PLANS[plan])
    return [
        (when, re.findall(r"\b\d\d\b", text) if when != "set-up" else [], int(minutes)) for when, text, minutes in found
    ]


@pytest.mark.parametrize("plan", ["A half day", "A day", "Six evenings"])
def test_the_minutes_of_a_plan_are_those_of_its_lessons_and_add_up(lessons, plan):
    assert len(rows(plan)) >= 6
    for when, numbers, minutes in rows(plan):
        assert minutes == sum(lessons[number][0] for number in numbers) or not numbers, when
    assert f"| **{sum(minutes for _, _, minutes in rows(plan))}** |" in PLANS[plan]


@pytest.mark.parametrize("plan", ["A half day", "A day", "Six evenings"])
def test_what_a_lesson_needs_comes_before_it(lessons, plan):
    taken = []
    for _, numbers, _ in rows(plan):
        for number in numbers:
            assert set(lessons[number][1]) <= set(taken), number
            taken.append(number)
    assert len(taken) == len(set(taken)) >= 5


def test_one_or_two_mistakes_of_each_lesson_with_the_words_of_check(lessons):
    told = [f"{int(exercise.partition('.')[0]):02}" for exercise, _, _ in MISTAKES]
    assert [number for number in lessons if not 1 <= told.count(number) <= 2] == []
    for exercise, _, words in MISTAKES:
        assert words in [because for _, because in WRONG[exercise]], exercise


def test_no_line_of_a_solution_is_on_the_page():
    for exercise in catalog.exercises().values():
        lines = [line.strip() for line in exercise.solution.splitlines()]
        assert [line for line in lines if len(line) > 20 and line in TEXT] == []


def test_the_room_without_a_network_sets_what_the_installer_keeps():
    exported = re.findall(r"(?:export|\d) ?((?:PIP|UV)_\w+)=", TEXT)
    assert exported == ["PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_OFFLINE", "UV_FIND_LINKS"]
    for name in exported:
        tool, _, setting = name.partition("_")
        assert setting.lower().replace("_", "-") in KEPT_OF_PIP if tool == "PIP" else name in KEPT_OF_UV


def test_the_images_are_those_of_docker_compose():
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    images = {f"{name}:{tag}" for name, tag in re.findall(r"image: (\w+):\$\{\w+:-([\d.]+)\}", compose)}
    assert images
    assert {image for image in images if image in TEXT} == images
