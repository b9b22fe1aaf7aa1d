"""What a copy is worth: rows lost by a late commit, deleted rows left, values changed by type, readers locked out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from tests.bench import machine, source
from tests.bench.peers.tools import Failed, Tool

# One value each, and what DuckDB must show of it as text for it to count as kept: any of these spellings.
VALUES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "numeric without a scale": ("numeric", "12345678901234567890.123456789", ("12345678901234567890.123456789",)),
    "numeric NaN": ("numeric(12,2)", "NaN", ("NaN", "nan")),
    "numeric(38,10), all digits": ("numeric(38,10)", "1234567890123456789012345678.0123456789",
        ("1234567890123456789012345678.0123456789",)),
    "timestamptz of the year 200000": ("timestamptz", "200000-01-01 00:00:00+00",
        ("200000-01-01 00:00:00+00", "200000-01-01 00:00:00", "200000-01-01 00:00:00 (UTC)")),
    "timestamp infinity": ("timestamp", "infinity", ("infinity",)),
    "date before Christ": ("date", "0044-03-15 BC", ("0044-03-15 (BC)", "0044-03-15 BC")),
    "jsonb number with many digits": ("jsonb", '{"n": 12345678901234567890.10}', ('{"n": 12345678901234567890.10}',)),
    "time 24:00:00": ("time", "24:00:00", ("24:00:00",)),
    "interval of months and days": ("interval", "1 mon 2 days", ("1 month 2 days", "1 mon 2 days")),
    "array of numerics": ("numeric(9,2)[]", "{1.10,2.20}",
        ("[1.10, 2.20]", "{1.10,2.20}", '["1.10","2.20"]', "[1.1, 2.2]", "[1.1000000000,2.2000000000]")),
    "bytea": ("bytea", "\\x00ff10", ("\\x00\\xFF\\x10", "\\x00ff10", "00ff10")),
    "bigint at its end": ("bigint", "9223372036854775807", ("9223372036854775807",)),
}  # fmt: skip
SMALL = "bench.small"
LATE = 10


def make_small(url: str, rows: int = 1000) -> None:
    """A small table of the same shape, anew."""
    source.execute(url, f"DROP TABLE IF EXISTS {SMALL} CASCADE")
    source.make_facts(url, rows, name=SMALL)


def lost_by_late_commit(tool: Tool, url: str) -> int:
    """Ten rows of a transaction that commits behind the watermark, which another one has moved on meanwhile."""
    make_small(url)
    tool.prepare(url, SMALL)
    tool.load(url, SMALL)
    with psycopg.connect(url) as late:
        _insert(late, range(2001, 2001 + LATE))
        with psycopg.connect(url) as other:
            _insert(other, range(3001, 3003))
        tool.update(url, SMALL)
    tool.update(url, SMALL)
    with psycopg.connect(url) as other:
        _insert(other, range(3003, 3005))
    tool.update(url, SMALL)
    return LATE - int(read(tool.path, f"SELECT count(*) FROM {SMALL} WHERE id BETWEEN 2001 AND {2000 + LATE}"))


def deleted_left(tool: Tool, url: str) -> int:
    """Ten rows deleted from the source that are still in the copy. Follows `lost_by_late_commit`."""
    source.execute(url, f"DELETE FROM {SMALL} WHERE id BETWEEN 1 AND 10")
    with psycopg.connect(url) as other:
        _insert(other, range(3005, 3007))
    tool.update(url, SMALL)
    return int(read(tool.path, f"SELECT count(*) FROM {SMALL} WHERE id BETWEEN 1 AND 10"))


def values(tool: Tool, url: str) -> dict[str, str]:
    """What became of each value: kept, changed to what, or refused, which is no silent change."""
    return {name: _value(tool, url, *case) for name, case in VALUES.items()}


def _value(tool: Tool, url: str, kind: str, text: str, kept: tuple[str, ...]) -> str:
    source.execute(
        url,
        "DROP TABLE IF EXISTS bench.kind CASCADE",
        f"CREATE TABLE bench.kind (id integer PRIMARY KEY, v {kind}, updated_at timestamptz NOT NULL DEFAULT now())",
    )
    source.execute(url, f"INSERT INTO bench.kind (id, v) VALUES (1, %(text)s::{kind})", text=text)
    tool.prepare(url, "bench.kind")
    try:
        tool.load(url, "bench.kind")
        found = read(tool.path, "SELECT v::VARCHAR FROM bench.kind")
    except (Failed, duckdb.Error) as error:
        return f"refused: {str(error).strip().splitlines()[-1][:200]}"
    return "kept" if found in kept else f"changed to {found}"


def readers_locked_out(tool: Tool, url: str, table: str) -> str:
    """How often another process tried to open the file while it was brought up to date, and how often it could not.

    The other way round, a tool may be locked out by the reader: then the update itself fails, which is said, too.
    """
    reader = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.peers.reader", tool.path, table], cwd=machine.ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert reader.stdout is not None
    reader.stdout.readline()
    ended = ""
    try:
        tool.update(url, table)
    except Failed:
        ended = "; the update itself failed"
    told, _ = reader.communicate("stop\n", timeout=60)
    tried, failed = told.split()
    return f"{failed} of {tried}{ended}"


def fingerprint(path: Path, table: str) -> tuple[int, int]:
    """Rows, and a number that no two different tables of this shape share but by chance."""
    return _fingerprint(duckdb.connect(str(path), read_only=True), table)


def fingerprint_of_source(url: str, table: str) -> tuple[int, int]:
    """The same of the source, read with DuckDB."""
    from jobs.engine.bridge import extension

    session = duckdb.connect()
    found = extension()
    session.execute(f"LOAD '{found}'" if found else "LOAD postgres")
    session.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
    return _fingerprint(session, f"pg.{table}")


def _fingerprint(session: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
    columns = (
        "id::BIGINT, customer_id::INTEGER, product_id::UUID, status::VARCHAR, quantity::INTEGER,"
        " amount::DECIMAL(12, 2), note::VARCHAR, epoch_us(placed_at::TIMESTAMPTZ), epoch_us(updated_at::TIMESTAMPTZ)"
    )
    with session:
        session.execute("SET TimeZone = 'UTC'")
        row = session.execute(f"SELECT count(*), bit_xor(hash({columns})) FROM {table}").fetchone()
    assert row is not None
    return int(row[0]), int(row[1] or 0)


def read(path: Path, query: str) -> Any:
    """The first column of the first row."""
    with duckdb.connect(str(path), read_only=True) as session:
        session.execute("SET TimeZone = 'UTC'")
        row = session.execute(query).fetchone()
    return row[0] if row else None


def _insert(conn: psycopg.Connection[Any], ids: range) -> None:
    conn.execute(
        f"INSERT INTO {SMALL} SELECT i, 1, md5(i::text)::uuid, 'open', 1, 1.50, NULL, now(), now()"
        f" FROM generate_series({ids.start}, {ids.stop - 1}) AS i".encode()
    )
