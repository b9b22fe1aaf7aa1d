"""Whose copy a file is: one source stands in `neaptide.file`, each of several by its name in `neaptide.sources`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.engine.session import DuckSession

IDENTITY = ("system_id", "timeline", "database_oid", "database")


def identity(file: DuckSession, about: Mapping[str, Any], source: str) -> tuple[dict[str, Any], str]:
    """Which database the source was when the file was last brought up to it, and how far its log had come.

    `about` is the row of `neaptide.file`. Empty where the file has nothing of this source.
    """
    known = _named(file, source) if source else about
    # A file that has never had anything of [source] says of its identity nothing.
    if known.get("system_id") is None:
        return {}, ""
    return {key: known[key] for key in IDENTITY}, known.get("wal") or ""


def write(file: DuckSession, source: str, values: Mapping[str, Any]) -> None:
    """Say which database a source is by now, and how far its log has come."""
    file.block("create_sources")
    file.block("forget_source", {"source": source})
    file.block("write_source", {"source": source, **values})


def _named(file: DuckSession, source: str) -> Mapping[str, Any]:
    if not file.has("neaptide.sources"):
        return {}
    return next(iter(file.block("read_source", {"source": source})), {})
