"""What is shown of a value is what the file holds: for every type, in every format, from Python, and by verify."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from app.face import tables
from app.reporting import opening
from app.reporting import store as reporting
from jobs import quoting
from jobs.types.wire import Wire
from jobs.verify import verify
from tests.integration.test_types import CASES, Case
from tests.support import cluster, shopfile, typelab
from tests.support.cli import Cli
from tests.support.syncing import Lab

_FRACTION = re.compile(r"(\.\d*?)0+(?=\D|$)")
_OFFSET = re.compile(r"([+-]\d\d(?::[1-9]\d|:\d[1-9])?)(?::00)+(?=$| BC)")
_NESTED = re.compile(r"(.*)\[\]$")


@pytest.fixture(scope="module")
def lab(postgres: cluster.Cluster) -> Iterator[typelab.Lab]:
    with typelab.laboratory(postgres) as found:
        yield found


@pytest.fixture(scope="module")
def store(lab: typelab.Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[reporting.Store]:
    """A reporting file with a table for each of the types tests, and one of PostgreSQL's own texts beside it."""
    file = tmp_path_factory.mktemp("types") / "reporting.duckdb"
    shopfile.write(file, {})
    for number, case in enumerate(CASES):
        lab.make(case.type, [*case.values])
        plans = lab.plans("public.t")
        named = ", ".join(f"{plan.source_sql} AS {quoting.identifier(plan.name)}" for plan in plans)
        fields = ", ".join(f"{plan.name} {plan.duckdb_type}" for plan in plans)
        lab.duckdb.execute(f"CREATE TABLE t{number} ({fields})")
        lab.duckdb.execute(f"INSERT INTO t{number} {Wire(plans, f'SELECT {named} FROM public.t').joined()}")
        spelled = lab.postgres.execute(f"SELECT n, {_text_of(case)} FROM public.t").fetchall()  # type: ignore[arg-type]
        lab.duckdb.execute(
            f"CREATE TABLE p{number} AS SELECT unnest($1::STRUCT(n INTEGER, text VARCHAR)[], recursive := true)",
            [[{"n": n, "text": text} for n, text in spelled]],
        )
    # In one transaction: each commit waits for the disk.
    lab.duckdb.execute(f"ATTACH {quoting.literal(str(file))} AS out; BEGIN")
    for number in range(len(CASES)):
        lab.duckdb.execute(f"CREATE TABLE out.shop.t{number} AS FROM t{number}")
        lab.duckdb.execute(f"CREATE TABLE out.shop.p{number} AS FROM p{number}")
    lab.duckdb.execute("COMMIT; DETACH out")
    with opening.open(file) as opened:
        yield opened


def _text_of(case: Case) -> str:
    if case.type in ("int2vector", "oidvector"):
        return "array_to_json(string_to_array(v::text, ' '))::text"
    return "array_to_json(v::text[])::text" if case.duckdb.endswith("[]") else "v::text"


def _canonical(text: str, kind: str) -> Any:
    """A spelling without what says nothing: zeros at the end of a fraction, an offset's minutes that are 0."""
    if kind in ("FLOAT", "DOUBLE"):
        return struct.pack("<f" if kind == "FLOAT" else "<d", float(text))
    if kind.startswith("DECIMAL"):
        return Decimal(text.removeprefix("$").removeprefix("-$").replace(",", "")).copy_abs()
    if kind == "BOOLEAN":
        return text[0]
    if kind == "BLOB":
        return text.removeprefix("\\x")
    if kind.startswith(("TIME", "DATE")):
        trimmed = _FRACTION.sub(r"\1", text.replace("T", " ")).replace(". ", " ").rstrip(".")
        return _OFFSET.sub(r"\1", trimmed.replace(".+", "+").replace(".-", "-"))
    return text


def _spelled(value: Any, kind: str) -> Any:
    """What JSON holds, made comparable."""
    if value is None:
        return None
    nested = _NESTED.fullmatch(kind)
    if nested and isinstance(value, list):
        return [_spelled(one, nested[1]) for one in value]
    return _canonical(value if isinstance(value, str) else json.dumps(value), kind)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(case) for case in CASES])
