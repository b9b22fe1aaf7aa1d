"""What the stream has told: the keys that each transaction changed, for as long as a file may need them. Pure."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

from jobs.feeds.wal.pgoutput import Key, Transaction
from jobs.position.snapshot import Snapshot

# Keys that are held at once, some 200 bytes each. Where more rows changed, to copy their tables costs no more.
MOST_KEYS = 400_000


@dataclass(frozen=True)
class Changed:
    """What changed of one table between two snapshots. `keys` is None where they can't be told."""

    keys: frozenset[Key] | None = frozenset()
    truncated: bool = False

    def __bool__(self) -> bool:
        return self.keys is None or bool(self.keys) or self.truncated


class ChangeLog:
    """Transactions in the order of their commits, complete from the position `since` on."""

    def __init__(self, since: int) -> None:
        self.since = since
        self._held: list[Transaction] = []
        self._keys = 0
        self._guard = threading.Lock()

    def add(self, one: Transaction) -> None:
        """Another one. What was sent before, and is again after a reconnection, changes nothing."""
        if one.commit < self.since or not one.touched:
            return
        with self._guard:
            self._held.append(one)
            self._keys += _size(one)
            if self._keys > MOST_KEYS:
                self._give_up_keys()

    def changed(self, relids: Collection[int], since: Snapshot, reached: int, now: Snapshot) -> Changed:
        """What changed of the tables with these oids that `now` sees, and a file that has `reached` may lack.

        What commits behind that was not read for it, even if its snapshot `since` sees it: the server shows a commit
        that does not wait for the disk before it sends it.
        """
        news = self.transactions(relids, since, reached, now)
        truncated = any(not one.truncated.isdisjoint(relids) for one in news)
        parts = [one.keys[relid] for one in news for relid in one.keys if relid in relids]
        known = [part for part in parts if part is not None]
        keys = frozenset().union(*known) if len(known) == len(parts) else None
        return Changed(keys, truncated)

    def transactions(self, relids: Collection[int], since: Snapshot, reached: int, now: Snapshot) -> list[Transaction]:
        """Those that made these changes, in the order of their commits."""
        with self._guard:
            held = [one for one in self._held if not one.touched.isdisjoint(relids)]
        return [one for one in held if now.sees(one.xid) and (one.commit >= reached or not since.sees(one.xid))]

    def unseen(self, now: Snapshot) -> int | None:
        """Where the first transaction commits that the snapshot does not see, if it has come already.

        The order in which transactions become visible is not that of their commits in the log.
        """
        with self._guard:
            return min((one.commit for one in self._held if not now.sees(one.xid)), default=None)

    def forget(self, position: int) -> None:
        """Every file has what committed before this."""
        with self._guard:
            self.since = max(self.since, position)
            self._held = [one for one in self._held if one.commit >= self.since]
            self._keys = sum(map(_size, self._held))

    def _give_up_keys(self) -> None:
        for one in self._held:
            one.keys = dict.fromkeys(one.keys)
        self._keys = 0


def _size(one: Transaction) -> int:
    return sum(len(keys or ()) for keys in one.keys.values())
