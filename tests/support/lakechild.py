"""Processes of a test on a lake: `python -m tests.support.lakechild sync|read SOURCE CATALOG FOLDER PLACE`.

The writer syncs for as long as it lives, and now and then keeps the lake small. The reader adds up what two tables
hold, which no transaction changes, in two queries of one store, and what their histories hold now, says so when that is
another sum, and how often it has looked when its input ends.
"""

from __future__ import annotations

import random
import select
import subprocess
import sys
from pathlib import Path

from app import errors
from jobs.targets import targets
from jobs.targets.lake.target import LakeTarget
from tests.support.lakelab import LakeLab

TOTAL = 100_000
# How long a snapshot that is not the newest can be read: longer than any query of a reader takes.
RETENTION = "30s"
# One of each way: how far the log was read is a part of the lake's commit, whatever machine makes it.
SPECS = [{"name": "bank.one", "feed": "wal", "history": True}, {"name": "bank.two", "history": True}]
SETUP = (
    "CREATE SCHEMA bank",
    "CREATE TABLE bank.one (id int PRIMARY KEY, cents bigint NOT NULL)",
    "CREATE TABLE bank.two (id int PRIMARY KEY, cents bigint NOT NULL)",
    f"INSERT INTO bank.one SELECT n, {TOTAL // 1000} FROM generate_series(1, 1000) AS n",
)
# Both sums, of the tables and of the rows that their histories have now.
PLACES = ("bank.one", "bank.two", "history.one_at(now())", "history.two_at(now())")
MOVE = """
    WITH moved AS (
        DELETE FROM bank.{a} WHERE id IN (SELECT id FROM bank.{a} ORDER BY random() LIMIT {n}) RETURNING id, cents
    )
    INSERT INTO bank.{b} SELECT id, cents FROM moved ON CONFLICT (id) DO UPDATE SET cents = {b}.cents + excluded.cents
"""


def move(rng: random.Random) -> str:
    """A statement that takes some cents from one table to the other."""
    a, b = rng.sample(("one", "two"), 2)
    return MOVE.format(a=a, b=b, n=rng.randint(1, 40))


def child(what: str, *arguments: str) -> subprocess.Popen[str]:
    """One of the processes."""
    command = [sys.executable, "-m", "tests.support.lakechild", what, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def looks(reader: subprocess.Popen[str]) -> int:
    """End a reader; how often it looked. Fails where anything was torn, or went wrong."""
    out, err = reader.communicate("done\n")
    assert "torn" not in out and not err, (out, err)
    return int(out.rpartition("looks: ")[2])


def lab_of(source: str, catalog: str, folder: str, place: str) -> LakeLab:
    """The lab of all processes."""
    return LakeLab(source, Path(folder), SPECS, catalog=catalog, place=place, target={"retention": RETENTION})


def write(lab: LakeLab) -> None:
    """Sync again and again; what is said of it is read by nobody before the end."""
    target = targets.of(lab.job)
    assert isinstance(target, LakeTarget)
    while True:
        try:
            run = lab.sync()
            if run.changed and int(run.run_id.partition("-")[0]) % 5 == 0:
                target.tidy_now()
        except errors.Retryable as error:
            print(f"again: {error}", file=sys.stderr, flush=True)


def read(lab: LakeLab) -> None:
    """Look again and again until the input ends."""
    looks = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        with lab.open() as store:
            found = [int(store.query(f"SELECT coalesce(sum(cents), 0) FROM {place}").rows[0][0]) for place in PLACES]
        if (found[0] + found[1], found[2] + found[3]) != (TOTAL, TOTAL):
            print(f"torn: {found}", flush=True)
        looks += 1
    print(f"looks: {looks}", flush=True)


if __name__ == "__main__":
    {"sync": write, "read": read}[sys.argv[1]](lab_of(*sys.argv[2:6]))
