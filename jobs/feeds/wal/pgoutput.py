"""Reads the messages of pgoutput (PostgreSQL manual, "Logical Replication Message Formats") for keys. Pure.

Of each change only the key of its row is kept, as text; one that is no text here is not told. What an aborted savepoint
changed is kept along: its keys are read once more than needed, which changes nothing. Of tables whose history is of
commits the rows are kept as well, in `jobs.feeds.wal.tape`, and there what was aborted is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from jobs.feeds.wal.tape import LEFT, TRUNCATED, UNKNOWN, Change, Reel, Row, Tape

Key = tuple[str, ...]
# The kinds that carry a transaction's id within a streamed piece of it.
_WITHIN = b"RYIUDTM"
_NULL, _UNCHANGED = b"n", b"u"
# The encodings of servers that Python reads exactly as these do; of others it reads what is ASCII. Where a server says
# nothing of its texts, they are taken for UTF-8.
_CODECS = {"UTF8": "utf-8", "SQL_ASCII": "utf-8", "LATIN1": "latin-1", "LATIN9": "iso8859-15", "WIN1252": "cp1252"}


@dataclass
class Transaction:
    """What one transaction changed. `commit` is where its commit record begins, `end` where that ends.

    `keys` are by the oid of the table that holds the rows; None where they can't be told, so that any may have changed.
    """

    xid: int
    commit: int = 0
    end: int = 0
    keys: dict[int, set[Key] | None] = field(default_factory=dict)
    truncated: set[int] = field(default_factory=set)
    # When it was committed, in microseconds since PostgreSQL's epoch, and what it did to rows that are kept.
    at: int = field(default=0, compare=False)
    tape: Tape | None = field(default=None, compare=False)

    @property
    def touched(self) -> set[int]:
        """The tables that it changed."""
        return {*self.keys, *self.truncated}

    def add(self, relid: int, key: Key | None) -> None:
        """Another row of a table; None for one whose key is not told."""
        known = self.keys.setdefault(relid, set())
        if key is None:
            self.keys[relid] = None
        elif known is not None:
            known.add(key)


@dataclass(frozen=True)
class _Relation:
    """A table as it was: `whole` is whether what identifies its rows in the log holds the key, `places` where that is.

    Without `places` nobody asked for its keys.
    """

    names: Sequence[str]
    identifying: frozenset[str]
    places: Sequence[int] | None = None
    whole: bool = False
    # Where the columns are that are kept of its rows, each with whether its value is; None where no rows are.
    kept: Sequence[tuple[int, bool]] | None = None

    def keeping(self, columns: Mapping[str, bool] | None) -> _Relation:
        """With where these columns are. Without one of them no row can be told."""
        if columns is None or not columns.keys() <= set(self.names):
            return replace(self, kept=None)
        return replace(self, kept=[(self.names.index(name), clear) for name, clear in columns.items()])

    def wanted(self, key: Sequence[str] | None) -> _Relation:
        """With where its key is, if it has one of these columns."""
        if key is None or not set(key) <= set(self.names):
            return replace(self, places=None, whole=False)
        return replace(self, places=[*map(self.names.index, key)], whole=self.identifying.issuperset(key))


class Decoder:
    """Messages go in, transactions come out at their commits, in the order of these."""

    def __init__(self, encoding: str = "UTF8", reel: Reel | None = None) -> None:
        """For texts in this encoding of the server's."""
        self._codec = _CODECS.get(encoding, "ascii")
        self._wanted: dict[int, Sequence[str]] = {}
        self._kept: dict[int, Mapping[str, bool]] = {}
        self._reel = reel or Reel()
        self._relations: dict[int, _Relation] = {}
        self._open: Transaction | None = None
        self._streamed: dict[int, Transaction] = {}
        self._inside: int | None = None
        self._part = 0

    def want(self, keys: Mapping[int, Sequence[str]]) -> None:
        """Keep the keys of these tables, by the oids of what holds their rows: what columns they are.

        The server describes a table once, which may be before anybody asks for it.
        """
        self._wanted.update(keys)
        for relid in keys.keys() & self._relations.keys():
            self._relations[relid] = self._relations[relid].wanted(keys[relid])

    def keep(self, columns: Mapping[int, Mapping[str, bool]]) -> None:
        """Keep the rows of these tables, too, by the same oids: of which columns, and whether more than that it is set.

        What a mask hides is not kept.
        """
        new = {relid: names for relid, names in columns.items() if names != self._kept.get(relid)}
        for relid in new.keys() & self._relations.keys():
            self._relations[relid] = self._relations[relid].keeping(new[relid])
        for one in self._held():
            for relid in one.touched & new.keys():
                _put(one, relid, UNKNOWN, self._reel, 0)
        self._kept.update(new)

    def take(self, message: bytes) -> Transaction | None:
        """The transaction that this message commits, if it does."""
        kind = message[:1]
        if kind in b"BCSEcA":
            return self._bound(kind, message)
        within = self._inside is not None and kind in _WITHIN
        body = _Reader(message, 5 if within else 1, self._codec)
        # In a streamed piece each change says which savepoint's it is.
        self._part = struct.unpack_from(">I", message, 1)[0] if within else 0
        if kind == b"R":
            self._relation(body)
        elif kind in b"IUD":
            self._change(kind, body)
        elif kind == b"T":
            self._truncate(body)
        return None

    def size(self) -> int:
        """How many keys are held of transactions that have not ended."""
        return sum(len(keys or ()) for one in self._held() for keys in one.keys.values())

    def _held(self) -> list[Transaction]:
        """Those that have not ended."""
        return [*self._streamed.values(), *([self._open] if self._open else [])]

    def give_up_keys(self) -> None:
        """Hold no more keys of transactions that have not ended: any row of their tables may be changed."""
        for one in self._streamed.values():
            one.keys = dict.fromkeys(one.keys)

    def _bound(self, kind: bytes, message: bytes) -> Transaction | None:
        """Where a transaction, or a streamed piece of one, begins or ends."""
        if kind == b"B":
            commit, _, xid = struct.unpack_from(">QqI", message, 1)
            self._open = Transaction(xid, commit)
        elif kind == b"C":
            return self._committed(self._open, *struct.unpack_from(">QQq", message, 2))
        elif kind == b"S":
            (self._inside,) = struct.unpack_from(">I", message, 1)
            self._streamed.setdefault(self._inside, Transaction(self._inside))
        elif kind == b"E":
            self._inside = None
        elif kind == b"c":
            (xid,) = struct.unpack_from(">I", message, 1)
            return self._committed(self._streamed.pop(xid), *struct.unpack_from(">QQq", message, 6))
        elif kind == b"A":
            xid, savepoint = struct.unpack_from(">II", message, 1)
            if xid == savepoint:
                self._streamed.pop(xid, None)
            elif xid in self._streamed and (tape := self._streamed[xid].tape):
                tape.abort(savepoint)
        return None

    def _committed(self, one: Transaction | None, commit: int, end: int, at: int) -> Transaction | None:
        self._open = None
        if one is None:
            return None
        one.commit, one.end, one.at = commit, end, at
        return one

    @property
    def _current(self) -> Transaction:
        transaction = self._streamed[self._inside] if self._inside is not None else self._open
        assert transaction is not None
        return transaction

    def _relation(self, body: _Reader) -> None:
        relid = body.number(">I")
        body.text(), body.text(), body.bytes(1)
        names, identifying = [], set()
        for place in range(body.number(">h")):
            if body.number(">B") & 1:
                identifying.add(place)
            names.append(body.text())
            body.bytes(8)
        relation = _Relation(names, frozenset(names[place] for place in identifying))
        self._relations[relid] = relation.wanted(self._wanted.get(relid)).keeping(self._kept.get(relid))

    def _change(self, kind: bytes, body: _Reader) -> None:
        relid = body.number(">I")
        relation = self._relations[relid]
        if relid in self._kept and (relation.kept is None or relation.places is None):
            _put(self._current, relid, UNKNOWN, self._reel, self._part)
        if relation.places is None or not (relation.whole or kind == b"I"):
            self._current.add(relid, None)
            return
        before, after, old, new = None, None, None, None
        tag = first = body.bytes(1)
        if tag in b"KO":
            before = body.values()
            old = _legible(_key(before, relation.places))
            self._current.add(relid, old)
            tag = body.bytes(1) if kind == b"U" else b""
        if tag == b"N":
            after = body.values()
            # A long key that stays as it is may be left out: it is the one before.
            new = _key(after, relation.places)
            new = _legible(new) if new else old
            self._current.add(relid, new)
        if relation.kept is not None:
            whole = before if first == b"O" else None
            row = _row(after, whole, relation.kept)
            readable = all(map(_is_text, (value for value in row or () if isinstance(value, str))))
            _put(self._current, relid, (kind.decode(), old, new, row) if readable else UNKNOWN, self._reel, self._part)

    def _truncate(self, body: _Reader) -> None:
        count = body.number(">I")
        body.bytes(1)
        for _ in range(count):
            relid = body.number(">I")
            self._current.truncated.add(relid)
            if relid in self._kept:
                _put(self._current, relid, (TRUNCATED, None, None, None), self._reel, self._part)