def test_every_format_says_what_postgresql_says(store: reporting.Store, number: int) -> None:
    case = CASES[number]
    kind = case.duckdb.replace("TIMESTAMPTZ", "TIMESTAMP").replace("TIMETZ", "TIME")
    nested = kind.endswith("[]")
    told = [text for (text,) in store.query(f"SELECT text FROM shop.p{number} ORDER BY n").rows]
    wanted = [] if kind.startswith("MAP") else [_spelled(json.loads(t) if nested and t else t, kind) for t in told]
    result = store.query(f"SELECT v FROM shop.t{number} ORDER BY n")
    assert len(result.rows) == len(case.values) + 1
    for format_ in ("json", "jsonl", "csv"):
        cells = _cells(tables.render(result, format_), format_, nested=nested)
        if not kind.startswith("MAP"):
            assert [_spelled(cell, kind) for cell in cells] == wanted, format_
    for format_ in ("table", "markdown"):
        assert tables.render(result, format_)


def _cells(text: str, format_: str, *, nested: bool) -> list[Any]:
    if format_ == "json":
        return [row["v"] for row in json.loads(text, parse_float=str)["rows"]]
    if format_ == "jsonl":
        return [json.loads(line, parse_float=str)["v"] for line in text.splitlines()]
    cells = [row[0] if row else "" for row in csv.reader(io.StringIO(text, newline=""))][1:]
    # The last value is NULL, which CSV has no word for.
    assert cells.pop() == ""
    return [*(json.loads(cell, parse_float=str) if nested else cell for cell in cells), None]


ROWS = """
SELECT INTERVAL '1 year 2 months 3 days' AS iv, 'infinity'::DATE AS d, '-infinity'::TIMESTAMPTZ AS z
UNION ALL SELECT INTERVAL '1 month', DATE '0044-03-15 (BC)', TIMESTAMPTZ '294247-01-10 04:00:54.775806+00'
UNION ALL SELECT INTERVAL '30 days', DATE '9999-12-31', TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'
UNION ALL SELECT to_months(-13) + INTERVAL '3 days -04:05:06.5', DATE '10000-01-01', TIMESTAMPTZ '2026-01-01 00:00:00Z'
UNION ALL SELECT INTERVAL '178000000 years', NULL, NULL
"""


def test_python_gets_its_own_types_where_they_are_exact_and_text_elsewhere(store: reporting.Store) -> None:
    rows = store.query(ROWS).rows
    assert [row[0] for row in rows] == [
        "1 year 2 mons 3 days", "1 mon", "30 days", "-1 years -1 mons +3 days -04:05:06.5", "178000000 years",
    ]  # fmt: skip
    assert [row[1] for row in rows] == ["infinity", "0044-03-15 BC", date(9999, 12, 31), "10000-01-01", None]
    last = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=reporting.UTC)
    assert [row[2] for row in rows] == [
        "-infinity", "294247-01-10 04:00:54.775806+00", last, datetime(2026, 1, 1, tzinfo=reporting.UTC), None,
    ]  # fmt: skip
    assert store.query(ROWS).types == ("INTERVAL", "DATE", "TIMESTAMP WITH TIME ZONE")


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("[INTERVAL '1 month', NULL]", ["1 mon", None]),
        ("[['infinity'::DATE], [DATE '2026-01-01']]", [["infinity"], [date(2026, 1, 1)]]),
        ("[DATE '2026-01-01']::DATE[1]", [date(2026, 1, 1)]),
        ("{'a': INTERVAL '1 month', 'b \"c': [{'d': 'infinity'::DATE}]}", {"a": "1 mon", 'b "c': [{"d": "infinity"}]}),
        ("row(1, INTERVAL '1 month')", (1, "1 mon")),
        ("MAP {'x': INTERVAL '-1 month'}", {"x": "-1 mons"}),
        ("MAP {'infinity'::DATE: 1}", {"infinity": 1}),
        ("MAP {[1]: 'infinity'::DATE}", [{"key": [1], "value": "infinity"}]),
        ("MAP {{'a': 1}: 2}", [{"key": {"a": 1}, "value": 2}]),
        ("NULL::STRUCT(a INTERVAL)", None),
        ("{'a': NULL::INTERVAL}", {"a": None}),
        ("NULL::MAP(DATE, INTERVAL)", None),
        ("MAP {}::MAP(DATE, INTERVAL)", {}),
        ("NULL::INTERVAL[]", None),
        ("'infinity'::TIMESTAMP_NS", "infinity"),
        ("'2026-01-01 00:00:00.123456789'::TIMESTAMP_NS", "2026-01-01 00:00:00.123456789"),
        ("'2026-01-01 00:00:00.123456'::TIMESTAMP_NS", datetime(2026, 1, 1, 0, 0, 0, 123456)),
        ("'-infinity'::TIMESTAMP_S", "-infinity"),
        ("'infinity'::TIMESTAMP_MS", "infinity"),
        ("'12:00:00.123456789'::TIME_NS", "12:00:00.123456789"),
        ("'24:00:00'::TIME", "24:00:00"),
        ("'12:00:00'::TIME", time(12)),
        ("'24:00:00-15:59:59'::TIMETZ", "24:00:00-15:59:59"),
        ("'24:00:00-05:00:01'::TIMETZ", "24:00:00-05:00:01"),
        ("'24:00:00+05:30'::TIMETZ", "24:00:00+05:30"),
        ("'24:00:00+01'::TIMETZ", "24:00:00+01"),
        ("to_microseconds(-9223372036854775808)", "-2562047788:00:54.775808"),
        ("INTERVAL '0 days'", "00:00:00"),
        ("'infinity'::DATE::UNION(d DATE, n INTEGER)", "infinity"),
        ("INTERVAL '1 month'::VARIANT", "1 month"),
        (f"'{10**40}'::BIGNUM", f"{10**40}"),
        ("['NaN'::FLOAT, 1.5]", [pytest.approx(float("nan"), nan_ok=True), 1.5]),
    ],
)  # fmt: skip
def test_values_within_values_and_types_that_only_a_query_makes(store: reporting.Store, sql: str, wanted: Any) -> None:
    [(value,)] = store.query(f"SELECT {sql}").rows
    assert value == wanted


