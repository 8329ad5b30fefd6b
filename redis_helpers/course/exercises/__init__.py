"""Exercises that check themselves, quizzes, and what brings you back to them.

    from redis_helpers.course.exercises import check, hint, progress, quiz, review, solution

`check("1.2", put_once)` runs your function and says what it did. `review()` asks again what you have passed, on later
days. Each lesson's exercises stand in a module of their own (`lesson_01.py`, …), solutions included: read there what
`solution("1.2")` would show.
"""

from redis_helpers.course.exercises.commands import check, hint, plan, progress, quiz, report, review, solution

__all__ = ["check", "hint", "plan", "progress", "quiz", "report", "review", "solution"]
