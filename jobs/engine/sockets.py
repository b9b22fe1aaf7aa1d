"""The way out when a server neither answers nor goes away: this process's own sockets to it are shut down.

DuckDB can't be interrupted while it waits for PostgreSQL (measured on 1.5.5: `interrupt()` is heeded only after the
next bytes), nor can libpq. A socket that is shut down wakes both at once, with an ordinary error.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path


def shut(peer: object) -> int:
    """Shut down every socket of this process whose other end is `peer`, as `peer_of` gives it; returns how many."""
    count = 0
    for one in _sockets():
        with closing(one), suppress(OSError):
            if one.getpeername() == peer:
                one.shutdown(socket.SHUT_RDWR)
                count += 1
    return count


def peer_of(fd: int) -> object:
    """The other end of a connected socket: address and port, or the path of a Unix socket."""
    with closing(socket.socket(fileno=os.dup(fd))) as one:
        return one.getpeername()


def _sockets() -> Iterator[socket.socket]:
    """A second handle on each socket of this process; the caller closes it."""
    for name in list(Path("/dev/fd").iterdir()):
        with suppress(OSError, ValueError):
            copy = os.dup(int(name.name))
            try:
                yield socket.socket(fileno=copy)
            except OSError:
                os.close(copy)
