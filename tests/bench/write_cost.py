"""What tracking costs those who write: `make bench-writes`.

pgbench runs in pairs on two databases that differ in the tracking alone, A B, B A, A B …; what slows the machine down
slows both halves of a pair. Then single statements, one transaction each, by the processor time of their session: that
says what costs what, and hardly hangs on what else the machine does (Linux only).
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from app import config
from app.oltp.embedded.server import EmbeddedServer
from jobs.job import Job
from jobs.tracking import install
from tests.bench import feeding, machine, source
from tests.bench.__main__ import summary, write
from tests.bench.bench import interleaved
from tests.bench.figures import Report, pair_ratio
from tests.support.cluster import Cluster

ROWS = 100_000
CLIENTS = 4
STATEMENTS = 2_000
# Keys of TPC-B's tables; the history has none, and isn't tracked.
TPC_B = {"pgbench_accounts": "aid", "pgbench_branches": "bid", "pgbench_tellers": "tid"}
_ITEM = f"""
CREATE TABLE item (id bigserial PRIMARY KEY, amount integer NOT NULL, owner integer NOT NULL, name text NOT NULL);
INSERT INTO item (amount, owner, name) SELECT 1, g % 1000, repeat('x', 80) FROM generate_series(1, {ROWS}) AS g;
CREATE INDEX ON item (owner);
"""
_THREE_MORE = "CREATE INDEX ON item (name, id); CREATE INDEX ON item (owner, id); CREATE INDEX ON item (id, owner);"
_VARIABLES = "".join(f"\\set {name} random(1, {ROWS})\n" for name in "abc") + "\\set d random(1, 1000)\n"
MIX = f"""{_VARIABLES}
BEGIN;
UPDATE item SET amount = amount + :d WHERE id = :a;
UPDATE item SET amount = amount - :d WHERE id = :b;
DELETE FROM item WHERE id = :c;
INSERT INTO item (amount, owner, name) VALUES (:d, :d, 'new');
COMMIT;
"""
DELETES = f"""{_VARIABLES}
DELETE FROM item WHERE id = :c;
INSERT INTO item (id, amount, owner, name) VALUES (:c, :d, :d, 'again') ON CONFLICT (id) DO NOTHING;
"""
SCRIPTS = {"TPC-B": "", "mix of 2 updates, 1 delete, 1 insert": MIX, "delete, insert": DELETES}
SINGLE = {
    "update": "UPDATE item SET amount = amount + 1 WHERE id = (k * 7919) % 50000 + 50001",
    "insert": "INSERT INTO item (amount, owner, name) VALUES (k, 1, 'new')",
    "delete": "DELETE FROM item WHERE id = k",
}


@dataclass(frozen=True)
class Setup:
    """A way to track, as config.toml would say it; `limit` is the goal for what it may cost, as a share."""

    name: str
    watermark: str = ""
    deletes: str = "ignore"
    index: str = "btree"
    limit: float | None = None
    feed: str = "watermark"


SETUPS = (
    Setup("wal, and its reader", feed="wal", limit=0.05),
    Setup("events", feed="events"),
    Setup("updated_at", "updated_at", limit=0.05),
    Setup("updated_at, BRIN", "updated_at", index="brin", limit=0.05),
    Setup("xid", "xid"),
    Setup("updated_at, tombstones", "updated_at", "tombstone", limit=0.10),
    Setup("updated_at, BRIN, tombstones", "updated_at", "tombstone", index="brin", limit=0.10),
    Setup("xid, tombstones", "xid", "tombstone", limit=0.10),
)
PIECES = (
    Setup("wal", feed="wal"),
    Setup("trigger alone", "updated_at", index="none"),
    Setup("trigger, BRIN", "updated_at", index="brin"),
    Setup("trigger, B-tree", "updated_at"),
    Setup("xid: trigger, B-tree", "xid"),
    Setup("trigger, tombstones", "updated_at", "tombstone", index="none"),
)


@dataclass
class Bench:
    """One server and how long to measure on it."""

    cluster: Cluster
    folder: Path
    report: Report
    seconds: int
    pairs: int

    @contextmanager
    def database(self, prepare: str, setup: Setup | None) -> Iterator[str]:
        """A database of one kind of tables, tracked or not."""
        url = self.cluster.create_database()
        tables = [TPC_B, {"item": "id"}][prepare != ""]
        if not prepare:
            self._pgbench(url, "--initialize", "--scale=10", "--quiet")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(prepare.encode() or b"SELECT 1")
            job = _job(url, list(tables), setup, self.folder) if setup else None
            if job is not None:
                install.track(job, [])
            conn.execute("VACUUM ANALYZE")
        with feeding.reading(job) if job and setup and setup.feed == "wal" else nullcontext():
            yield url
        self.cluster.drop_database(url)

    def rate(self, url: str, script: str, seconds: int) -> float:
        """Transactions per second."""
        file = self.folder / "script.sql"
        file.write_text(script)
        chosen = ["--file", str(file)] if script else []
        clients = [f"--client={CLIENTS}", "--jobs=1", "--protocol=prepared", "--no-vacuum"]
        output = self._pgbench(url, *clients, f"--time={seconds}", *chosen)
        found = re.search(r"tps = ([\d.]+)", output)
        assert found
        return float(found[1])

    def _pgbench(self, url: str, *options: str) -> str:
        done = subprocess.run(
            [self.cluster.bin("pgbench"), *options, url], check=True, capture_output=True, text=True, cwd="/"
        )
        return done.stdout


def _job(url: str, tables: Sequence[str], setup: Setup, folder: Path) -> Job:
    ways = {"watermark": setup.watermark, "deletes": setup.deletes, "index": setup.index} if setup.watermark else {}
    given = {
        "source": {"url": url},
        "target": {"path": folder / url.rpartition("/")[2] / "reporting.duckdb"},
        "sync": {"feed": setup.feed},
        "tables": [{"name": f"public.{name}", **ways} for name in tables],
    }
    return Job(config.Settings.model_validate(given), url)


def throughput(bench: Bench, group: str, setups: Sequence[Setup]) -> None:
    """Each script with each setup, against the same without tracking."""
    for title, script in SCRIPTS.items():
        prepare = _ITEM if script else ""
        for setup in setups:
            if not _is_of_interest(script, setup):
                continue
            with bench.database(prepare, None) as plain, bench.database(prepare, setup) as tracked:
                told = script.replace("COMMIT;", f"{feeding.TELL}COMMIT;") if setup.feed == "events" else script
                _pair(bench, group, f"{title}: {setup.name}", {plain: script, tracked: told}, setup.limit)


def _is_of_interest(script: str, setup: Setup) -> bool:
    """Deletes where they are recorded; events where the script can tell of its rows."""
    if setup.feed == "events":
        return script is MIX
    return script is not DELETES or setup.deletes == "tombstone" or setup.feed == "wal"


def _pair(bench: Bench, group: str, name: str, scripts: Mapping[str, str], limit: float | None) -> None:
    """The script of each database, the bare one's first."""
    for url, script in scripts.items():
        bench.rate(url, script, min(2, bench.seconds))
    works = [lambda url=url: bench.rate(url, scripts[url], bench.seconds) for url in scripts]
    plain, tracked = interleaved(works, bench.pairs)
    lost = [100 * (1 - ratio) for ratio in pair_ratio(tracked, plain)]
    note = f"{statistics.median(plain):,.0f} tps without"
    figure = bench.report.add(group, name, "%", [round(value, 2) for value in lost], note)
    if limit is not None:
        bench.report.hold(group, f"{name} costs", round(figure.median, 2), 100 * limit)


