"""Tables of random types and rows arrive as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support import cluster, typelab

Values = st.SearchStrategy[str]


@pytest.fixture(scope="module")
def lab(postgres: cluster.Cluster) -> Iterator[typelab.Lab]:
    with typelab.laboratory(postgres) as found:
        yield found


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
DIGITS = st.from_regex(r"-?[0-9]{1,45}(\.[0-9]{1,45})?", fullmatch=True)


def _year(year: int) -> str:
    """PostgreSQL has no year 0 and writes the years before 1 with BC, at the end."""
    return f"{year:04d}" if year > 0 else f"{1 - year:04d}"


def _era(year: int) -> str:
    return "" if year > 0 else " BC"


def _dates(last: int) -> Values:
    parts = st.tuples(st.integers(-4712, last), st.integers(1, 12), st.integers(1, 28))
    return parts.map(lambda p: f"{_year(p[0])}-{p[1]:02d}-{p[2]:02d}{_era(p[0])}") | st.sampled_from(
        ["infinity", "-infinity"]
    )


def _clock(micros: int) -> str:
    seconds, micros = divmod(micros, 1_000_000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{micros:06d}"


CLOCKS = st.integers(0, 86_400_000_000).map(_clock)


def _moments(zone: str) -> Values:
    finite = st.tuples(st.integers(-4711, 294_246), st.integers(1, 12), st.integers(1, 28), CLOCKS).map(
        lambda p: f"{_year(p[0])}-{p[1]:02d}-{p[2]:02d} {p[3]}{zone}{_era(p[0])}"
    )
    return finite | st.sampled_from(["infinity", "-infinity"])


def _decimals(whole: int, scale: int) -> Values:
    return st.integers(-(10 ** (whole + scale)) + 1, 10 ** (whole + scale) - 1).map(lambda n: f"{n}e-{scale}")


def _json() -> Values:
    leaves = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXT
    return st.recursive(leaves, lambda deep: st.lists(deep, max_size=3) | st.dictionaries(TEXT, deep, max_size=3)).map(
        json.dumps
    )


INTERVALS = st.tuples(
    st.integers(-(2**31) + 1, 2**31 - 2), st.integers(-(2**31) + 1, 2**31 - 2), st.integers(-(10**15), 10**15)
).map(lambda p: f"{p[0]} months {p[1]} days {p[2] / 10**6:.6f} seconds")
ZONES = st.integers(-57_599, 57_599).map(lambda s: ("-" if s < 0 else "+") + _clock(abs(s) * 1_000_000)[:8])


def _range(low: int, high: int) -> Values:
    return st.tuples(st.integers(low, high), st.integers(0, 50)).map(lambda p: f"[{p[0]},{min(high, p[0] + p[1])}]")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hstore(found: dict[str, str | None]) -> str:
    return ",".join(f"{_quoted(k)}=>{'NULL' if v is None else _quoted(v)}" for k, v in found.items())


SCALARS: dict[str, Values] = {
    "boolean": st.sampled_from(["t", "f"]),
    "smallint": st.integers(-(2**15), 2**15 - 1).map(str),
    "integer": st.integers(-(2**31), 2**31 - 1).map(str),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "real": st.floats(width=32).map(repr),
    "float8": st.floats().map(repr),
    "numeric": DIGITS | st.sampled_from(["NaN", "Infinity", "-Infinity"]),
    "numeric(12,2)": _decimals(10, 2),
    "numeric(38,10)": _decimals(28, 10),
    "numeric(4,0)": _decimals(4, 0),
    "money": _decimals(10, 2).map(lambda text: f"{Decimal(text):f}"),
    "oid": st.integers(0, 2**32 - 1).map(str),
    "xid8": st.integers(0, 2**64 - 1).map(str),
    "text": TEXT,
    "varchar(20)": TEXT,
    "char(20)": TEXT,
    "bytea": st.binary(max_size=20).map(lambda b: "\\x" + b.hex()),
    "date": _dates(5_874_897),
    "time": CLOCKS,
    "timetz": st.tuples(CLOCKS, ZONES).map("".join),
    "timestamp": _moments(""),
    "timestamptz": _moments("+00"),
    "interval": INTERVALS,
    "uuid": st.uuids().map(str),
    "json": _json(),
    "jsonb": _json().filter(lambda text: "\\u0000" not in text),
    "bit varying": st.text("01", max_size=70),
    "inet": st.ip_addresses().map(str),
    "pg_lsn": st.integers(0, 2**64 - 1).map(lambda n: f"{n >> 32:X}/{n & 0xFFFFFFFF:X}"),
    "int4range": _range(-(2**31), 2**31 - 2),
    "point": st.tuples(st.floats(), st.floats()).map(lambda p: f"({p[0]!r},{p[1]!r})"),
    "name": st.text("aZ_ é", max_size=20),
    "xid": st.integers(0, 2**32 - 1).map(str),
    "bit(5)": st.text("01", min_size=5, max_size=5),
    "cidr": st.ip_addresses().map(str),
    "macaddr": st.binary(min_size=6, max_size=6).map(lambda b: b.hex(":")),
    "macaddr8": st.binary(min_size=8, max_size=8).map(lambda b: b.hex(":")),
    "tsvector": st.lists(st.text("abc", min_size=1, max_size=4), max_size=4).map(" ".join),
    "int8range": _range(-(2**63), 2**63 - 2),
    "daterange": st.sampled_from(["[2020-01-01,2021-01-01)", "(,2020-01-01]", "empty", "(,)"]),
    "int4multirange": st.lists(_range(-(2**31), 2**31 - 2), max_size=3).map(lambda r: "{" + ",".join(r) + "}"),
    "circle": st.tuples(st.integers(-9, 9), st.integers(0, 9)).map(lambda p: f"<({p[0]},0.1),{p[1]}>"),
    "public.ltree": st.lists(st.text("abcXYZ_09", min_size=1, max_size=5), max_size=4).map(".".join),
    "public.cube": st.tuples(st.integers(), st.floats(-9, 9)).map(lambda p: f"({p[0]},{p[1]!r})"),
    'public."My Type"': st.integers(-9, 9).map(lambda n: f'({n},"a ""b"" {n}",{n}.50)'),
    "public.code": st.text("aé ", max_size=4),
    "public.mood": st.sampled_from(["ok", 'so "so"', "it's {a}, b\\c", " ", ""]),
    "public.price": st.integers(0, 10**10 - 1).map(lambda n: f"{n}e-2"),
    "public.citext": TEXT,
    "public.hstore": st.dictionaries(TEXT, st.none() | TEXT, max_size=4).map(_hstore),
}
NO_LISTS = {"public.hstore"}


def _array(parts: list[str | None]) -> str:
    return "{" + ",".join("NULL" if part is None else _quoted(part) for part in parts) + "}"


def _columns() -> st.SearchStrategy[tuple[str, Values]]:
    scalar = st.sampled_from(sorted(SCALARS)).map(lambda name: (name, SCALARS[name]))
    listed = st.sampled_from(sorted(set(SCALARS) - NO_LISTS)).map(
        lambda name: (f"{name}[]", st.lists(st.none() | SCALARS[name], max_size=4).map(_array))
    )
    return scalar | listed


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str | None]]]:
    """Types of columns, and rows of their values as PostgreSQL reads them."""
    columns = draw(st.lists(_columns(), min_size=1, max_size=5))
    row = st.tuples(*[st.none() | values for _, values in columns]).map(list)
    return [kind for kind, _ in columns], draw(st.lists(row, max_size=5))


@pytest.mark.long
@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(table=tables())
def test_any_table_arrives_as_it_is(lab: typelab.Lab, table: tuple[list[str], list[list[Any]]]) -> None:
    _arrives(lab, *table)


EVERY: list[tuple[str, Values]] = [
    *SCALARS.items(),
    *((f"{name}[]", st.lists(st.none() | SCALARS[name], max_size=3).map(_array)) for name in sorted(SCALARS)
      if name not in NO_LISTS),
]  # fmt: skip


# A failure names its column at once; to make such a row smaller would take minutes.
@pytest.mark.long
@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(rows=st.lists(st.tuples(*(values for _, values in EVERY)).map(list), min_size=3, max_size=3))
def test_a_table_with_a_column_of_every_type_arrives_as_it_is(lab: typelab.Lab, rows: list[list[Any]]) -> None:
    _arrives(lab, [kind for kind, _ in EVERY], rows)


def _arrives(lab: typelab.Lab, kinds: list[str], rows: list[list[Any]]) -> None:
    columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(kinds))
    lab.postgres.execute("DROP TABLE IF EXISTS public.r")
    lab.postgres.execute(f"CREATE TABLE public.r (n integer, {columns})")  # type: ignore[arg-type]
    marks = ", ".join(f"CAST(CAST(%s AS text) AS {kind})" for kind in kinds)
    with lab.postgres.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO public.r VALUES (%s, {marks})",  # type: ignore[arg-type]
            [(place, *row) for place, row in enumerate(rows)],
        )
    lab.compare("public.r")
