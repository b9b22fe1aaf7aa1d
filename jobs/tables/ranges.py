"""Some rows of a table, named by their key or by a condition, in the SQL of both sides. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jobs import quoting
from jobs.tables import filters
from jobs.tables.table import Table

# Types of keys that both sides order alike, and spell so that the other can read it. Texts are compared byte by byte.
ORDERED = ("int2", "int4", "int8", "oid", "uuid", "date", "timestamp", "timestamptz", "text", "varchar")
# Of which the file has values that are out of DuckDB's reach in another form, where their column has such a rule.
_FAR = ("date", "timestamp", "timestamptz")
_TEXTS = ("text", "varchar")


@dataclass(frozen=True)
class Range:
    """Keys from `low` to `high`, both included unless `after`, which leaves `low` out; or the rows of `where`.

    `where` is PostgreSQL's SQL, and so says nothing of rows that only the file has.
    """

    where: str = ""
    low: str | None = None
    high: str | None = None
    after: bool = False

    @property
    def in_both(self) -> bool:
        """Whether the file can be asked for its rows of the range, too."""
        return not self.where

    def source(self, table: Table) -> str:
        """PostgreSQL's condition."""
        bounds = self._bounds(source_key(table)) if self.low is not None or self.high is not None else ""
        return filters.both(filters.where(self.where) if self.where else "", bounds)

    def file(self, table: Table) -> str:
        """DuckDB's condition."""
        [plan] = table.key_plans()
        ends = self
        if table.key_infos()[0].type.resolved.name in _FAR:
            low, high = (end and _before_christ(end) for end in (self.low, self.high))
            ends = replace(self, low=low, high=high)
        return ends._bounds(quoting.identifier(plan.name), f"::{plan.duckdb_type}") or "true"

    def _bounds(self, column: str, cast: str = "") -> str:
        low = (
            f"{column} {'>' if self.after else '>='} {quoting.literal(self.low)}{cast}" if self.low is not None else ""
        )
        high = f"{column} <= {quoting.literal(self.high)}{cast}" if self.high is not None else ""
        return filters.both(low, high)


def _before_christ(moment: str) -> str:
    """As DuckDB spells it: PostgreSQL's `BC` at the end it takes for nothing, and so for the year after Christ."""
    day, _, rest = moment.removesuffix(" BC").partition(" ")
    return f"{day} (BC) {rest}".strip() if moment.endswith(" BC") else moment


def is_ordered(table: Table) -> bool:
    """Whether keys of the table can be cut into ranges: one column, of a type that both sides order alike."""
    infos = table.key_infos()
    if len(infos) != 1 or infos[0].name in table.spec.mask:
        return False
    kind, [plan] = infos[0].type.resolved.name, table.key_plans()
    return kind in ORDERED and (kind not in _FAR or plan.duckdb_type.lower() == kind)


def source_key(table: Table) -> str:
    """PostgreSQL's expression for the key, in the order of the ranges."""
    [info] = table.key_infos()
    name = quoting.identifier(info.name)
    return f'{name}::text COLLATE "C"' if info.type.resolved.name in _TEXTS else name
