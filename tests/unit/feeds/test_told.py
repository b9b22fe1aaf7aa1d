"""What the log tells of rows: in the order of the commits, with what was left alone and without what was undone."""

from __future__ import annotations

import struct
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from jobs.feeds.wal.pgoutput import Decoder, Transaction
from jobs.feeds.wal.tape import LEFT
from jobs.feeds.wal.told import Told, Untold
from jobs.types.column_plan import ColumnInfo
from tests.support.shapes import NUMERIC, TEXT
from tests.unit.feeds.test_wal import COMMITTED, begun, change, relation, row

BEFORE = datetime(1990, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


class Item:
    """As much of a table as is asked for."""

    copied = (ColumnInfo("id", 1, NUMERIC), ColumnInfo("name", 2, TEXT))
    source_key = ("id",)

    class deletes:
        keeps = False


def decoder(*, clear: bool = True) -> Decoder:
    found = Decoder()
    found.want({7: ("id",)})
    found.keep({7: {"id": True, "name": clear}})
    return found


def told(*transactions: Transaction | None) -> list[tuple[int, str, list[Any]]]:
    """Number, kind and values of each line."""
    found = Told(cast(Any, Item), [7], [one for one in transactions if one])
    return [(line.number, line.kind, line.values) for line in found.lines(BEFORE)]


def taken(given: Decoder, *messages: bytes) -> Transaction | None:
    return [given.take(message) for message in messages][-1]


def test_a_row_is_followed_from_key_to_key_and_what_it_left_alone_is_told_so() -> None:
    one = taken(
        decoder(), begun(), relation(), change(b"I", b"N", row("1", "a")), change(b"U", b"N", row("1", None)),
        change(b"U", b"K", row("1", None), b"N", row("2", None)),
        change(b"U", b"O", row("2", "c"), b"N", row(None, None)),
        change(b"D", b"K", row("2", None)), change(b"U", b"N", row("3", None)), change(b"I", b"N", row("2", "b")),
        b"T" + struct.pack(">IBI", 1, 0, 7), change(b"I", b"N", row("3", "d")), COMMITTED,
    )  # fmt: skip
    assert told(one) == [
        (1, "I", ["1", "a"]),
        (1, "U", ["1", LEFT]),
        (1, "D", ["1", LEFT]),
        (1, "M", ["2", LEFT]),
        (1, "U", ["2", "c"]),
        (1, "D", ["2", LEFT]),
        (1, "U", ["3", LEFT]),
        (1, "I", ["2", "b"]),
        (1, "T", [None, None]),
        (1, "I", ["3", "d"]),
    ]


def test_what_a_mask_hides_is_not_kept_and_what_a_savepoint_undid_is_not_told() -> None:
    given = decoder(clear=False)
    insert = change(b"I", b"N", row("1", "secret"))
    assert told(taken(given, begun(), relation(), insert, COMMITTED)) == [(1, "I", ["1", ""])]
    given, pieces = decoder(), []
    for part, key in ((10, "1"), (11, "2"), (12, "3"), (10, "4")):
        within = struct.pack(">I", part)
        pieces += [b"S" + struct.pack(">IB", 10, 1), relation(within=within)]
        pieces += [change(b"I", b"N", row(key, "a"), within=within), b"E"]
    undone = b"A" + struct.pack(">II", 10, 11)
    one = taken(given, *pieces, undone, b"c" + struct.pack(">IBQQq", 10, 0, 300, 320, 0))
    assert [values[0] for *_, values in told(one)] == ["1", "3", "4"]


def test_what_nobody_kept_or_a_table_of_other_columns_is_not_told() -> None:
    late = Decoder()
    late.want({7: ("id",)})
    insert = change(b"I", b"N", row("1", "a"))
    unkept = taken(late, begun(), relation(), insert, COMMITTED)
    open_still = [late.take(message) for message in (begun(), insert)]
    late.keep({7: {"id": True, "name": True}})
    half = taken(late, insert, COMMITTED)
    late.keep({7: {"id": True, "other": True}})
    renamed = taken(late, begun(), insert, COMMITTED)
    assert open_still == [None, None]
    for one in (unkept, half, renamed):
        with pytest.raises(Untold):
            told(one)


def test_moments_only_go_forward() -> None:
    given = decoder()
    found = []
    for at in (5, 3, 3, 9):
        sent = (begun(), relation(), change(b"I", b"N", row(str(at), "a")))
        found.append(taken(given, *sent, b"C" + struct.pack(">BQQq", 0, 100, 120, at)))
    lines = Told(cast(Any, Item), [7], [one for one in found if one])
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    assert [line.moment - epoch for line in lines.lines(BEFORE)] == [n * TICK for n in (5, 6, 7, 9)]
    late = epoch + 8 * TICK
    assert [line.moment - late for line in lines.lines(late)] == [n * TICK for n in (1, 2, 3, 4)]


def test_a_transaction_of_many_changes_is_not_held_in_memory() -> None:
    given = decoder()
    given.take(begun())
    given.take(relation())
    tracemalloc.start()
    for _ in range(20_000):
        given.take(change(b"I", b"N", row("1", "a" * 1000)))
    one = given.take(COMMITTED)
    assert one is not None
    found = Told(cast(Any, Item), [7], [one])
    assert sum(1 for _ in found.lines(BEFORE)) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * 2**20
