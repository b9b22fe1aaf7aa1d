"""What it costs writers that the daemon notices commits: nothing, a poll, and NOTIFY from a trigger, in pairs.

    .venv/bin/python -m tests.bench.wake_cost [--seconds 10] [--rounds 5] [--clients 8 32]

Each round runs pgbench once per way, in a changing order, so that what else the machine does hits all alike. pgbench
inserts a row per transaction into a tracked table, the case in which a commit costs least and a wake-up most. The
figures are transactions per second, and each way's share of the plain way's in the same round.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from jobs.daemon import lead, wake
from jobs.sessions import OpenSessions
from tests.bench import alongside
from tests.support import cluster
from tests.support.syncing import Lab

TABLE = "CREATE TABLE event (id bigserial PRIMARY KEY, body text, updated_at timestamptz NOT NULL DEFAULT now())"
SCRIPT = "INSERT INTO event (body) VALUES (repeat('x', 100));\n"
NOTIFY = """
CREATE FUNCTION ring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY neaptide; RETURN NULL; END $$;
CREATE TRIGGER ring AFTER INSERT OR UPDATE OR DELETE ON event FOR EACH STATEMENT EXECUTE FUNCTION ring();
"""
WAYS = ("plain", "poll", "notify")


@contextmanager
def polling(lab: Lab) -> Iterator[None]:
    """The daemon's watcher, asking as often as it does."""
    job = replace(lab.job, sessions=OpenSessions())

    def watch(done: threading.Event) -> None:
        with lead.source_lock(job, "bench", done.wait, lambda _: None, set()) as conn:
            watcher = wake.Watcher(conn, job)
            beat = 0.0
            while not done.wait(wake.PAUSE):
                beat += wake.PAUSE
                watcher.look(beat)

    with alongside.working(watch):
        yield


@contextmanager
def notified(lab: Lab) -> Iterator[None]:
    """A trigger that notifies, and somebody who listens."""
    lab.run(NOTIFY)
    with psycopg.connect(lab.url, autocommit=True) as conn:
        conn.execute("LISTEN neaptide")

        def listen(done: threading.Event) -> None:
            while not done.is_set():
                for _ in conn.notifies(timeout=0.2):
                    pass

        with alongside.working(listen):
            yield
    lab.run("DROP TRIGGER ring ON event", "DROP FUNCTION ring()")


@contextmanager
def plain(_lab: Lab) -> Iterator[None]:
    """Nobody looks."""
    yield


AROUND = {"plain": plain, "poll": polling, "notify": notified}


def throughput(server: cluster.Cluster, lab: Lab, script: Path, clients: int, seconds: int) -> float:
    """pgbench's transactions per second."""
    command = [
        server.bin("pgbench"),
        "-n",
        "-M",
        "prepared",
        "-f",
        script,
        "-c",
        clients,
        "-j",
        2,
        "-T",
        seconds,
        lab.url,
    ]
    found = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout
    match = re.search(r"tps = ([\d.]+)", found)
    assert match, found
    return float(match[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, nargs="+", default=[8, 32])
    given = parser.parse_args()
    # With fsync on, as in production: commits that wait for the disk are where a lock around them hurts most.
    durable = {"fsync": "on", "full_page_writes": "on", "max_connections": "100"}
    with on_disk() as folder, cluster.running(folder / "postgres", **durable) as server:
        lab = Lab(server.create_database(), folder, [{"name": "public.event"}])
        lab.run(TABLE)
        lab.track()
        script = folder / "insert.sql"
        script.write_text(SCRIPT)
        for clients in given.clients:
            measure(server, lab, script, clients, given.seconds, given.rounds)


@contextmanager
def on_disk() -> Iterator[Path]:
    """A folder that is not in memory, which the account that runs PostgreSQL can reach."""
    base = Path(tempfile.mkdtemp(prefix="neaptide-bench-", dir="/var/tmp"))
    base.chmod(0o755)
    try:
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def measure(server: cluster.Cluster, lab: Lab, script: Path, clients: int, seconds: int, rounds: int) -> None:
    """Rounds for one number of clients."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in random.sample(WAYS, len(WAYS)):
            lab.run("TRUNCATE event")
            with AROUND[way](lab):
                found[way].append(throughput(server, lab, script, clients, seconds))
    for way in WAYS:
        shares = [one / base for one, base in zip(found[way], found["plain"], strict=True)]
        print(
            f"{clients:>3} clients  {way:<7} {statistics.median(found[way]):>8.0f}/s"
            f"  {statistics.median(shares):.3f} of plain ({min(shares):.3f} to {max(shares):.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
