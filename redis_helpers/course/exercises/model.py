"""What an exercise is, what a quiz question and a prediction are, and how a check says that an answer is wrong."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from string import ascii_lowercase

KINDS = ("blank", "change", "write", "stretch")  # complete a blank, change working code, write it, a harder one


@dataclass(frozen=True)
class Exercise:
    """One exercise. `stub` and `solution` are source text: the one that the notebook shows, and one that is right.

    `check` gets a Trial. It returns when the answer is right, and raises Failed when it is not. `needs` names a command
    that only newer servers know, and says what to tell the learner on an older one.
    """

    id: str
    title: str
    kind: str
    question: str
    stub: str
    hints: tuple[str, ...]
    solution: str
    why: str
    check: Callable[..., None]
    needs: tuple[str, str] | None = None

    @property
    def lesson(self) -> str:
        """ "1" for the exercises of lesson 01."""
        return self.id.partition(".")[0]

    @property
    def function_name(self) -> str:
        """The name of the function that the learner writes."""
        return self._definition.name

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of that function's parameters."""
        return tuple(argument.arg for argument in self._definition.args.args)

    @property
    def signature(self) -> str:
        """For example `put_once(redis_conn, key, value)`."""
        return f"{self.function_name}({', '.join(self.parameters)})"

    @cached_property
    def _definition(self) -> ast.FunctionDef:
        return next(node for node in reversed(ast.parse(self.stub).body) if isinstance(node, ast.FunctionDef))

    def question_cell(self) -> str:
        """The text cell that asks."""
        return f"**Your turn ({self.id}).** {self.question}"

    def answer_cell(self, source: str | None = None) -> str:
        """The code cell right below it: the stub, or another `source`, the check, and what can be asked for."""
        asked_for = f'check("{self.id}", {self.function_name})\n# hint("{self.id}")\n# solution("{self.id}")'
        return f"{source or self.stub}\n\n\n{asked_for}"


@dataclass(frozen=True)
class Question:
    """One quiz question. Each option is a text, and a word on why it is right or wrong."""

    text: str
    options: tuple[tuple[str, str], ...]
    answer: str

    @property
    def letters(self) -> str:
        """ "abc" for three options."""
        return ascii_lowercase[: len(self.options)]

    def word_on(self, letter: str) -> str:
        """What there is to say on one option."""
        return self.options[self.letters.index(letter)][1]


@dataclass(frozen=True)
class Prediction:
    """A prediction of a lesson that can be made again anywhere: its cell needs a client `redis_conn`, and nothing else.

    `cell` is the name of the notebook's cell that asks it. The keys in `code` begin with `cell-by-cell:review:`. Each
    option is a text, and a regular expression for the last line that the code prints if this option is right. `needs`
    are the commands without which it cannot be run, where these are not known to every server and every user.
    """

    cell: str
    text: str
    code: str
    options: tuple[tuple[str, str], ...]
    answer: str
    why: str
    needs: tuple[str, ...] = ()

    @property
    def letters(self) -> str:
        """ "abc" for three options."""
        return ascii_lowercase[: len(self.options)]

    def fits(self, letter: str, printed: str) -> bool:
        """Whether this line is what the code prints if option `letter` is right."""
        return re.fullmatch(self.options[self.letters.index(letter)][1], printed) is not None


class Failed(Exception):
    """The answer is not right. `why` says what happens to whoever uses it, and what to look at.

    What was expected and seen may stand beside it. `cure` says what to do, and is shown from the second failure on.
    `story` is a table of who did what when.
    """

    def __init__(
        self,
        why: str,
        expected: object = None,
        seen: object = None,
        cure: str | None = None,
        story: str | None = None,
    ) -> None:
        super().__init__(why)
        self.why, self.expected, self.seen, self.cure, self.story = why, expected, seen, cure, story


class TooBusy(Exception):
    """The machine is too slow now for a case in which something ends soon: the answer is neither right nor wrong."""


class Crashed(Exception):
    """The learner's code raised `error`. `story` is a table of who did what when."""

    def __init__(self, error: BaseException, story: str | None = None) -> None:
        super().__init__()
        self.error, self.story = error, story
