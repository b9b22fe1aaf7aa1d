"""Reads a target's slot: the stream, and what it has told. A process that runs often keeps it between runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from app import errors, statements
from jobs.feeds.wal import log as changes
from jobs.feeds.wal.log import ChangeLog
from jobs.feeds.wal.pgoutput import Decoder, Transaction
from jobs.feeds.wal.stream import Stream, text
from jobs.feeds.wal.tape import Reel
from jobs.position.snapshot import Snapshot
from jobs.source.connection import Source

APPLICATION = "neaptide log"
# How often the server is asked how far it is while something is waited for, in seconds.
_ASK = 0.05
# How often is read at most to find the end of a stream: more than a socket holds.
_READS = 1000


class LogReader:
    """One slot's changes since a position, and how far they are complete. For several threads."""

    def __init__(
        self, source: Source, slot: str, start: int, let_go: Callable[[], bool], folder: Path | None = None
    ) -> None:
        """Begin at `start`. `let_go` has another process of Neaptide's let go of the slot. Raises psycopg's errors.

        Rows that are kept and need too much memory lie in files in `folder` that have no name.
        """
        self.slot, self.log, self._source = slot, ChangeLog(start), source
        self._guard = threading.RLock()
        self._stream = _opened(source, slot, start, let_go, Reel(folder))
        self.broken = False
        # When the slot was last looked at, by the monotonic clock.
        self.looked = time.monotonic()
        # How many transactions came that changed something, and how many of them a run has dealt with.
        self.came = self.handled = 0
        # Whether the last run's snapshot did not see one of them yet.
        self.unseen = False
        # How far the log had come then.
        self.read = start

    @property
    def session(self) -> psycopg.Connection[Any]:
        """The session that it reads in."""
        return self._stream.conn

    def fileno(self) -> int:
        """The socket, for select."""
        return self._stream.fileno()

    def want(self, keys: Mapping[int, Sequence[str]]) -> None:
        """Keep the keys of these tables, by the oids of what holds their rows: what columns they are."""
        with self._guard:
            self._stream.decoder.want(keys)

    def keep(self, columns: Mapping[int, Mapping[str, bool]]) -> None:
        """Keep the rows of these tables, too: see `Decoder.keep`."""
        with self._guard:
            self._stream.decoder.keep(columns)

    def take(self) -> None:
        """Take in what has come, without a wait. Raises psycopg's errors where the stream ended."""
        with self._guard:
            try:
                self._stream.take(self._add)
            except BaseException:
                self.broken = True
                raise
            if self._stream.decoder.size() > changes.MOST_KEYS:
                self._stream.decoder.give_up_keys()

    def catch_up(self, goal: int, lower: Callable[[int], int]) -> None:
        """Wait until all that commits before `goal` has come; `lower` may make it less while it is waited for."""
        asked = float("-inf")
        while True:
            self.take()
            with self._guard:
                if self._stream.received >= goal:
                    return
                if time.monotonic() - asked > _ASK:
                    asked, goal = time.monotonic(), lower(goal)
                    self._stream.ask()
            self._stream.wait(_ASK)

    def wait(self, seconds: float) -> bool:
        """Wait until something comes, at most so long; whether it did."""
        try:
            return self._stream.wait(seconds)
        except (OSError, ValueError, psycopg.Error):
            # It was closed meanwhile.
            return True

    def reach(self, now: Snapshot) -> int:
        """A position below which the snapshot sees all that commits, as far as has come; to be asked once caught up."""
        with self._guard:
            unseen = self.log.unseen(now)
            self.handled, self.unseen, self.read = self.came, unseen is not None, self._stream.received
            return self._stream.received if unseen is None else unseen

    def confirm(self, position: int) -> None:
        """Every file has what commits before this: the server may forget it."""
        with self._guard:
            self.log.forget(position)
            try:
                self._drain()
                self._stream.confirm(position)
            except psycopg.Error:
                # The next run opens another; what the server is not told, it sends again.
                self.broken = True
                self._advance(position)

    @property
    def received(self) -> int:
        """How far the server has sent all that there is to send."""
        with self._guard:
            return self._stream.received

    @property
    def behind(self) -> int:
        """The bytes between what is confirmed and what has come."""
        with self._guard:
            return self._stream.received - self._stream.confirmed

    @property
    def confirmed(self) -> int:
        """The position that the server was told last."""
        return self._stream.confirmed

    def close(self) -> None:
        """End the session; the server keeps the slot."""
        self.broken = True
        with suppress(psycopg.Error):
            self._stream.close()

    def _drain(self) -> None:
        """Take in all that has come: only behind it is seen that the server ended the stream."""
        for _ in range(_READS):
            self.take()
            if not self._stream.wait(0):
                return

    def _advance(self, position: int) -> None:
        """Say it in another session: a run may last longer than the server waits for a word of its reader."""
        given = {"name": self.slot, "position": text(position)}
        with suppress(psycopg.Error, errors.NeaptideError), self._source.open("neaptide slot") as conn:
            conn.execute(statements.get("wal", "advance"), given)

    def _add(self, one: Transaction) -> None:
        if one.touched:
            self.came += 1
            self.log.add(one)


def _opened(source: Source, slot: str, start: int, let_go: Callable[[], bool], reel: Reel) -> Stream:
    """The stream; where another process of Neaptide's has it, that one's is ended, since one reads at a time."""
    for last in (False, True):
        session = source.replicating(APPLICATION)
        try:
            encoding = session.info.parameter_status("server_encoding") or ""
            return Stream(session, slot, start, Decoder(encoding, reel))
        except psycopg.errors.ObjectInUse:
            session.close()
            if last or not let_go():
                raise
        except BaseException:
            session.close()
            raise
    raise errors.Bug("a stream was neither opened nor refused")
