"""What a call of redis-py sends, told by redis-py itself: the method runs on a client that notes its command.

Nothing is connected. An argument that is not written out in the call has no value here. Then a stand-in takes its
place: the first of a few that the method accepts.
"""

import ast
import inspect
from typing import Any

import redis

STAND_INS: tuple[Any, ...] = (1, "1", {"1": 1}, ["1"], True)


class Sent(Exception):
    """The command of a call: the words that would have gone to the server."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(words)
        self.words = words


class _Notes(redis.Redis):
    """A client that sends nothing."""

    def execute_command(self, *words: Any, **options: Any) -> Any:
        raise Sent([word.decode() if isinstance(word, bytes) else str(word) for word in words])


def words_of(call: ast.Call) -> list[str]:
    """The words that the call would send, stand-ins among them; none when it sends no command by itself."""
    assert isinstance(call.func, ast.Attribute)
    method = getattr(_Notes, call.func.attr, None)
    if method is None:
        return []
    for stand_in in STAND_INS:
        places = [_value(argument, stand_in) for argument in call.args]
        names = {keyword.arg: _value(keyword.value, stand_in) for keyword in call.keywords if keyword.arg}
        try:
            reply = getattr(_Notes(), call.func.attr)(*places, **names)
            if inspect.isgenerator(reply):
                next(reply)
        except Sent as sent:
            return sent.words
        except Exception:  # this stand-in does not fit: the next one may
            continue
    return []


def _value(node: ast.expr, stand_in: Any) -> Any:
    """What is written in the call, or else the stand-in."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        kinds: dict[type[ast.expr], Any] = {ast.Dict: {"1": "1"}, ast.List: ["1"], ast.Tuple: ("1",)}
        return kinds.get(type(node), stand_in)
