"""What every feed hands on of one table: rows that are new or changed, and keys that are gone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Changes:
    """The changes of one table, in two tables of a session: new versions of rows, and keys that are gone."""

    changed: str
    gone: str
