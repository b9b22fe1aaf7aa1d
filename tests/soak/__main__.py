"""Eight writers, a sync a second that is killed at random, three readers; verify now and then, and at the end.

Prints transactions, syncs, kills, reads, rows compared and differences. Exit 1 if anything differed or went wrong.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from jobs.verify import verify
from tests.soak.workers import SPECS, Shared, move_money, read_on, sync_every_second, write_anything
from tests.support import bank, cluster, machine
from tests.support.events import telling
from tests.support.syncing import Lab

ROOT = Path(__file__).resolve().parents[2]
MOVERS, WRITERS, READERS = 3, 5, 3
# Some runs are cut at once, others work for a while first.
KILL_AFTER = ((0.05, 3.0), (5.0, 20.0))
VERIFY_EVERY = 60.0


class Soak:
    """All processes, and what they have done so far."""

    def __init__(self, lab: Lab, notes: Path, seed: int) -> None:
        self.lab, self.seed, self.luck = lab, seed, random.Random(seed)
        self.context: SpawnContext = multiprocessing.get_context("spawn")
        self.transactions, self.syncs, self.reads = (
            # Each has an event of its own: a process that is killed while it looks at one may leave it locked.
            Shared(lab.url, lab.folder, self.context.Event(), notes / name)
            for name in ("transactions", "syncs", "reads")
        )
        self.kills = self.compared = self.differences = 0
        self.found: list[str] = []

    def start(self, work: Any, *given: Any) -> BaseProcess:
        """A process of the soak."""
        process = self.context.Process(target=work, args=given, daemon=True)
        process.start()
        return process

    def begin(self) -> list[BaseProcess]:
        """The writers; then, with a first file, the readers."""
        writers = [self.start(move_money, self.transactions, self.seed + n) for n in range(MOVERS)]
        writers += [self.start(write_anything, self.transactions, self.seed + 100 + n) for n in range(WRITERS)]
        while True:
            try:
                self.lab.sync(force_deletes=True)
                break
            except Exception as error:
                print(f"first sync: {error}", file=sys.stderr)
        for _ in range(READERS):
            self.start(read_on, self.reads)
        return writers

    def compare(self) -> None:
        """Row by row, at one snapshot; what differs is shown."""
        try:
            found = verify.verify(self.lab.job)
        except Exception as error:
            if type(error).__name__ not in ("SourceTimeout",):
                self.found.append(f"verify: {type(error).__name__}: {error}")
            return
        self.compared += sum(table.rows_source for table in found.tables)
        for table in found.tables:
            self.differences += table.missing + table.extra + table.different
            if not table.equal:
                self.found.append(f"verify: {table}")

    def disturb(self, until: float) -> None:
        """Kill the sync again and again; in between verify."""
        verified = time.monotonic()
        while time.monotonic() < until:
            syncs = replace(self.syncs, over=self.context.Event())
            process = self.start(sync_every_second, syncs)
            syncs.wait_until_begun()
            time.sleep(min(self.luck.uniform(*self.luck.choice(KILL_AFTER)), max(0.0, until - time.monotonic())))
            process.kill()
            process.join()
            self.kills += 1
            if time.monotonic() - verified > VERIFY_EVERY:
                self.compare()
                verified = time.monotonic()
                self.show()

    def finish(self, writers: list[BaseProcess]) -> None:
        """Let the writers end, then compare everything in two ways."""
        self.transactions.over.set()
        for process in writers:
            process.join(30)
        with self.lab.connect() as conn:
            for (name,) in conn.execute("SELECT gid FROM pg_prepared_xacts").fetchall():
                conn.execute(f"ROLLBACK PREPARED '{name}'".encode())
        self.lab.sync(force_deletes=True)
        self.compare()
        self.reads.over.set()
        try:
            self.lab.assert_equal()
        except AssertionError as error:
            self.differences += 1
            self.found.append(f"the whole content: {str(error)[:200]}")

    def wrong(self) -> list[str]:
        """Everything that must not have happened."""
        return self.found + self.transactions.problems()

    def show(self) -> None:
        """One line on how it stands."""
        print(
            f"{self.transactions.count} transactions, {self.syncs.count} syncs, {self.kills} kills,"
            f" {self.reads.count} reads, {self.compared} rows compared,"
            f" {self.differences} differences, {len(self.wrong())} problems",
            flush=True,
        )


def soak(minutes: float, seed: int) -> int:
    """The whole of it; 0 if nothing differed."""
    with ExitStack() as open_things:
        folder = open_things.enter_context(cluster.open_folder())
        server = open_things.enter_context(cluster.running(folder / "postgres"))
        target = folder / "reporting"
        target.mkdir()
        lab = Lab(server.create_database(), target, SPECS, source={"lock_timeout": "500ms"})
        prepare(lab)
        run = Soak(lab, folder, seed)
        writers = run.begin()
        try:
            run.disturb(time.monotonic() + minutes * 60)
            run.finish(writers)
        finally:
            run.transactions.over.set()
            run.reads.over.set()
        for problem in run.wrong()[:20]:
            print(problem, file=sys.stderr)
        run.show()
        return 1 if run.differences or run.wrong() else 0


def prepare(lab: Lab) -> None:
    """The bank's tables and the state machine's."""
    lab.run(*bank.SCHEMA, *machine.SETUP)
    lab.track()
    lab.run(*telling("public.told", "id"))


def main() -> int:
    """Half of the time for the processes, half of it for the state machine, where there is enough of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=480)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("--no-machine", action="store_true", help="leave the state machine out")
    given = parser.parse_args()
    share = given.minutes if given.no_machine else given.minutes / 2
    print(f"seed {given.seed}", flush=True)
    code = soak(share, given.seed)
    if not given.no_machine:
        environment = {**os.environ, "NEAPTIDE_SOAK_SECONDS": str(share * 60)}
        command = [sys.executable, "-m", "pytest", "-s", "-q", "tests/chaos/test_state_machine.py"]
        code = max(code, subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode)
    return code


if __name__ == "__main__":
    sys.exit(main())