def pieces(bench: Bench, rounds: int) -> None:
    """Microseconds of processor time per statement, and what each piece of the tracking adds."""
    for indexes, more in (("1 further index", ""), ("4 further indexes", _THREE_MORE)):
        for kind, statement in SINGLE.items():
            if more and kind != "update":
                continue
            chosen = [None, *(s for s in PIECES if kind != "delete" or s.feed == "wal" or s.deletes == "tombstone")]
            _costs(bench, f"{kind}, {indexes}", _ITEM + more, statement, chosen, rounds)


def _costs(bench: Bench, title: str, prepare: str, statement: str, setups: Sequence[Setup | None], rounds: int) -> None:
    sessions = [_Session(bench, prepare, setup, statement) for setup in setups]
    found = interleaved([session.cost for session in sessions], rounds)
    for session in sessions:
        session.close()
    plain = statistics.median(found[0])
    group = "processor time of a statement with its commit"
    for setup, values in zip(setups, found, strict=True):
        more = f"+{statistics.median(values) - plain:.1f} us" if setup else ""
        bench.report.add(group, f"{title}: {setup.name if setup else 'not tracked'}", "us", values, more)


class _Session:
    """A session that runs one kind of statement over and over, each in a transaction of its own."""

    def __init__(self, bench: Bench, prepare: str, setup: Setup | None, statement: str) -> None:
        self._database = bench.database(prepare, setup)
        self._conn: psycopg.Connection[Any] = psycopg.connect(self._database.__enter__(), autocommit=True)
        self._next = 1
        self._conn.execute(
            "CREATE PROCEDURE run(first integer) LANGUAGE plpgsql AS $$ BEGIN"
            f" FOR k IN first .. first + {STATEMENTS} - 1 LOOP {statement}; COMMIT; END LOOP; END $$".encode()
        )

    def cost(self) -> float:
        """Microseconds per statement, by the kernel's account of the server's process."""
        before = self._time()
        self._conn.execute("CALL run(%s)", [self._next])
        self._next += STATEMENTS
        return round((self._time() - before) / STATEMENTS / 1000, 2)

    def close(self) -> None:
        self._conn.close()
        self._database.__exit__(None, None, None)

    def _time(self) -> int:
        return int(Path(f"/proc/{self._conn.info.backend_pid}/schedstat").read_text(encoding="ascii").split()[0])


