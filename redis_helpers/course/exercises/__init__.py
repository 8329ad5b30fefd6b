"""Exercises that check themselves, and quizzes.

    from redis_helpers.course.exercises import check, hint, progress, quiz, solution

`check("1.2", put_once)` runs your function and says what it did. Each lesson's exercises stand in a module of their own
(`lesson_01.py`, …), solutions included: read there what `solution("1.2")` would show.
"""

from redis_helpers.course.exercises.commands import check, hint, progress, quiz, solution

__all__ = ["check", "hint", "progress", "quiz", "solution"]
