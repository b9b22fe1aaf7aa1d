"""The PostgreSQL of a benchmark, in a folder of its own that goes away with it, and its data, drawn from a seed."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import psycopg

from app.oltp.embedded.server import EmbeddedServer
from tests.support.cluster import Cluster

# Durability of the source is not what is measured, and generating data is three times as fast without. Autovacuum
# would come at any time; tables are vacuumed by hand instead. The rest is what a server of this size would have.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "8GB",
    "autovacuum": "off",
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "random_page_cost": "1.1",
}
FACTS = "bench.facts"
# A prime: the rows that change are other ones in each turn.
TURN = 7919
_TABLE = """
CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE {name} (
    id bigint PRIMARY KEY,
    customer_id integer NOT NULL,
    product_id uuid NOT NULL,
    status text NOT NULL,
    quantity integer NOT NULL,
    amount numeric(12, 2) NOT NULL,
    note text,
    placed_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
)
"""
# 110 bytes a row on disk, 9 columns of 7 types. The hash functions are part of PostgreSQL's on-disk format (hash
# partitions), so a seed gives the same rows in every version.
_ROWS = """
INSERT INTO {name}
SELECT
    i,
    1 + (h & 131071),
    md5(h::text)::uuid,
    (ARRAY['open', 'paid', 'shipped', 'cancelled'])[1 + (h >> 17 & 3)],
    1 + (h >> 19 & 63),
    (h >> 25 & 1048575) / 100.0,
    CASE WHEN h >> 45 & 7 > 0 THEN left(md5(i::text), 8 + (h >> 48 & 15)::integer) END,
    timestamptz '2024-01-01 00:00:00+00' + (h & 67108863) * interval '1 second',
    timestamptz '2026-03-01 00:00:00+00' + i * interval '1 millisecond'
FROM (
    SELECT i, hashint8extended(i, %(seed)s) AS h FROM generate_series(%(low)s::bigint, %(high)s::bigint) AS i
) AS drawn
"""
_STAMP = """
CREATE OR REPLACE FUNCTION bench.stamp() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$
"""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder on disk, not in memory: what a run syncs to disk is part of what is measured."""
    # A kill must not leave gigabytes behind.
    signal.signal(signal.SIGTERM, _leave)
    base = Path(tempfile.mkdtemp(prefix="neaptide-bench-"))
    base.chmod(0o755)
    try:
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def running(root: Path) -> Iterator[Cluster]:
    """A server in `root`, gone at the end."""
    server = EmbeddedServer(root, settings=SETTINGS)
    server.start()
    try:
        yield Cluster(server)
    finally:
        server.remove()


def execute(url: str, *statements: str, **given: Any) -> None:
    """Statements, each in a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode(), given or None)


def ask(url: str, query: str) -> Any:
    """The first column of the first row."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
    return row[0] if row else None


def make_facts(url: str, rows: int, *, name: str = FACTS, seed: int = 1, first: int = 1) -> None:
    """A table of `rows` rows with a stamp, its trigger and its index, vacuumed."""
    execute(url, _TABLE.format(name=name))
    execute(url, _ROWS.format(name=name), seed=seed, low=first, high=first + rows - 1)
    index = name.rpartition(".")[2] + "_updated_at_idx"
    execute(
        url,
        _STAMP,
        f"CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION bench.stamp()",
        f"CREATE INDEX {index} ON {name} (updated_at)",
    )
    settle(url, name)


def settle(url: str, *names: str) -> None:
    """Vacuum, and write everything out, so that none of it happens while something is measured."""
    execute(url, *(f"VACUUM ANALYZE {name}" for name in names), "CHECKPOINT")


def change(url: str, count: int, rows: int, turn: int, name: str = FACTS) -> None:
    """Change `count` rows spread evenly over the table, others in each turn."""
    step = max(1, rows // count)
    execute(
        url,
        f"UPDATE {name} AS f SET quantity = quantity %% 64 + 1, amount = amount + 0.01"
        " FROM generate_series(0, %(count)s::bigint - 1) AS g WHERE f.id = 1 + g * %(step)s + %(turn)s %% %(step)s",
        count=count,
        step=step,
        turn=turn * TURN,
    )


def change_untold(url: str, low: int, rows: int, count: int, name: str = FACTS) -> None:
    """Change `count` of the `rows` rows above `low` behind the trigger that stamps: no run sees it."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        query = (
            f"UPDATE {name} SET quantity = quantity %% 64 + 1"
            " WHERE id > %(low)s AND id <= %(low)s + %(rows)s AND id %% (%(rows)s / %(count)s) = 0"
        )
        conn.execute(query.encode(), {"low": low, "rows": rows, "count": count})


def size(url: str, name: str) -> float:
    """MB of a table without its indexes."""
    return float(ask(url, f"SELECT pg_table_size('{name}')")) / 2**20


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    # A second one must not cut short the clearing away that the first one begins.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)
