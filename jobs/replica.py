"""A read replica: whether a server is one of the source, how far it has come, and how it is waited for.

What a replica shows is as old as the last commit or checkpoint that it has replayed: it knows the primary's clock from
nothing else. Where nobody writes, that moment stands still although nothing is missing. So who wants less age has the
primary asked how far its log goes; once the replica has replayed that much, it shows all that was committed before.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app import errors, notes
from jobs.beside import smallfile
from jobs.job import Job
from jobs.position import snapshot
from jobs.source import position
from jobs.source.connection import Connection, Source
from jobs.source.position import Identity

_LOOK = 0.02
_URL = "[read] url"
_LEAVE_OUT = f"name a hot standby of the source there, or leave {_URL} out: then the source itself is read"


@dataclass(frozen=True)
class Reached:
    """Where the source stood when it was asked: everything committed before `clock` lies before `wal`."""

    clock: datetime
    now: datetime
    wal: str
    timeline: int


@dataclass
class Replica:
    """The replica of a source, met once for each opening. `limit` is the age that is allowed, None for any."""

    source: Job
    limit: timedelta | None = None
    within: float = 600.0
    _reached: Reached | None = field(default=None, init=False)

    def meet(self, conn: Connection) -> None:
        """Judge the server at the other end, and wait for it where it has to have come further.

        Raises `errors.ConfigError` where it is no replica of the source, `errors.TooStale` where it doesn't get there.
        """
        replica = position.identity(conn)
        if not replica.standby:
            raise errors.ConfigError(
                f"{_URL} leads to a server that is no replica: it replays nobody's log", hint=_LEAVE_OUT
            )
        if not _is_known(self.source, replica):
            with _asked_for("whether it is a replica of the source"), Source.of(self.source).meet() as (_, origin):
                _check(replica, origin)
            _remember(self.source, replica)
        if self.limit is not None:
            self._wait(conn, replica)

    def as_of(self, shown: datetime) -> datetime:
        """As of when the snapshot is that was taken since: of its replay, or later where the source was asked."""
        return max(shown, self._reached.clock) if self._reached else shown

    def _wait(self, conn: Connection, replica: Identity) -> None:
        """Until everything is replayed that the source had committed by now."""
        with _asked_for("how old it is"), Source.of(self.source).meet() as (origin, identity):
            _check(replica, identity)
            reached = _reached(origin, identity)
        assert self.limit is not None
        if reached.now - reached.clock > self.limit:
            raise errors.TooStale(
                "the source is a standby itself, and is older than allowed", hint="see what it lags by"
            )
        until = time.monotonic() + self.within
        while not _has(replica, reached):
            if time.monotonic() >= until:
                raise _late(replica, reached, self.within)
            time.sleep(_LOOK)
            replica = position.identity(conn)
        self._reached = reached


def _reached(conn: Connection, identity: Identity) -> Reached:
    """Asked after what was committed before is on the disk: a replica is not sent it earlier."""
    row, taken = position.one(conn, "reached"), time.monotonic()
    if not identity.standby:
        position.wait_until_durable(conn, row["wal"], taken)
        row["wal"] = position.identity(conn).wal
    return Reached(**row, timeline=identity.timeline)


def _has(replica: Identity, reached: Reached) -> bool:
    """A replica that has not followed its primary's promotion may have come far on another way."""
    return replica.timeline == reached.timeline and snapshot.position(replica.wal) >= snapshot.position(reached.wal)


def _late(replica: Identity, reached: Reached, within: float) -> errors.TooStale:
    behind = max(0, snapshot.position(reached.wal) - snapshot.position(replica.wal))
    sentence = f"{behind:,} bytes of its log are missing"
    if replica.timeline != reached.timeline:
        sentence = f"it is on timeline {replica.timeline}, the source on {reached.timeline}"
    return errors.TooStale(
        f"the replica did not replay within {within:g} s what the source had committed: {sentence}",
        hint="see pg_stat_replication on the source, allow more with --timeout, or leave --max-staleness out",
    )


def _check(replica: Identity, origin: Identity) -> None:
    """Raise `errors.ConfigError` where the two are not of one database."""
    for part, name in (("system_id", "cluster"), ("database_oid", "database")):
        here, there = getattr(replica, part), getattr(origin, part)
        if here != there:
            difference = f"{replica.database} is of {name} {here}, the source {origin.database} of {name} {there}"
            raise errors.ConfigError(f"{_URL} leads to no replica of this source: {difference}", hint=_LEAVE_OUT)


@contextmanager
def _asked_for(what: str) -> Iterator[None]:
    """The source is asked a question that the replica can't answer."""
    try:
        yield
    except (errors.SourceUnavailable, errors.AccessDenied) as error:
        message = f"{what[0].upper()}{what[1:]} only the source can say, which does not answer: {error.message}"
        raise type(error)(message, hint=error.hint) from error


@contextmanager
def named() -> Iterator[None]:
    """What goes wrong is said of `[read] url`, where the replica is read."""
    try:
        yield
    except (errors.SourceUnavailable, errors.AccessDenied) as error:
        hint = (error.hint or "").replace("[source] url", _URL).replace("NEAPTIDE_SOURCE__URL", "NEAPTIDE_READ__URL")
        raise type(error)(f"the replica: {error.message}", hint=hint or None) from error


def _is_known(source: Job, replica: Identity) -> bool:
    """Whether it was found to be a replica of this source before: then nobody asks the source, which may be away."""
    return notes.parsed(source.files.beside("replica")) == _note(source, replica)


def _remember(source: Job, replica: Identity) -> None:
    with suppress(OSError):
        path = source.files.beside("replica")
        path.parent.mkdir(parents=True, exist_ok=True)
        smallfile.write(path, json.dumps(_note(source, replica)), source.files.rights())


def _note(source: Job, replica: Identity) -> dict[str, object]:
    parts = {key: value for key, value in Source.of(source).parts().items() if "password" not in key}
    of = hashlib.blake2b(repr(sorted(parts.items())).encode(), digest_size=16).hexdigest()
    return {"source": of, "system_id": replica.system_id, "database_oid": replica.database_oid}
