"""What names mean within one SELECT: the columns of its tables, and the names that it gives itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.spark.tree import Node


@dataclass(frozen=True)
class Column:
    """A column that can be read: its Spark SQL, DuckDB's type, and the expression that it is where it is a constant."""

    name: str
    sql: str
    type: str
    constant: Node | None = None


@dataclass(frozen=True)
class Source:
    """A table of a FROM. `merged`: columns that a USING on its left side stands for."""

    alias: str
    columns: tuple[Column, ...]
    schema: str = ""
    merged: frozenset[str] = frozenset()

    def called(self, *names: str) -> bool:
        """Whether it is what these names before a column mean."""
        return names in ((self.alias,), (self.schema, self.alias))


@dataclass
class Scope:
    """The names of one SELECT. `given` are its own, in order; `outer` is the scope of the query around a subquery."""

    sources: list[Source] = field(default_factory=list)
    given: dict[str, Node] = field(default_factory=dict)
    outer: Scope | None = None

    def columns(self, *names: str) -> list[Column]:
        """The columns that a name may mean; more than one where it is ambiguous."""
        *before, name = (one.lower() for one in names)
        return [
            column
            for source in self.sources
            if (source.called(*before) if before else name not in source.merged)
            for column in source.columns
            if column.name == name
        ]

    def own(self, *names: str) -> Node | None:
        """The expression that the SELECT has given this name."""
        return self.given.get(names[0].lower()) if len(names) == 1 else None
