"""The tables that somebody may have meant by a name that is no table's."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# So alike are `flim` and `film`, or `order` and `orders_old`; `item` and `items_of_orders` are not.
_NEAR = 0.6
_NAME = re.compile(r'(?:(?P<schema>"(?:[^"]|"")*"|[^".]*)\.)?(?P<table>.*)', re.DOTALL)


def tables(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """The nearest of the known names, the nearest first; the schema may be missing or another, and case is nothing."""
    ranked = sorted((-_likeness(name, one), one) for one in known)
    return [one for likeness, one in ranked[:most] if -likeness >= _NEAR]


def hint(name: str, known: Iterable[str], otherwise: str) -> str:
    """`did you mean …?`, or what to do where none is near."""
    near = tables(name, known)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def name(given: str, known: Iterable[str]) -> str:
    """`did you mean …?` of other names than tables', or which there are; empty where there are none."""
    there = {one.lower(): one for one in known}
    near = [there[one] for one in difflib.get_close_matches(given.lower(), there, n=1)]
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(there.values())}" if there else ""


def _likeness(name: str, other: str) -> float:
    """From 0 to 1: that of the tables' own names, of which a wrong schema takes a little away."""
    (schema, table), (of, one) = _split(name), _split(other)
    by_schema = _ratio(schema, of) if schema else 1.0
    # A dot may also belong to the table's own name.
    return max(_ratio(table, one) * (0.9 + 0.1 * by_schema), _ratio(name.lower(), one))


def _split(name: str) -> tuple[str, str]:
    match = _NAME.fullmatch(name.lower())
    assert match is not None
    return (match["schema"] or "").strip('"'), match["table"].strip('"')


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
