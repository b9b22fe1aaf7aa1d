"""Which tables an operator has paused: a small file beside the target names them, each with the moment since when."""

from __future__ import annotations

from collections.abc import Mapping

from jobs import disk
from jobs.beside import notes
from jobs.beside.names import Names


def read(files: Names) -> dict[str, str]:
    """The paused tables, by their names in the config or the file, each with the moment since when."""
    tables: dict[str, str] = files.read("paused", notes.Paused).get("tables", {})
    return tables


@disk.translated()
def write(files: Names, tables: Mapping[str, str]) -> None:
    """Say which tables are paused from now on."""
    files.link.parent.mkdir(parents=True, exist_ok=True)
    if tables:
        files.note("paused", {"tables": dict(tables)})
    else:
        files.forget("paused")
