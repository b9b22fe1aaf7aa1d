"""Models drawn from a grammar follow random batches of related changes; and the batches that chance would not find."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.support.modelworld import World, batch, drawn

ABOVE = {
    "above": ("SELECT state, count(*) AS n, sum(amount) AS amount FROM models.wide GROUP BY state", ""),
    # What is kept as sums is a view.
    "joined": ("SELECT b.id, a.state, a.n FROM shop.bills b JOIN models.above a ON a.state = b.state", "id, state"),
    "beside": (
        "SELECT a.state, max(b.n) AS most FROM models.above a LEFT JOIN models.above b ON b.n < a.n GROUP BY ALL",
        "",
    ),
}
WIDE = {
    "wide": (
        "SELECT l.bill, l.place, b.state, y.name, l.amount FROM shop.lines l LEFT JOIN shop.bills b ON b.id = l.bill "
        "LEFT JOIN shop.buyers y ON y.id = b.buyer",
        "bill, place",
    )
}


def followed(seed: int, batches: int) -> None:
    """Six models and one above, so many batches."""
    r = random.Random(seed)
    world = World({f"drawn_{number}": drawn(r) for number in range(6)} | WIDE | ABOVE)
    for number in range(batches):
        runs = world.run(batch(r))
        assert not [run.error for run in runs if run.error]
        assert world.wrong() == {}, (seed, number, [world.folder.models[name].text for name in world.wrong()])


@pytest.mark.few(1)
@pytest.mark.parametrize("seed", range(2))
def test_drawn_models_follow_random_changes(seed: int) -> None:
    followed(seed, 12)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 130))
def test_many_drawn_models_follow_many_changes(seed: int) -> None:
    followed(seed, 60)


BILLS = [(1, 1, "2024-01-01", "open", 1.0), (2, 2, "2024-01-01", "open", 1.0), (3, None, None, None, None)]
LINES = [(1, 1, 7, 9), (1, 2, 7, 5), (2, 1, 7, 4), (3, 1, None, None), (3, 2, 8, 1), (3, 3, 7, 2), (4, 1, 1, 1)]
BUYERS = [(1, "one", "ES"), (2, "two", None), (7, "seven", "FR"), (8, "eight", "FR")]
START = {"bills": BILLS, "lines": LINES, "buyers": BUYERS}
DIRECTED: dict[str, tuple[Any, ...]] = {
    "an order moves day and its line goes": (
        "SELECT b.day, l.article, max(l.amount) AS most, count(*) AS n FROM shop.lines l "
        "JOIN shop.bills b ON b.id = l.bill GROUP BY b.day, l.article HAVING count(*) > 0",
        "day, article",
        {"bills": [(2, 2, "2024-01-02", "open", 1.0)], "lines": [(2, 1)]},
    ),
    "a row comes where its partner went": (
        "SELECT l.bill, l.place, l.amount FROM shop.lines l LEFT JOIN shop.bills b ON b.id = l.bill WHERE b.id IS NULL",
        "bill, place",
        {"bills": [(2,)]},
    ),
    "groups are rows of the side that is always there": (
        "SELECT y.country, count(b.id) AS n, count(DISTINCT b.day) AS d FROM shop.buyers y LEFT JOIN shop.bills b "
        "ON b.buyer = y.id GROUP BY y.country",
        "country",
        {"bills": [(2,)], "buyers": [(1,)]},
    ),
    "NULL is a group": (
        "SELECT y.country, max(y.id) AS m FROM shop.buyers y GROUP BY y.country",
        "country",
        {"buyers": [(2, "two", "FR"), (9, "nine", None)]},
    ),
    "keys of two columns belong together": (
        "SELECT l.bill, l.article, max(l.amount) AS m FROM shop.lines l GROUP BY l.bill, l.article",
        "bill, article",
        {"lines": [(1, 1, 7, 1), (3, 2, 8, 3)]},
    ),
    "a group without rows goes": (
        "SELECT b.state, count(*) AS n, sum(l.amount) AS s FROM shop.lines l JOIN shop.bills b ON b.id = l.bill "
        "GROUP BY b.state",
        "",
        {"bills": [(1, 1, "2024-01-01", "paid", 1.0), (2, 2, "2024-01-01", "paid", 1.0)]},
    ),
    "a sum of no values is NULL": (
        "SELECT l.article, sum(l.amount) AS s FROM shop.lines l GROUP BY l.article",
        "",
        {"lines": [(3, 2, 8, None), (3, 1, None, 2)]},
    ),
    "the first input is told apart by a key that is not read": (
        "SELECT b.state, sum(l.amount) AS s FROM shop.lines l JOIN shop.bills b ON b.id = l.bill GROUP BY b.state",
        "",
        {"lines": [(1, 1, 7, 5), (1, 2, 7, 9), (2, 1, 7, 9)], "bills": [(1, 1, "2024-01-01", "paid", 1.0)]},
    ),
    "the first input is told apart by a key of its own that is not read": (
        "SELECT y.country, sum(l.amount) AS s FROM shop.lines l JOIN shop.buyers y ON y.id = l.article GROUP BY ALL",
        "",
        {"lines": [(1, 1, 7, 5), (1, 2, 7, 9), (2, 1, 7, 9)]},
        {"lines": [(1, 1, 7, 9), (1, 2, 8, 9), (2, 1, 7, 9), (3, 2, 7, 9)], "buyers": [(7, "seven", "ES")]},
    ),
    "zero becomes less than nothing": (
        "SELECT b.id, b.weight FROM shop.bills b",
        "id",
        {"bills": [(3, None, None, None, -0.0), (1, 1, "2024-01-01", "open", 0.0)]},
    ),
    "zero is grouped by its text": (
        "SELECT CAST(b.weight AS VARCHAR) AS weight, max(b.id) AS most FROM shop.bills b GROUP BY ALL",
        "weight",
        {"bills": [(3, 1, None, "open", -0.0), (2, 2, "2024-01-01", "paid", -0.0)]},
    ),
    "zero and less than nothing are of two groups over a join": (
        "SELECT l.article, CAST(b.weight AS VARCHAR) AS weight, max(l.amount) AS most FROM shop.lines l "
        "JOIN shop.bills b ON b.id = l.bill GROUP BY ALL",
        "article, weight",
        {"bills": [(1, 1, None, "open", 0.0), (2, 2, None, "open", -0.0)], "lines": [(3, 2, 7, 1), (3, 3, 7, 2)]},
        {"lines": [(2, 1, 7, 8)]},
        {"lines": [(1, 1, 7, 8)]},
    ),
    "a parent is counted once": (
        "SELECT b.state, count(DISTINCT b.id) AS bills, count(DISTINCT l.bill) FILTER (WHERE l.amount > 4) AS dear, "
        "sum(l.amount) AS amount FROM shop.lines l JOIN shop.bills b ON b.id = l.bill GROUP BY ALL",
        "",
        {"lines": [(1, 2)]},
        {"lines": [(1, 1, 7, 3), (2, 2, 7, 5)]},
        {"bills": [(1, 1, "2024-01-01", None, 1.0), (3,)], "lines": [(1, 1), (3, 3, 1, 1)]},
    ),
    "a constant tells the parts of a UNION ALL apart": (
        "SELECT b.id, 'bill' AS what FROM shop.bills b UNION ALL SELECT y.id, 'buyer' FROM shop.buyers y",
        "id, what",
        {"buyers": [(1,)]},
        {"buyers": [(1, "one", "ES"), (3, "three", "FR")], "bills": [(2,)]},
    ),
    "a group passes by rows that stay": (
        "SELECT l.article, max(l.amount) AS most FROM shop.lines l GROUP BY l.article HAVING count(*) > 1",
        "article",
        {"lines": [(4, 2, 7, 30)]},
        {"lines": [(4, 2)]},
    ),
    "a way leads only through a side that may be absent": (
        "SELECT l.bill, l.place, y.name, b.day FROM shop.lines l JOIN shop.buyers y ON true "
        "LEFT JOIN shop.bills b ON b.id = l.bill AND b.buyer = y.id",
        "bill, place",
        {"buyers": [(9, "nine", None)]},
    ),
    "the latest of each": (
        "SELECT b.buyer, max({'at': b.day, 'state': b.state, 'id': b.id}) AS latest FROM shop.bills b GROUP BY ALL",
        "",
        {"bills": [(3, 1, "2024-01-05", "paid", 1.0), (4, None, "2024-01-05", "paid", 1.0), (2,)]},
    ),
    "a row changes where nobody reads it, and others beside it where somebody does": (
        "SELECT b.state, sum(l.amount) AS s FROM shop.lines l JOIN shop.bills b ON b.id = l.bill GROUP BY b.state",
        "",
        {"lines": [(1, 1, 8, 9)], "bills": [(2, 2, "2024-01-01", "paid", 1.0)]},
        {"lines": [(1, 1, 7, 9), (1, 2, 8, 5), (2, 1, 7, 40)]},
    ),
    "few of the rows that changed did where somebody reads it, who doesn't read their key": (
        "SELECT y.country, count(*) AS n FROM shop.lines l JOIN shop.buyers y ON y.id = l.article GROUP BY y.country",
        "",
        {"lines": [(1, 1, 7, 10), (1, 2, 7, 6), (3, 2, 1, 1)]},
    ),
    "a row with parents changes by itself, and goes": (
        "SELECT l.bill, l.place, b.state, l.amount FROM shop.lines l JOIN shop.bills b ON b.id = l.bill",
        "bill, place",
        {"lines": [(1, 1, 7, 8), (2, 1)], "bills": [(1, 1, "2024-01-01", "paid", 1.0)]},
        {"lines": [(3, 1, 7, 8), (1, 2)], "bills": [(1, 1, "2024-01-01", "open", 1.0)]},
    ),
    "a group of constants alone": (
        "SELECT 'all' AS what, max(l.amount) AS most FROM shop.lines l GROUP BY what",
        "what",
        {"lines": [(1, 1, 7, 20), (3, 1, 2, 3)]},
    ),
}  # fmt: skip


@pytest.mark.few(6)
@pytest.mark.parametrize("name", DIRECTED)
def test_a_batch_that_chance_does_not_find(name: str) -> None:
    select, key, *batches = DIRECTED[name]
    world = World({"model": (select, key)})
    world.run(START)
    assert world.wrong() == {}
    for changes in batches:
        runs = world.run(changes)
        assert [run.action for run in runs] not in (["whole"], ["failed"])
        assert world.wrong() == {}
    # Back again, one table after the other.
    for table, rows in START.items():
        world.run({table: rows})
        assert world.wrong() == {}


def test_models_above_follow_what_changed_below() -> None:
    world = World(WIDE | ABOVE)
    world.run(START)
    runs = world.run({"buyers": [(1, "other", "ES")], "bills": [(2,)]})
    kept = {"wide": "rows", "above": "sums", "joined": "rows", "beside": "groups"}
    assert {run.model: run.action for run in runs} == kept
    assert world.wrong() == {}


@pytest.mark.long
def test_the_cheaper_way_is_taken_and_said_by_what_either_took_before() -> None:
    def bills(number: int, state: str) -> list[Any]:
        return [(n, 1, "2024-01-01", state, 1.0) for n in range(number)]

    def learned() -> dict[str, Any]:
        ((found,),) = world.connection.execute("SELECT costs FROM neaptide.models").fetchall()
        return dict(json.loads(found))

    def known(many: float, rebuild: float) -> None:
        told = {"few": [1, 0.0], "many": [1500, many], "rebuild": [3000, rebuild], "anew": False}
        world.connection.execute("UPDATE neaptide.models SET costs = ?", [json.dumps(told)])

    world = World({"copy": ("SELECT id, state FROM shop.bills", "id")})
    world.run({"bills": bills(3000, "open")})
    assert learned()["rebuild"][0] == 3000 and not learned()["many"]
    known(many=9.0, rebuild=1.0)
    (run,) = world.run({"bills": bills(2000, "paid")})
    assert (run.action, run.cause) == ("whole", "cost") and "1.00 s to make it anew" in run.reason
    assert learned()["anew"] and learned()["many"] == [1500, 8.1]
    known(many=1.0, rebuild=9.0)
    (run,) = world.run({"bills": bills(2900, "void")})
    assert (run.action, run.cause, run.keys) == ("rows", "", 2900)
    assert not learned()["anew"] and learned()["many"][0] == 2900
    assert world.wrong() == {}
    # As an earlier version left it.
    world.connection.execute("ALTER TABLE neaptide.models DROP COLUMN costs")
    (run,) = world.run({"bills": bills(2, "open")})
    assert (run.action, learned()["few"][0]) == ("rows", 2)
