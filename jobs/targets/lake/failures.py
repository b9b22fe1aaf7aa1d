"""What goes wrong with a lake, told as ours: its catalog is a PostgreSQL, too, and is not the source."""

from __future__ import annotations

import duckdb

from app import errors, lakes, redaction
from jobs.beside.catalog import AWAY_HINT
from jobs.engine import failures

# DuckLake's own words around what its catalog's server said.
_CATALOG = ("DuckLake", "ducklake")
_CONFLICT = ("Transaction conflict", "conflict")
_AWAY = (
    "Unable to connect", "connection to server", "terminating connection", "server closed the connection",
    "no connection to the server", "Connection refused", "starting up", "shutting down",
    "SSL connection has been closed",
)  # fmt: skip


def translate(error: duckdb.Error) -> errors.NeaptideError:
    """The error of ours for one of DuckDB's in a session that a lake is attached to."""
    text = str(error).strip()
    first = redaction.bare(text.split("\n")[0])
    if found := lakes.failure(error):
        return found
    if "Failed to commit" in text and not any(sign in text for sign in _CONFLICT):
        told = f"the lake's catalog went away while a run was committed: {first}"
        return errors.CatalogUnavailable(told, hint="the next run goes on from whatever is there")
    if not any(sign in text for sign in (*_CATALOG, "Failed to commit")):
        return _of_files(error, text, first)
    if any(sign in text for sign in _AWAY):
        return errors.CatalogUnavailable(f"the lake's catalog can't be reached: {first}", hint=AWAY_HINT)
    if any(sign in text for sign in _CONFLICT):
        return errors.LockHeld(f"somebody else has written to the lake meanwhile: this run is given up ({first})")
    return errors.TargetUnusable(f"the lake: {first}")


def _of_files(error: duckdb.Error, text: str, first: str) -> errors.NeaptideError:
    if "Cannot open file" in text or "HTTP 404" in text or ("No such file" in text and "parquet" in text):
        hint = "is what [target] data names there, whole, and can this user read it?"
        return errors.TargetUnusable(f"a file of the lake can't be read: {first}", hint=hint)
    return failures.translate(error)
