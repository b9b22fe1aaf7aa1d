"""How rows are drawn, as a report's head says it: `line x=month y=net color=currency`.

    line, area    x y [color]         y and color may be several columns: y=net,moving_average
    bar           x y [color] [line]  `line` is a column drawn over the bars
    scatter       x y [color]
    heatmap       x y color           color is the amount
    big number    y [x]               of the last row; x says which that is
    none                              no picture, whatever the columns are

A name with a space or a comma stands in quotes: `y="net sales"`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from app import errors

NONE = "none"
NUMBER = "big number"
# What each kind must have, and what it may have besides.
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "line": (("x", "y"), ("color",)),
    "bar": (("x", "y"), ("color", "line")),
    "area": (("x", "y"), ("color",)),
    "scatter": (("x", "y"), ("color",)),
    "heatmap": (("x", "y", "color"), ()),
    NUMBER: (("y",), ("x",)),
    NONE: ((), ()),
}
_SEVERAL = ("y", "color")
_NAME = r"""(?:"[^"]+"|'[^']+'|[^\s,"'=][^\s,=]*)"""
_PAIR = re.compile(rf"([A-Za-z]+)\s*=\s*({_NAME}(?:\s*,\s*{_NAME})*)\s*")
_EXAMPLE = "write it like `-- chart: line x=month y=net color=currency`"


@dataclass(frozen=True)
class Chart:
    """One picture: its kind, and the names of the columns that it is made of; empty where there is none."""

    kind: str
    x: str = ""
    y: tuple[str, ...] = ()
    color: tuple[str, ...] = ()
    line: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it needs."""
        return tuple(name for name in (self.x, *self.y, *self.color, self.line) if name)


def parse(text: str, *, where: str) -> Chart | None:
    """Read a head's line; None where there is none. Raises `errors.BadReport` that names `where`."""
    if not text.strip():
        return None
    first = _PAIR.search(text)
    kind = _kind(text[: first.start() if first else len(text)], where)
    given = _given(text[first.start() :] if first else "", where)
    needed, possible = _KEYS[kind]
    for key, names in given.items():
        if key not in needed + possible or (len(names) > 1 and key not in _SEVERAL):
            known = ", ".join(needed + possible) or "nothing"
            raise errors.BadReport(f"{where}: {kind} has no {key}={','.join(names)}", hint=f"it has {known}")
    missing = [key for key in needed if key not in given]
    if missing:
        raise errors.BadReport(f"{where}: the chart ({kind}) lacks {' and '.join(missing)}", hint=_EXAMPLE)
    x, line = (given.get(key, ("",))[0] for key in ("x", "line"))
    return Chart(kind, x, given.get("y", ()), given.get("color", ()), line)


def _kind(text: str, where: str) -> str:
    said = " ".join(text.lower().replace("_", " ").replace("-", " ").split())
    kind = NUMBER if said == "number" else said
    if kind not in _KEYS:
        near = difflib.get_close_matches(kind, _KEYS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KEYS)}"
        raise errors.BadReport(f"{where}: there is no chart {text.strip()!r}", hint=hint)
    return kind


def _given(text: str, where: str) -> dict[str, tuple[str, ...]]:
    """The columns by key. Raises where there is anything between the pairs, or one of them twice."""
    columns: dict[str, tuple[str, ...]] = {}
    place = 0
    while place < len(text):
        pair = _PAIR.match(text, place)
        if pair is None or _key(pair[1]) in columns:
            raise errors.BadReport(f"{where}: the chart can't be read at {text[place:]!r}", hint=_EXAMPLE)
        columns[_key(pair[1])] = tuple(_unquoted(name) for name in re.findall(_NAME, pair[2]))
        place = pair.end()
    return columns


def _key(text: str) -> str:
    return "color" if text.lower() == "colour" else text.lower()


def _unquoted(name: str) -> str:
    return name[1:-1] if name[:1] in ("'", '"') else name
