"""`StartForm`: reads a hash once into memory and serves from it."""

from collections.abc import Mapping

from redis_helpers.errors import CourseError


class StartForm:
    """A form that is filled once, when the program starts, and asked many times.

    What it answers is a copy: it neither sees later changes in Redis, nor notices that the hash has expired. It asks
    Redis for nothing, so each answer takes no round trip.
    """

    def __init__(self) -> None:
        self._info: dict[str, str] | None = None

    def load_info(self, mapping: Mapping[str, str]) -> None:
        """Copies the mapping, such as `RedisRepository.get_all_hash` gives it, into memory, in place of all before.

        Names and values that are bytes, as a client without `decode_responses` gives them, become text. Raises
        CourseError, and keeps what was loaded before, for what is no mapping and for bytes that are no UTF-8 text.
        """
        if not isinstance(mapping, Mapping):
            raise CourseError(
                f"load_info(mapping) takes a dict, such as repo.get_all_hash(key) gives it, and this is of the type "
                f"{type(mapping).__name__}: give it the whole hash."
            )
        self._info = {_text(name): _text(value) for name, value in mapping.items()}

    def get_info(self, name: str) -> str | None:
        """One entry from memory, or None when there is none. Raises CourseError before the first `load_info`."""
        if self._info is None:
            raise CourseError("The form is empty: call load_info(mapping) first.")
        return self._info.get(name)


def _text(part: str | bytes) -> str:
    if not isinstance(part, bytes):
        return part
    try:
        return part.decode()
    except UnicodeDecodeError:
        pass
    raise CourseError("This hash holds bytes that are no UTF-8 text, and a form serves text: leave that field out.")
