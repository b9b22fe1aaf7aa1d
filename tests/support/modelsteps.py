"""Random changes of three related tables, and random runs over them, after which every model equals its SELECT."""

from __future__ import annotations

import random
from collections.abc import Sequence

from jobs import faults
from jobs.verify import verify
from tests.support import runs
from tests.support.modellab import check
from tests.support.syncing import Lab

# Besides those of each kind: what was found to be hard.
HARD = {
    "latest": (
        "SELECT buyer, max({'at': day, 'state': state, 'id': id}) AS latest FROM shop.bills GROUP BY buyer", ""
    ),
    "by_text": ("SELECT CAST(weight AS VARCHAR) AS w, count(DISTINCT state) AS n FROM shop.bills GROUP BY ALL", "w"),
    "sold": (
        "SELECT b.state, count(DISTINCT l.bill) AS bills, sum(l.amount) AS amount FROM shop.lines l "
        "JOIN shop.bills b ON b.id = l.bill GROUP BY b.state", ""
    ),
    "lost": (
        "SELECT l.bill, l.place, b.weight FROM shop.lines l LEFT JOIN shop.bills b ON b.id = l.bill AND b.total > 20 "
        "WHERE b.id IS NULL OR b.state = 'open'", "bill, place"
    ),
    "both": ("SELECT id, 'bill' AS what FROM shop.bills UNION ALL SELECT id, 'buyer' FROM shop.buyers", "id, what"),
    "above": ("SELECT state, max(amount) AS most FROM models.sold GROUP BY state HAVING max(amount) > 1", ""),
}  # fmt: skip
_KILLED = ("table_done", "before_commit", "after_commit", "after_swap", *faults.OF_MODELS[:1])


def follow(lab: Lab, seed: int, steps: int, *, how: Sequence[str]) -> None:
    """So many batches, each with a run of one of these ways."""
    r = random.Random(seed)
    for number in range(steps):
        way = r.choice(how)
        told = (seed, number, way)
        lab.run(*(statement for _ in range(r.randint(1, 3)) for statement in batch(r)))
        run(lab, r, way)
        try:
            check(lab)
        except AssertionError as error:
            raise AssertionError(told) from error
    lab.sync()
    check(lab, both=len(lab.both) > 1)


def run(lab: Lab, r: random.Random, way: str) -> None:
    """One run of this way; what is killed is followed by one that isn't."""
    tables = [spec["name"] for spec in lab.specs if "*" not in spec["name"]]
    if way == "some":
        lab.sync(tables=r.sample(tables, r.randint(1, len(tables) - 1)))
    elif way == "full":
        lab.sync(full=True, **({"tables": [r.choice(tables)]} if r.random() < 0.6 else {}))
    elif way == "repair":
        verify.verify(lab.job, repair=True)
    elif way == "column":
        lab.run(f"ALTER TABLE {r.choice(tables)} ADD COLUMN c{r.randint(0, 10**9)} int DEFAULT {r.randint(0, 9)}")
        lab.sync()
    elif way == "killed":
        # Where nothing moves a model, not every point is reached.
        runs.ended(lab.job, fault=r.choice(_KILLED))
        lab.sync()
    else:
        lab.sync()


def batch(r: random.Random) -> list[str]:
    """Changes of one bill, its lines and its buyer, in any order."""
    bill, buyer = r.randint(1, 45), r.randint(1, 14)
    state, day = r.choice(("'open'", "'paid'", "'void'", "NULL")), f"'2024-01-0{r.randint(1, 6)}'"
    # No less than nothing: in a block of nothing but zeros DuckDB stores one for all, see jobs/engine/storage.py.
    weight, total = r.choice(("0", "'NaN'", "NULL", "1.5")), r.choice(("NULL", "20", str(r.randint(0, 99))))
    statements = [
        f"UPDATE shop.bills SET day = {day}, state = {state}, weight = {weight}, total = {total} WHERE id = {bill}",
        f"UPDATE shop.bills SET buyer = {r.choice((buyer, 'NULL'))} WHERE id = {bill}",
        f"DELETE FROM shop.bills WHERE id = {bill}",
        f"INSERT INTO shop.bills VALUES ({bill}, {buyer}, {day}, {state}, {total}, {weight}) ON CONFLICT DO NOTHING",
        f"UPDATE shop.bills SET id = id + 50 WHERE id = {bill} AND NOT EXISTS "
        f"(SELECT FROM shop.bills WHERE id = {bill + 50})",
        f"DELETE FROM shop.lines WHERE bill = {bill} AND place <= {r.randint(0, 3)}",
        f"INSERT INTO shop.lines VALUES ({bill}, {r.randint(0, 4)}, {r.choice((1, 2, 'NULL'))}, {r.randint(0, 9)}) "
        "ON CONFLICT DO NOTHING",
        f"UPDATE shop.lines SET amount = {r.choice(('NULL', str(r.randint(0, 9))))}, article = {r.choice((2, 'NULL'))} "
        f"WHERE bill = {bill}",
        f"UPDATE shop.buyers SET country = {r.choice((chr(39) + 'C1' + chr(39), 'NULL'))} WHERE id = {buyer}",
        f"DELETE FROM shop.buyers WHERE id = {buyer}",
        f"INSERT INTO shop.buyers VALUES ({buyer}, 'new', 'C2') ON CONFLICT DO NOTHING",
    ]
    return r.sample(statements, r.randint(2, 5))
