"""Small files, each written whole; and read as what anybody may have written who may write to the folder.

No link is followed, nothing is waited for, what is read is bounded, and whatever can't be understood is taken as
nothing: the reporting file itself knows all of it, these files only save time.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LARGEST = 16 * 2**20
# The source's clock may go before this machine's. By more than this it is not one that anybody goes by.
_AHEAD = timedelta(days=1)
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def open_plain(path: Path, flags: int) -> int:
    """Open a regular file that has no other name. Raises `OSError`, also for a link and for anything else."""
    handle = os.open(path, flags | PLAIN, 0o600)
    status = os.fstat(handle)
    # It has none where another has taken its place by now.
    if stat.S_ISREG(status.st_mode) and status.st_nlink <= 1:
        return handle
    os.close(handle)
    raise OSError(f"{path} is no plain file")


def read(path: Path) -> str:
    """What a file says; empty where there is none, or nothing that is text."""
    with suppress(OSError, ValueError), os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file:
        return file.read(_LARGEST).decode()
    return ""


def passing(path: Path) -> Path:
    """Where the next content of a name is made ready."""
    return path.with_name(f".{path.name}.passing")


def write(path: Path, text: str, adopt: Callable[[int], object] = lambda _: None) -> None:
    """Give a file this content, by rename, so that readers see it whole; through no link, nor into another's file.

    It is for its owner alone, unless `adopt` gives the open file to others before anything is in it.
    """
    temporary = passing(path)
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN, 0o600)
    with os.fdopen(handle, "wb") as file:
        adopt(handle)
        file.write(text.encode())
    temporary.replace(path)


def parsed(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none, or none that can be read."""
    return parsed_text(read(path))


def parsed_text(text: str) -> dict[str, Any]:
    """The JSON object that a text is; empty where it is none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def moment(text: object) -> datetime:
    """A moment in UTC that may have been. Raises `ValueError` for anything else, one far in the future as well."""
    if not isinstance(text, str):
        raise ValueError("no text")
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None or not _FIRST <= instant.astimezone(UTC) <= datetime.now(UTC) + _AHEAD:
            raise ValueError("no moment that may have been")
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("no moment at all") from error
