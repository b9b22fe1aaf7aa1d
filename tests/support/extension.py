"""DuckDB's extension for PostgreSQL: its signature takes 0.15 s to check, and tests run some thousand syncs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import duckdb


def checked_once(checked: bool = False) -> SimpleNamespace:
    """A `duckdb` for `jobs.target`: unless it was, the first session checks the signature of 41 MB, and no further."""
    before = [checked]

    def connect(database: str, config: dict[str, Any]) -> duckdb.DuckDBPyConnection:
        made = duckdb.connect(database, config={**config, "allow_unsigned_extensions": before[0]})
        before[0] = True
        return made

    return SimpleNamespace(**{**vars(duckdb), "connect": connect})
