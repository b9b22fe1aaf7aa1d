"""A result as a table of other packages, where they are installed."""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from app import errors
from app.reporting.result import Result

AS_OF = datetime(2026, 11, 23, 20, 45, 11, 7, tzinfo=UTC)
VALUES: dict[str, tuple[str, Any, Any]] = {
    "money": ("DECIMAL(38,2)", Decimal("123456789012345678901234567890.60"), None),
    "large": ("BIGINT", 9007199254740993, None),
    "sum": ("HUGEINT", 9007199254740993, None),
    "too_large": ("HUGEINT", 2**127 - 1, str(2**127 - 1)),
    "share": ("DOUBLE", 0.1, None),
    "text": ("VARCHAR", "é", None),
    "kind": ("ENUM('a', 'b')", "a", None),
    "at": ("TIMESTAMP WITH TIME ZONE", AS_OF, None),
    "until": ("TIMESTAMP WITH TIME ZONE", "infinity", "infinity"),
    "day": ("DATE", date(2024, 2, 29), None),
    "clock": ("TIME", time(1, 2, 3, 4), None),
    "id": ("UUID", uuid.UUID(int=5), str(uuid.UUID(int=5))),
    "bytes": ("BLOB", b"\x00\xff", None),
    "list": ("DECIMAL(3,1)[]", [Decimal("1.0"), None], None),
    "struct": ("STRUCT(a INTEGER, b UUID)", {"a": 1, "b": uuid.UUID(int=5)}, {"a": 1, "b": str(uuid.UUID(int=5))}),
    "map": ("MAP(INTEGER, BOOLEAN)", {1: True}, [(1, True)]),
    "yes": ("BOOLEAN", True, None),
    "span": ("INTERVAL", "1 mon", None),
}
RESULT = Result(
    tuple(VALUES), tuple(kind for kind, _, _ in VALUES.values()),
    [tuple(value for _, value, _ in VALUES.values()), (None,) * len(VALUES)], AS_OF,
)  # fmt: skip
WANTED = {name: value if other is None else other for name, (_, value, other) in VALUES.items()}


def test_arrow_has_every_value() -> None:
    pytest.importorskip("pyarrow")
    first, second = RESULT.arrow().to_pylist()
    assert first == WANTED
    assert second == dict.fromkeys(VALUES)


def test_polars_and_pandas_have_every_value() -> None:
    for package in ("pyarrow", "polars", "pandas"):
        pytest.importorskip(package)
    for name in ("money", "large", "sum", "at", "day", "text", "id", "list"):
        assert RESULT.pl()[name].to_list() == [WANTED[name], None]
        assert RESULT.df()[name].dtype.pyarrow_dtype == RESULT.arrow()[name].type
    assert RESULT.df()["large"][0] == 9007199254740993


@pytest.mark.parametrize(
    ("ask", "packages"), [("arrow", "pyarrow"), ("pl", "polars pyarrow"), ("df", "pandas pyarrow")]
)
def test_without_its_packages_the_error_names_all_that_it_takes(
    ask: str, packages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in packages.split():
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(errors.MissingExtra, match=packages.split(maxsplit=1)[0]) as caught:
        getattr(RESULT, ask)()
    assert caught.value.hint == f"pip install {packages}"
