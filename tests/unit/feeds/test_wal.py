"""What is made of the messages of the log, and which transactions a file has yet to see."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest

from jobs.feeds.wal import log as changes
from jobs.feeds.wal import place
from jobs.feeds.wal.log import Changed, ChangeLog
from jobs.feeds.wal.pgoutput import Decoder, Transaction
from jobs.feeds.wal.place import Place
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(text: str) -> Snapshot:
    return Snapshot.parse(text, as_of=NOW)


def relation(flags: tuple[int, ...] = (1, 0), within: bytes = b"") -> bytes:
    columns = b"".join(
        bytes([flag]) + name + b"\0" + struct.pack(">Ii", 20, -1)
        for flag, name in zip(flags, (b"id", b"name"), strict=True)
    )
    return b"R" + within + struct.pack(">I", 7) + b"public\0item\0d" + struct.pack(">h", 2) + columns


def row(*values: str | None) -> bytes:
    texts = (b"u" if value is None else b"t" + struct.pack(">i", len(value)) + value.encode() for value in values)
    return struct.pack(">h", len(values)) + b"".join(texts)


def change(kind: bytes, *parts: bytes, within: bytes = b"") -> bytes:
    return kind + within + struct.pack(">I", 7) + b"".join(parts)


def begun(xid: int = 5) -> bytes:
    return b"B" + struct.pack(">QqI", 100, 0, xid)


COMMITTED = b"C" + struct.pack(">BQQq", 0, 100, 120, 0)


def decoded(*messages: bytes, wanted: dict[int, tuple[str, ...]] | None = None) -> Transaction | None:
    decoder = Decoder()
    decoder.want({7: ("id",)} if wanted is None else wanted)
    found = [decoder.take(message) for message in messages]
    return found[-1]


@pytest.mark.parametrize(
    ("messages", "keys"),
    [
        ([change(b"I", b"N", row("1", "a"))], {("1",)}),
        ([change(b"U", b"N", row("1", "a"))], {("1",)}),
        ([change(b"U", b"K", row("1", None), b"N", row("2", "a"))], {("1",), ("2",)}),
        ([change(b"U", b"O", row("1", "a"), b"N", row(None, "b"))], {("1",)}),
        ([change(b"U", b"N", row(None, "b"))], None),
        ([change(b"D", b"K", row("1", None))], {("1",)}),
        ([change(b"I", b"N", row("1", "a")), change(b"D", b"O", row("2", "a"))], {("1",), ("2",)}),
    ],
)
def test_keys_old_and_new(messages: list[bytes], keys: set[tuple[str, ...]] | None) -> None:
    found = decoded(begun(), relation(), *messages, COMMITTED)
    assert found == Transaction(5, 100, 120, {7: keys})


def test_what_does_not_identify_its_rows_or_was_not_asked_for_has_no_keys() -> None:
    update = change(b"U", b"N", row("1", "a"))
    for found in (
        decoded(begun(), relation((0, 0)), update, COMMITTED),
        decoded(begun(), relation(), update, COMMITTED, wanted={}),
        decoded(begun(), relation(), update, COMMITTED, wanted={7: ("other",)}),
    ):
        assert found is not None
        assert found.keys == {7: None}
    insert = decoded(begun(), relation((0, 0)), change(b"I", b"N", row("1", "a")), COMMITTED)
    assert insert is not None
    assert insert.keys == {7: {("1",)}}


def test_a_table_that_is_asked_for_after_it_was_described_has_keys_from_then_on() -> None:
    decoder = Decoder()
    sent = [begun(), relation(), change(b"I", b"N", row("1", "a")), COMMITTED]
    found = [decoder.take(message) for message in sent][-1]
    assert found is not None
    assert found.keys == {7: None}
    decoder.want({7: ("id",)})
    found = [decoder.take(message) for message in [begun(6), change(b"U", b"N", row("2", "a")), COMMITTED]][-1]
    assert found == Transaction(6, 100, 120, {7: {("2",)}})


def test_a_truncate_names_every_table() -> None:
    found = decoded(begun(), b"T" + struct.pack(">IBII", 2, 0, 7, 8), COMMITTED)
    assert found is not None
    assert found.truncated == {7, 8}


def test_streamed_pieces_come_out_at_their_own_commit_and_not_at_all_where_they_are_aborted() -> None:
    def piece(xid: int, key: str) -> list[bytes]:
        within = struct.pack(">I", xid + 1)
        start = b"S" + struct.pack(">IB", xid, 1)
        return [start, relation(within=within), change(b"I", b"N", row(key, "a"), within=within), b"E"]

    decoder = Decoder()
    decoder.want({7: ("id",)})
    sent = [*piece(10, "1"), *piece(20, "2"), *piece(10, "3")]
    assert [decoder.take(message) for message in sent] == [None] * len(sent)
    assert decoder.size() == 3
    # A savepoint that is rolled back is no end of its transaction.
    assert decoder.take(b"A" + struct.pack(">II", 10, 11)) is None
    assert decoder.take(b"A" + struct.pack(">II", 20, 20)) is None
    found = decoder.take(b"c" + struct.pack(">IBQQq", 10, 0, 300, 320, 0))
    assert found == Transaction(10, 300, 320, {7: {("1",), ("3",)}})
    assert decoder.size() == 0


@pytest.mark.parametrize(
    ("text", "xid", "seen"),
    [
        ("10:20:12,15", 9, True),
        ("10:20:12,15", 11, True),
        ("10:20:12,15", 12, False),
        ("10:20:12,15", 20, False),
        # Beyond 32 bits, near both ends of an epoch.
        ("4294967306:4294967310:4294967307", 8, True),
        ("4294967306:4294967310:4294967307", 11, False),
        ("4294967306:4294967310:", 2**32 - 1, True),
        ("4294967290:4294967295:", 3, False),
    ],
)
def test_a_snapshot_sees_what_had_ended(text: str, xid: int, seen: bool) -> None:
    assert snapshot(text).sees(xid) is seen


def test_only_what_the_one_snapshot_sees_and_the_other_does_not_is_news() -> None:
    log = ChangeLog(50)
    log.add(Transaction(3, 40, 41, {7: {("sent again",)}}))
    log.add(Transaction(5, 60, 61, {7: {("1",)}, 8: {("9",)}}))
    log.add(Transaction(6, 70, 71, {7: {("2",)}}))
    log.add(Transaction(4, 80, 81, {7: {("3",)}}, {7}))
    log.add(Transaction(9, 90, 91, {8: None}))
    since, now = snapshot("4:6:4"), snapshot("6:8:6")
    assert log.changed([7], since, 70, now) == Changed(frozenset({("3",)}), True)
    # Seen before it was sent: it commits behind all that had come.
    assert log.changed([7], snapshot("8:8:"), 80, snapshot("8:8:")) == Changed(frozenset({("3",)}), True)
    assert log.changed([7], snapshot("3:4:3"), 60, snapshot("8:8:")) == Changed(
        frozenset({("1",), ("2",), ("3",)}), True
    )
    assert log.changed([8], since, 70, snapshot("12:12:")) == Changed(None)
    # Committed before others in the log, and not seen yet.
    assert log.unseen(now) == 70
    assert log.unseen(snapshot("12:12:")) is None
    log.forget(80)
    assert log.changed([7], snapshot("3:4:3"), 60, snapshot("12:12:")) == Changed(frozenset({("3",)}), True)


def test_more_keys_than_fit_are_given_up_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_KEYS", 2)
    log = ChangeLog(0)
    log.add(Transaction(5, 60, 61, {7: {("1",)}}))
    log.add(Transaction(6, 70, 71, {7: {("2",), ("3",)}}))
    assert log.changed([7], snapshot("3:4:"), 60, snapshot("9:9:")) == Changed(None)


def test_a_place_is_kept_as_text() -> None:
    kept = Place(0x1_0000_00AB, "16401.7.16402.8")
    assert kept.as_text() == "1/AB 16401.7.16402.8"
    waiting = Place(0x1_0000_00AB, "16401.7.16402.8/9ab", frozenset({2**32 + 7, 12}))
    assert waiting.as_text() == "1/AB 16401.7.16402.8/9ab 12,4294967303"
    assert waiting.entry == kept.entry
    for one in (kept, waiting):
        assert place.of(Watermark(snapshot("3:4:"), None, log=one.as_text())) == one
    assert snapshot("5:9:5,7").ended({4, 5, 6, 7, 9, 12}) == {4, 6}
    assert place.of(Watermark(snapshot("3:4:"), None)) is None
