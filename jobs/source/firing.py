"""What fires when rows of a table are written: its triggers, and those of its partitions, read from the catalogue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app import statements
from jobs import quoting
from jobs.source import together
from jobs.source.connection import Connection
from jobs.tables.triggers import Function, Leaf, Trigger

Row = dict[str, Any]


@dataclass(frozen=True)
class Firing:
    """What is known of some tables, by their oids.

    `parts` are the states of all partitions and children; `elsewhere` names one whose rows another server holds.
    """

    triggers: dict[int, list[Trigger]] = field(default_factory=dict)
    leaves: dict[int, tuple[Leaf, ...]] = field(default_factory=dict)
    parts: dict[int, list[str]] = field(default_factory=dict)
    elsewhere: dict[int, str] = field(default_factory=dict)


def read(conn: Connection, relids: Sequence[int]) -> Firing:
    """One round trip, and one more where there are partitions, however many tables there are."""
    rows, fired = together.ask(conn, ("partitions", "triggers"), {"relids": list(relids)})
    named = {
        row["relid"]: {int(relid): quoting.join_name(*name) for relid, name in (row["examples"] or {}).items()}
        for row in rows
    }
    examples = {relid for leaves in named.values() for relid in leaves}
    triggers = _triggers(fired)
    more = sorted(examples.difference(relids))
    if more:
        triggers |= _triggers(conn.execute(statements.get("catalogue", "triggers"), {"relids": more}))
    return Firing(
        triggers,
        {
            root: tuple(Leaf(name, tuple(triggers.get(relid, ()))) for relid, name in sorted(leaves.items()))
            for root, leaves in named.items()
        },
        {row["relid"]: row["states"] for row in rows},
        {row["relid"]: row["elsewhere"] for row in rows if row["elsewhere"]},
    )


def _triggers(rows: Iterable[Row]) -> dict[int, list[Trigger]]:
    triggers: dict[int, list[Trigger]] = defaultdict(list)
    for row in rows:
        triggers[row["relid"]].append(_trigger(row))
    return triggers


def _trigger(row: Row) -> Trigger:
    settings = frozenset(setting.lower() for setting in row["settings"] or ())
    function = Function(row["schema"], row["function"], row["source"], row["language"], row["definer"], settings)
    return Trigger(
        row["name"], row["kind"], function, row["version"], row["enabled"], row["conditional"], row["old_table"],
        row["cloned"],
    )  # fmt: skip
