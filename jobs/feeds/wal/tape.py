"""What transactions did to the rows of tables whose history is of commits, kept until every file has it.

It is kept in the order in which it came: a little of it in memory, and the rest in files without a name, each of which
goes with the last transaction that lies in it.
"""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile

# A value that an update left as it was, and that is not in the log for that; NULL is None.
LEFT = False
Row = list[str | bool | None]
INSERTED, UPDATED, DELETED, TRUNCATED = "I", "U", "D", "T"
# An update, of the key as well.
MOVED = "M"
# What was done; the key before where the log has it; the key after, and the row's values as texts, where there are any.
Change = tuple[str, tuple[str, ...] | None, tuple[str, ...] | None, Row | None]
# Something was done that can't be told.
UNKNOWN: Change = ("?", None, None, None)

# Bytes of one file without a name, and those of the last one that are in memory.
_PIECE, _IN_MEMORY = 32 * 2**20, 4 * 2**20
# Bytes that are read at once.
_READ = 2**20


class _Piece:
    """A file that is written by one thread while another reads what is there."""

    def __init__(self, folder: Path | None) -> None:
        self._file = SpooledTemporaryFile(_IN_MEMORY, dir=str(folder) if folder else None)  # noqa: SIM115
        self._guard = threading.Lock()
        self.size = 0
        weakref.finalize(self, self._file.close)

    def add(self, data: bytes) -> None:
        with self._guard:
            self._file.seek(self.size)
            self._file.write(data)
            self.size += len(data)

    def read(self, at: int, size: int) -> bytes:
        with self._guard:
            self._file.seek(at)
            return self._file.read(size)

    def close_off(self) -> None:
        """Nothing more is written: what is kept of it needs no memory."""
        with self._guard:
            self._file.rollover()


class Reel:
    """Where tapes are written to: one file after the other, in this folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._piece = _Piece(folder)

    def put(self, data: bytes) -> tuple[_Piece, int]:
        """Keep these bytes; in which piece they are from where on."""
        if self._piece.size > _PIECE:
            self._piece.close_off()
            self._piece = _Piece(self._folder)
        place = self._piece.size
        self._piece.add(data)
        return self._piece, place


class Tape:
    """What one transaction did, in order."""

    def __init__(self, reel: Reel) -> None:
        self._reel = reel
        self._places: list[tuple[_Piece, int, int]] = []
        self._aborted: set[int] = set()
        # The tables that it says all of.
        self.relids: set[int] = set()

    def put(self, relid: int, part: int, change: Change) -> None:
        """Another change, of the table that holds the row, and of which savepoint; 0 where none can be taken back."""
        self.relids.add(relid)
        data = json.dumps((relid, part, *change), ensure_ascii=False).encode() + b"\n"
        piece, at = self._reel.put(data)
        end = at + len(data)
        last = self._places[-1] if self._places else None
        if last and last[0] is piece and last[2] == at and end - last[1] < _READ:
            self._places[-1] = (piece, last[1], end)
        else:
            self._places.append((piece, at, end))

    def abort(self, part: int) -> None:
        """Nothing of this savepoint happened."""
        self._aborted.add(part)

    def changes(self, relids: Collection[int]) -> Iterator[Change]:
        """What was done to the rows that these tables hold."""
        for piece, start, end in self._places:
            for line in piece.read(start, end - start).splitlines():
                relid, part, kind, old, new, row = json.loads(line)
                if relid in relids and part not in self._aborted:
                    yield kind, old and tuple(old), new and tuple(new), row
