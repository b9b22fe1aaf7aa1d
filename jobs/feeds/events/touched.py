"""What events tell: the keys of the rows that were written with them, by the table's name in the source."""

from __future__ import annotations

from dataclasses import dataclass, field

from psycopg import sql

from jobs.feeds.by_key import AT_ONCE, Key
from jobs.position import watermark
from jobs.position.watermark import Watermark
from jobs.source.connection import Connection
from jobs.tables.table import Table

FORMAT = 1
# More than this is found sooner by the watermark.
MANY = 40 * AT_ONCE


@dataclass
class Touched:
    """The keys by table; `whole` are tables of which something else is told than keys that can be read.

    `blind`: something is told that nobody here can read, so any table may be meant. `many`: too much is told.
    """

    keys: dict[str, set[Key]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    blind: bool = False
    many: bool = False

    def add(self, table: str | None, key: object) -> None:
        """Another key; without a table it is of an event that this version can't read."""
        if table is None:
            self.blind = True
        elif isinstance(key, list) and key and all(isinstance(value, str | int) for value in key):
            self.keys.setdefault(table, set()).add(tuple(map(str, key)))
        else:
            self.whole.add(table)

    def of(self, table: Table) -> set[Key] | None:
        """The keys of a table's rows; None where all of it has to be looked through."""
        keys = self.keys.get(table.source_name, set())
        if (
            self.blind
            or self.many
            or table.source_name in self.whole
            or any(len(key) != len(table.source_key) for key in keys)
        ):
            return None
        return keys


# The keys of one event stand in one value, so that a million events cost no more than what they tell.
_KEYS = """
SELECT DISTINCT CASE WHEN o.format = {format} THEN t.key END AS table_name, k.value AS key
FROM neaptide.outbox AS o
CROSS JOIN LATERAL jsonb_each(CASE WHEN o.format = {format} THEN o.keys ELSE '{{"": null}}' END) AS t
LEFT JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(t.value) = 'array' THEN t.value END) AS k ON true
WHERE {since} AND (jsonb_typeof(t.value) <> 'array' OR k.value IS NOT NULL)
LIMIT {many}
"""


def of_outbox(conn: Connection, since: sql.Composable) -> Touched:
    """What the events tell that this condition picks, in the open snapshot."""
    many = sql.Literal(MANY + 1)
    query = sql.SQL(_KEYS).format(format=sql.Literal(FORMAT), since=since, many=many)
    touched = Touched()
    rows = conn.execute(query).fetchall()
    for row in rows:
        touched.add(row["table_name"], row["key"])
    touched.many = len(rows) > MANY
    return touched


def recorded_since(seen: Watermark) -> sql.Composable:
    """The condition for the events that the watermark's snapshot did not see."""
    return watermark.recorded_since("xid", seen)


def swept(table: str, keys: Touched | None = None) -> str:
    """The warning for a table that is looked through: of what was told, not all can be read, or there is too much."""
    if keys is not None and keys.many and not keys.blind and table not in keys.whole:
        return f"events tell of more rows than are read by key, so {table} is swept by watermark instead"
    return (
        f"an event tells of {table} in a way that can't be read: swept by watermark instead; see what writes"
        " neaptide.outbox"
    )
