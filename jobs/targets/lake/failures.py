"""What goes wrong with a lake, told as ours: its catalog is a PostgreSQL, too, and is not the source."""

from __future__ import annotations

import re

import duckdb

from app import errors, lakes, redaction
from jobs.engine import failures

# DuckLake's own words around what its catalog's server said.
_CATALOG = ("DuckLake", "ducklake")
_CONFLICT = ("Transaction conflict", "conflict")
# What its server answers to whoever may not write there: it is there then, and nothing was committed.
_REFUSED = re.compile(r"ERROR:\s+((?:permission denied|must be owner|cannot execute).*)")
_MAY_WRITE = "whoever syncs writes to that database's tables: give [target] url a user who may"
_AWAY = (
    "Unable to connect", "connection to server", "terminating connection", "server closed the connection",
    "no connection to the server", "Connection refused", "starting up", "shutting down",
    "SSL connection has been closed",
)  # fmt: skip


def translate(error: duckdb.Error) -> errors.NeaptideError:
    """The error of ours for one of DuckDB's in a session that a lake is attached to."""
    text = str(error).strip()
    first = text.split("\n")[0]
    if ours := lakes.failure(error):
        return ours
    is_commit, is_away = "Failed to commit" in text, any(sign in text for sign in _AWAY)
    if not is_commit and not any(sign in text for sign in _CATALOG):
        return failures.translate(error)
    if any(sign in text for sign in _CONFLICT):
        message = f"somebody else has written to the lake meanwhile: this run is given up ({redaction.bare(first)})"
        return errors.LockHeld(message)
    if not is_away and (refused := _REFUSED.search(text)):
        return errors.TargetUnusable(f"the lake's catalog refused: {redaction.bare(refused[1])}", hint=_MAY_WRITE)
    if is_commit:
        message = f"the lake's catalog went away while a run was committed: {redaction.bare(first)}"
        return errors.CatalogUnavailable(message, hint="the next run goes on from whatever is there")
    return lakes.away(first) if is_away else errors.TargetUnusable(f"the lake: {redaction.bare(first)}")
