"""`StartForm`: reads a hash once into memory and serves from it."""

from collections.abc import Mapping

from redis_helpers.errors import CourseError


class StartForm:
    """A form that is filled once, when the program starts, and asked many times.

    What it answers is a copy: it neither sees later changes in Redis, nor notices that the hash has expired.
    """

    def __init__(self) -> None:
        self._info: dict[str, str] | None = None

    def load_info(self, mapping: Mapping[str, str]) -> None:
        """Copies the mapping into memory. Loading again replaces everything."""
        self._info = dict(mapping)

    def get_info(self, name: str) -> str | None:
        """One entry from memory, or None when there is none. Raises CourseError before the first `load_info`."""
        if self._info is None:
            raise CourseError("The form is empty: call load_info(mapping) first.")
        return self._info.get(name)
