"""The temporary tables that one table's part of a run makes, and frees at its end."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobs.engine.session import DuckSession
from jobs.feeds import changes


@dataclass
class Temps:
    """Those of one `label`, which no other table's have."""

    file: DuckSession
    label: str
    names: list[str] = field(default_factory=list)

    def make(self, what: str, query: str) -> str:
        """A table of what the query finds; returns its name."""
        name = self.named(what)
        changes.make(self.file, name, query)
        return name

    def defined(self, what: str, columns: str) -> str:
        """An empty table with these columns; returns its name."""
        name = self.named(what)
        self.file.execute(f"CREATE TEMP TABLE {changes.bare(name)} ({columns})")
        return name

    def named(self, what: str) -> str:
        """The name of one that is to be freed at the end."""
        name = f"temp.{what}_{self.label}"
        if name not in self.names:
            self.names.append(name)
        return name

    def drop(self) -> None:
        """Free them all."""
        for name in self.names:
            self.file.execute(f"DROP TABLE IF EXISTS {changes.bare(name)}")
        self.names.clear()
