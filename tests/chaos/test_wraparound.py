"""Transaction ids pass 2^31, where PostgreSQL's own comparisons turn over, and 2^32, where an epoch ends."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.oltp.embedded import home
from app.oltp.embedded.server import EmbeddedServer
from tests.support import servers
from tests.support.servers import ask
from tests.support.traps import Trio, row_counts

# What one file of pg_xact holds: 32 pages of two bits for each transaction.
_SEGMENT_BYTES = 32 * 8192
_SEGMENT_IDS = _SEGMENT_BYTES * 4
SHORT_OF = 40


@pytest.fixture
def server(open_folder: Path) -> Iterator[EmbeddedServer]:
    with servers.primary(open_folder / "server") as found:
        yield found


def freeze(server: EmbeddedServer) -> None:
    """Have no row need its transaction's fate any more: what it was is lost with the next step.

    The other databases are as initdb froze them, and the server isn't told how old they are: it would refuse to go on.
    """
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("VACUUM (FREEZE, SKIP_DATABASE_STATS)")


def leap(server: EmbeddedServer, to: int) -> None:
    """Make `to` the next transaction id, as if that many had come and gone."""
    freeze(server)
    server.stop()
    account = home.account_for(server.root)
    data = home.home(server.root) / "data"
    segment = data / "pg_xact" / f"{to % 2**32 // _SEGMENT_IDS:04X}"
    segment.write_bytes(bytes(_SEGMENT_BYTES))
    home.give(segment, account)
    program = home.programs(server.root, account) / "bin" / "pg_resetwal"
    subprocess.run(
        [program, "-D", data, "-x", str(to % 2**32), "-u", str(to % 2**32)],
        check=True, capture_output=True, cwd="/", **home.run_as(account),
    )  # fmt: skip
    server.start()
    # Vacuum itself can't tell the order of ids that lie further apart than 2^31.
    freeze(server)
    assert ask(server.url(), "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint") >= to


def use_up(trio: Trio, boundary: int) -> None:
    """Give out transaction ids until the boundary lies behind."""
    with trio.lab.connect() as conn:
        while True:
            row = conn.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
            if row is not None and row[0] > boundary:
                return


def cross(trio: Trio, boundary: int) -> None:
    """Transactions of before the boundary that end on either side of it, syncs all along."""
    trio.run("UPDATE {t} SET name = 'first after the leap' WHERE id = 1", "DELETE FROM {t} WHERE id = 2")
    trio.sync()
    with trio.begin() as early, trio.begin() as late, trio.begin() as without_id:
        without_id.execute("SELECT 1")
        trio.on(early, "UPDATE {t} SET name = 'early' WHERE id = 3", "DELETE FROM {t} WHERE id = 4")
        trio.on(late, "UPDATE {t} SET name = 'late' WHERE id = 5", "SAVEPOINT s", "UPDATE {t} SET id = 60 WHERE id = 6")
        assert ask(trio.lab.url, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") < boundary
        trio.sync()
        early.commit()
        trio.sync()
        use_up(trio, boundary)
        trio.run("UPDATE {t} SET name = 'beyond' WHERE id = 7", "DELETE FROM {t} WHERE id = 8")
        trio.sync()
        trio.on(late, "UPDATE {t} SET name = 'a subtransaction beyond' WHERE id = 9")
        trio.on(without_id, "INSERT INTO {t} VALUES (4, 'the key of before'), (8, 'the key of beyond')")
        trio.sync()
        late.commit()
        trio.sync()
        without_id.commit()
    trio.sync()
    trio.settle()
    assert not trio.sync().changed
    trio.run("DELETE FROM {t}", "INSERT INTO {t} SELECT g, 'row ' || g FROM generate_series(1, 10) AS g")
    trio.sync(force_deletes=True)


@pytest.mark.long
def test_ids_that_pass_2_to_the_31_and_the_end_of_an_epoch_lose_nothing(server: EmbeddedServer, tmp_path: Path) -> None:
    # The leap leaves nothing of the log: a slot would have lost it.
    trio = Trio.made(server.url(), tmp_path, log=False)
    for boundary in (2**31, 2**32):
        trio.run("UPDATE {t} SET name = 'before the leap' WHERE id = 10")
        leap(server, boundary - SHORT_OF)
        cross(trio, boundary)
    # More transactions since the last run than `age` can count.
    trio.run("UPDATE {t} SET name = 'before the last leap' WHERE id = 10", "DELETE FROM {t} WHERE id = 9")
    leap(server, 2**32 + 2**31 + 1000)
    trio.run("UPDATE {t} SET name = 'after the last leap' WHERE id = 1")
    assert {found[0] for found in row_counts(trio.sync()).values()} == {"delta"}
    trio.settle()
