"""Whether a server answers at all, found out without a login: the role's connections are left to the runs."""

from __future__ import annotations

import select
import time

from psycopg import pq


def answers(conninfo: str, seconds: float) -> bool:
    """Whether anything comes back within so many seconds; a refusal is an answer."""
    until = time.monotonic() + seconds
    pgconn = pq.PGconn.connect_start(conninfo.encode())
    try:
        wanted = pq.PollingStatus.WRITING
        while pgconn.status != pq.ConnStatus.BAD and wanted in (pq.PollingStatus.WRITING, pq.PollingStatus.READING):
            if not _ready(pgconn.socket, wanted, until - time.monotonic()):
                return False
            # What comes now asks for the password: it is left at that, which no server minds or logs.
            if pgconn.status == pq.ConnStatus.AWAITING_RESPONSE:
                break
            wanted = pq.PollingStatus(pgconn.connect_poll())
        return True
    finally:
        pgconn.finish()


def _ready(fd: int, wanted: pq.PollingStatus, seconds: float) -> bool:
    """Whether the socket can be read, or written to, within the time; poll(2) knows descriptors beyond 1024, too."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT if wanted == pq.PollingStatus.WRITING else select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))