def test_order_and_names_and_parameters_stay(store: reporting.Store) -> None:
    result = store.query(
        "SELECT i, DATE '2026-01-01' + i::INTEGER AS i, $n AS \"A\", i FROM range(30000) AS r(i)"
        " ORDER BY i DESC -- why",
        {"n": 7},
    )
    assert result.columns == ("i", "i_1", "A", "i_2")
    assert [row[0] for row in result.rows] == [*range(29_999, -1, -1)]
    assert result.rows[-1] == (0, date(2026, 1, 1), 7, 0)


def test_verify_names_what_differs_by_its_value(empty_db: str, tmp_path: Path) -> None:
    """A row without a key is named by all that it holds."""
    found = Lab(empty_db, tmp_path, [{"name": "public.kept", "watermark": "none"}])
    found.run(
        "CREATE TABLE kept (iv interval, d date, z timestamptz, tz timetz, f real, l real[], b bytea, t text, e text)",
        "INSERT INTO kept VALUES ('1 mon 1 day', 'infinity', '-infinity', '24:00-05:00:01', 0.1, '{NaN,0.1}',"
        " '\\x00ff', E'a\\x1b[2J', NULL)",
    )
    found.sync()
    with duckdb.connect(str((found.folder / "reporting.duckdb").resolve())) as file:
        file.execute("DELETE FROM public.kept")
    (table,) = verify.verify(found.job).tables
    (difference,) = table.differences
    assert str(difference.key.pop("l")) == "[nan, 0.1]"
    assert difference.key == {
        "iv": "1 mon 1 day", "d": "infinity", "z": "-infinity", "tz": "24:00:00-05:00:01", "f": 0.1, "b": b"\x00\xff",
        "t": "a\x1b[2J", "e": None,
    }  # fmt: skip


def test_verify_shows_them(empty_db: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        f'[source]\nurl = "{empty_db}"\n[[tables]]\nname = "public.kept"\nwatermark = "none"\n', encoding="utf-8"
    )
    Lab(empty_db, tmp_path, []).run(
        "CREATE TABLE kept (iv interval, d date, l float4[], b bytea)",
        "INSERT INTO kept VALUES ('1 mon 1 day', '0044-03-15 BC', '{NaN,0.1}', '\\x00ff')",
    )
    command = Cli(tmp_path)
    command("sync").ok()
    with duckdb.connect(str((tmp_path / "var/reporting.duckdb").resolve())) as file:
        file.execute("DELETE FROM public.kept")
    told = command("verify")
    for shown in ("iv=1 mon 1 day", "d=0044-03-15 BC", 'l=["NaN", 0.1]', "b=00ff"):
        assert shown in told.out
    with duckdb.connect(str((tmp_path / "var/reporting.duckdb").resolve())) as file:
        file.execute("DELETE FROM public.kept")
    key = command("verify", "--json").json["tables"][0]["differences"][0]["key"]
    assert key == {"iv": "1 mon 1 day", "d": "0044-03-15 BC", "l": ["NaN", 0.1], "b": "00ff"}
