"""Processes of a test on a lake: `python -m tests.support.lakechild sync|read SOURCE CATALOG FOLDER PLACE`.

The writer syncs for as long as it lives. The reader adds up what two tables hold, which no transaction changes, in two
queries of one store, says so when that is another sum, and how often it has looked when its input ends.
"""

from __future__ import annotations

import select
import sys
from pathlib import Path

from app import errors
from tests.support.lakelab import LakeLab

TOTAL = 100_000
SPECS = [{"name": "bank.one"}, {"name": "bank.two"}]
SETUP = (
    "CREATE SCHEMA bank",
    "CREATE TABLE bank.one (id int PRIMARY KEY, cents bigint NOT NULL)",
    "CREATE TABLE bank.two (id int PRIMARY KEY, cents bigint NOT NULL)",
    f"INSERT INTO bank.one SELECT n, {TOTAL // 1000} FROM generate_series(1, 1000) AS n",
)


def lab_of(source: str, catalog: str, folder: str, place: str) -> LakeLab:
    """The lab of all processes."""
    return LakeLab(source, Path(folder), SPECS, catalog=catalog, place=place)


def write(lab: LakeLab) -> None:
    """Sync again and again."""
    while True:
        try:
            run = lab.sync()
            print("changed" if run.changed else "quiet", flush=True)
        except errors.Retryable as error:
            print(f"again: {error}", file=sys.stderr, flush=True)


def read(lab: LakeLab) -> None:
    """Look again and again until the input ends."""
    looks = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        with lab.open() as store:
            found = [
                store.query(f"SELECT coalesce(sum(cents), 0) FROM bank.{name}").rows[0][0] for name in ("one", "two")
            ]
        if sum(found) != TOTAL:
            print(f"torn: {found}", flush=True)
        looks += 1
    print(f"looks: {looks}", flush=True)


if __name__ == "__main__":
    {"sync": write, "read": read}[sys.argv[1]](lab_of(*sys.argv[2:6]))
