"""What is said of a report that Spark can't answer as DuckDB would: what it is, where it stands, what to do."""

from __future__ import annotations

from collections.abc import Iterator

from app import errors
from app.spark import tree

_HINT = "write it otherwise, or leave --engine spark out: DuckDB answers it"


def _with_parts(node: object) -> Iterator[object]:
    yield node
    for one in tree.parts(node):
        yield from _with_parts(one)


class Refusals:
    """Refusals of one statement, which can name the line that they are about."""

    def __init__(self, statement: str) -> None:
        self._statement = statement.encode()
        # The time zones that the statement converts to; both engines are asked about them before it runs.
        self.zones: set[str] = set()

    def at(self, node: object, what: str, hint: str | None = None) -> errors.NotOnSpark:
        """The error for a part of the statement."""
        place = next((location for one in _with_parts(node) if (location := tree.place(one)) is not None), None)
        if place is None or place >= len(self._statement):
            return errors.NotOnSpark(f"{what} can't be carried over to Spark", hint=hint or _HINT)
        number = self._statement.count(b"\n", 0, place) + 1
        line = self._statement.split(b"\n")[number - 1].decode(errors="replace").strip()
        shown = line if len(line) <= 100 else line[:97] + "…"
        return errors.NotOnSpark(
            f"{what} can't be carried over to Spark, in line {number}: {shown}", hint=hint or _HINT
        )