def _put(one: Transaction, relid: int, change: Change, reel: Reel, part: int) -> None:
    """Keep what was done to a row, in the order in which it was done."""
    if one.tape is None:
        one.tape = Tape(reel)
    one.tape.put(relid, part, change)


def _key(values: Row, places: Sequence[int]) -> Key | None:
    key = tuple(values[place] for place in places)
    return None if None in key or LEFT in key else key  # type: ignore[return-value]


def _row(after: Row | None, whole: Row | None, columns: Sequence[tuple[int, bool]]) -> Row | None:
    """The values that are kept; one that was left alone is in `whole`, where the log has all of the row before."""
    if after is None:
        return None
    if whole is not None:
        after = [old if new is LEFT else new for new, old in zip(after, whole, strict=True)]
    return [after[place] if clear or not isinstance(after[place], str) else "" for place, clear in columns]


def _legible(key: Key | None) -> Key | None:
    """The key, unless something in it is no text in the server's encoding."""
    return key if key is None or all(map(_is_text, key)) else None


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in value)


class _Reader:
    """A message, read from front to back. Bytes that are no text become what no text holds."""

    def __init__(self, message: bytes, at: int, codec: str) -> None:
        self._message, self._at, self._codec = message, at, codec

    def number(self, form: str) -> int:
        (number,) = struct.unpack_from(form, self._message, self._at)
        self._at += struct.calcsize(form)
        return int(number)

    def bytes(self, count: int) -> bytes:
        self._at += count
        return self._message[self._at - count : self._at]

    def text(self) -> str:
        end = self._message.index(0, self._at)
        text = self._message[self._at : end].decode(self._codec, "surrogateescape")
        self._at = end + 1
        return text

    def values(self) -> Row:
        """A row's texts; None for what is NULL, `LEFT` for what was left out as it was."""
        return [self._value() for _ in range(self.number(">h"))]

    def _value(self) -> str | bool | None:
        kind = self.bytes(1)
        if kind == _NULL:
            return None
        if kind == _UNCHANGED:
            return LEFT
        return self.bytes(self.number(">i")).decode(self._codec, "surrogateescape")
