"""Why a SELECT is kept less cheaply than it might be, or not at all."""

from __future__ import annotations

from typing import Any

# What DuckDB writes where a node stands nowhere in the text.
_NOWHERE = 2**63


class Refused(Exception):
    """The SELECT need not give the same rows twice, or can't be understood: an error. `at` is a place in the text."""

    def __init__(self, reason: str, advice: str = "", at: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.advice, self.at = reason, advice, at


class Whole(Exception):
    """The SELECT is repeatable, but only a rebuild is exact for it."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason, self.advice = reason, advice


def place(node: dict[str, Any]) -> int | None:
    """Where a node stands, in bytes from the start of the text."""
    at = node.get("query_location")
    return at if isinstance(at, int) and at < _NOWHERE else None