def main() -> None:
    """Run what was asked for."""
    options = parsed()
    report = Report(machine.about(**{name: str(value) for name, value in vars(options).items()}))
    for fsync in options.fsync:
        settings = {"shared_buffers": "512MB"} | ({} if fsync == "on" else {"fsync": "off", "full_page_writes": "off"})
        with source.folder() as folder, _running(folder / "postgres", settings) as cluster:
            bench = Bench(cluster, folder, report, options.seconds, options.pairs)
            setups = [setup for setup in SETUPS if not options.only or setup.name in options.only]
            if not options.pieces:
                throughput(bench, f"throughput lost, fsync = {fsync}, {CLIENTS} clients", setups)
                write(report, options.json)
            if fsync == "off" and Path("/proc/self/schedstat").exists():
                pieces(bench, 2 * options.pairs)
                write(report, options.json)
    print(summary(report))


@contextmanager
def _running(root: Path, settings: dict[str, str]) -> Iterator[Cluster]:
    server = EmbeddedServer(root, settings=settings)
    server.start()
    try:
        yield Cluster(server)
    finally:
        server.remove()


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.write_cost", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="how long each half of a pair lasts (default 5)")
    parser.add_argument("--pairs", type=int, default=7, help="how many pairs (default 7)")
    parser.add_argument("--fsync", nargs="+", choices=("on", "off"), default=("on", "off"), help="which servers")
    parser.add_argument("--pieces", action="store_true", help="the single statements alone, with --fsync off")
    parser.add_argument("--only", nargs="+", choices=[setup.name for setup in SETUPS], help="these setups")
    parser.add_argument("--json", type=Path, default=Path("var/bench-writes.json"), help="where the JSON goes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
