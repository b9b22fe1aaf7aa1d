"""An advisory lock on a file that others can ask about without taking it, so that to look is never to be in the way.

On Linux it belongs to the open file description (fcntl(2), F_OFD_SETLK): unlike a plain record lock it keeps threads
of one process apart, and closing the file elsewhere does not drop it. Elsewhere it is flock(2): the BSDs and macOS keep
both kinds in one list, so that F_GETLK, which Linux answers for record locks only, shows it there, too.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys

_LINUX = sys.platform == "linux"
# struct flock; the BSDs and macOS put the range first.
_FLOCK = "hhqqi" if _LINUX else "qqihh"
_TYPE = 0 if _LINUX else 3


def try_take(fd: int) -> bool:
    """Take the lock if it is free; it is let go of when the file is closed, or its process dies."""
    try:
        if _LINUX:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _request())
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_taken(fd: int, *, by_writer: bool = False) -> bool:
    """Whether somebody else, perhaps in this process, holds a lock on the file, or one for writing. Takes nothing.

    Plain record locks of other processes are seen as well. Raises `OSError` where the file system can't say.
    """
    asked = _request(fcntl.F_RDLCK if by_writer else fcntl.F_WRLCK)
    found = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    return bool(found[_TYPE] != fcntl.F_UNLCK)


def _request(kind: int = fcntl.F_WRLCK) -> bytes:
    """The whole file, for writing unless told otherwise."""
    wanted = (kind, os.SEEK_SET, 0, 0, 0) if _LINUX else (0, 0, 0, kind, os.SEEK_SET)
    return struct.pack(_FLOCK, *wanted)
