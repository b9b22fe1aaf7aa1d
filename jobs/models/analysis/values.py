"""Which types of values an aggregate or a group may have, so that equal rows give the same result to the last bit.

Sums of floats depend on the order of the rows. 0 and -0, and one month and thirty days, are equal and not the same:
which of them a group is called by is a draw.
"""

from __future__ import annotations

import re

from jobs.models.analysis.refusal import Refused

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_UNSURE = re.compile(r"\b(FLOAT|REAL|DOUBLE|INTERVAL|VARIANT|GEOMETRY|TIME WITH TIME ZONE)\b")
_EXACT = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT)|HUGEINT|BOOLEAN|DECIMAL\(\d+,\d+\)")
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def check_sum(function: str, kind: str, at: int | None = None) -> None:
    """Raise `Refused` unless sums of this type are exact in any order."""
    if _EXACT.fullmatch(kind):
        return
    if kind in ("FLOAT", "DOUBLE"):
        raise Refused(
            f"{function}() of a {kind} depends on the order of the rows", "cast it: CAST(… AS DECIMAL(18, 2))", at
        )
    raise Refused(f"{function}() of a {kind} is not known to be exact", "cast it to a DECIMAL or a BIGINT", at)


def check_extreme(function: str, kind: str, at: int | None = None) -> None:
    """Raise `Refused` where equal values of this type need not be the same."""
    if is_unsure(kind):
        raise Refused(f"{function}() of a {kind}: equal values of it need not be the same", _advice(kind), at)


def check_group(what: str, kind: str, at: int | None = None) -> None:
    """Raise `Refused` where equal values of this type need not be the same."""
    if is_unsure(kind):
        raise Refused(f"{what} is a {kind}: equal values of it need not be the same", _advice(kind), at)


def is_unsure(kind: str) -> bool:
    """Whether two values of a type may be equal and yet not the same."""
    return _UNSURE.search(_QUOTED.sub("", kind)) is not None


def keeps_sums(inner: str, outer: str) -> bool:
    """Whether a cast from one type of sum to another fails rather than rounds, so that sums stay additive."""
    scale = _DECIMAL.fullmatch(inner)
    wanted = _DECIMAL.fullmatch(outer)
    if wanted is None:
        return scale is None and _EXACT.fullmatch(outer) is not None and outer != "BOOLEAN"
    return scale is None or int(wanted[2]) >= int(scale[2])


def _advice(kind: str) -> str:
    return "cast it to VARCHAR or to days" if "INTERVAL" in kind else "cast it to a DECIMAL, or to VARCHAR"
