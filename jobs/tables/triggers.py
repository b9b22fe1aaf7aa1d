"""What the triggers of a table, or of one of its partitions, do to a stamp and to a key. Pure.

A function is trusted for what is understood of it, and for nothing else: one that can't be read, or that asks what its
writer's session has set, stamps nothing; one that fires after a stamp and can't be read may take it back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from jobs.position.watermark import Stamp
from jobs.tables import bodies

# Bits of pg_trigger.tgtype (PostgreSQL's catalog/pg_trigger.h).
ROW, BEFORE, INSERT, DELETE, UPDATE, TRUNCATE = 1, 2, 4, 8, 16, 32
# pg_trigger.tgenabled: in ordinary sessions, in all, or only where replication applies changes.
ORIGIN, ALWAYS, REPLICA = "O", "A", "R"
OURS = "neaptide"
# What the names of our own functions begin with; `jobs.tables.capture` makes them.
ROW_FUNCTION, GONE_FUNCTION, EMPTIED_FUNCTION = "row_", "gone_", "emptied_"

_BUILT_IN = "pg_catalog"
# PostgreSQL's own trigger functions that leave stamps and keys alone.
_HARMLESS = ("suppress_redundant_updates_trigger", "tsvector_update_trigger", "tsvector_update_trigger_column")
_CLOCK = (
    r"(?:(?P<keyword>current_timestamp)"
    r"|(?P<path>pg_catalog \. )?(?:now|(?:clock|transaction|statement)_timestamp) \( \))"
)
_STAMPS = {
    "zoned": re.compile(_CLOCK),
    # PostgreSQL 18 looks for the name of a zone among the abbreviations of the session's first.
    "unzoned": re.compile(rf"\(? ?{_CLOCK} ?\)?( at time zone 'utc')?", re.IGNORECASE),
    "xid": re.compile(r"(?P<path>pg_catalog \. )?pg_current_xact_id \( \)"),
}


class Fault(Enum):
    """Why triggers don't keep what they should; `{name}` is the trigger's, `{column}` the stamp's."""

    MISSING = "no trigger of {table} stamps {column} on INSERT and UPDATE"
    NOT_ALWAYS = (
        "the trigger {name} of {table}, which stamps {column}, is not ENABLE ALWAYS: sessions that replicate write past"
        " it"
    )
    UNCERTAIN = (
        "the trigger {name} of {table} is not certain to stamp {column}: it does more than that, or its value hangs on"
        " what the writer's session has set, its search_path or time zone"
    )
    TAKEN_BACK = "the trigger {name} of {table} fires after {column} was stamped, and may change it"


@dataclass(frozen=True)
class Function:
    """A trigger's function. `settings` are those that it sets for itself, as `name=value` in lower case."""

    schema: str
    name: str
    source: str
    language: str = "plpgsql"
    definer: bool = False
    settings: frozenset[str] = frozenset()

    def setting(self, name: str) -> str | None:
        """The value that the function sets for itself, in lower case."""
        pairs = (setting.partition("=") for setting in self.settings)
        return next((value for key, _, value in pairs if key == name), None)

    @property
    def sees_its_own_names(self) -> bool:
        """Whether its names mean the same in every session: PostgreSQL's own come first in its search_path."""
        path = self.setting("search_path")
        if path is None:
            return False
        schemas = [schema.strip().strip('"') for schema in path.split(",")]
        return _BUILT_IN not in schemas or schemas[0] == _BUILT_IN


@dataclass(frozen=True)
class Trigger:
    """A trigger that fires in some session at least; `version` changes when anybody touches it or its function.

    `conditional` is one with a WHEN or with UPDATE OF. `cloned` came with the table that this one is a partition of.
    """

    name: str
    kind: int
    function: Function
    version: str = ""
    enabled: str = ALWAYS
    conditional: bool = False
    old_table: str | None = None
    cloned: bool = False

    @property
    def ours(self) -> bool:
        """Whether it is one of Neaptide's, of whatever version."""
        return self.function.schema == OURS

    @property
    def current(self) -> bool:
        """Whether it is one of Neaptide's as `track` makes them now."""
        return self.ours and self.function.name.startswith((ROW_FUNCTION, GONE_FUNCTION, EMPTIED_FUNCTION))

    def fires(self, *events: int, before: bool, row: bool) -> bool:
        """Whether it fires at this moment for all of these events."""
        return (
            all(self.kind & event for event in events)
            and bool(self.kind & BEFORE) is before
            and bool(self.kind & ROW) is row
        )

    def mentions(self, column: str) -> bool:
        """Whether its function may have to do with this column."""
        return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", self.function.source, re.IGNORECASE) is not None

    def _assignments(self) -> tuple[bodies.Assignment, ...] | None:
        return bodies.assignments(self.function.source) if self.function.language == "plpgsql" else None

    def keeps(self, stamp: Stamp) -> bool:
        """Whether its function gives the column the server's clock, or transaction, whatever the session has set."""
        match = self._value(stamp)
        if match is None or (stamp.unzoned and self.function.setting("timezone") != "utc"):
            return False
        return any(match.groupdict().values()) or self.function.sees_its_own_names

    def means(self, stamp: Stamp) -> bool:
        """Whether it is meant to: a session that has set something unusual may still get another value."""
        return not self.conditional and (self.current or self._value(stamp) is not None)

    def _value(self, stamp: Stamp) -> re.Match[str] | None:
        values = [value for name, value in self._assignments() or () if name == stamp.column]
        kind = "xid" if stamp.by_xid else "unzoned" if stamp.unzoned else "zoned"
        return _STAMPS[kind].fullmatch(values[-1]) if values else None

    def leaves(self, columns: Collection[str]) -> bool:
        """Whether it is certain that it leaves these columns of the row alone, or stamps them as we do."""
        if self.ours:
            return self.current
        if self.function.schema == _BUILT_IN:
            return self.function.name in _HARMLESS
        assignments = self._assignments()
        return assignments is not None and not {name for name, _ in assignments} & set(columns)


@dataclass(frozen=True)
class Leaf:
    """A partition that holds rows, one for each set of triggers that is found on any; `name` is the source's."""

    name: str
    triggers: tuple[Trigger, ...]


def in_order(triggers: Iterable[Trigger]) -> list[Trigger]:
    """As PostgreSQL fires them: by the bytes of their names."""
    return sorted(triggers, key=lambda trigger: trigger.name.encode())


def fault(
    triggers: Iterable[Trigger], stamp: Stamp, event: int, trusted: Collection[Function] = ()
) -> tuple[Fault, str] | None:
    """Why not every row that is written by this event gets its stamp, and by which trigger; None where each does.

    `trusted` are the functions of our own that stamp this column.
    """
    firing = [trigger for trigger in in_order(triggers) if trigger.fires(event, before=True, row=True)]
    worst = Fault.MISSING, ""
    # The last one has the last word.
    while firing:
        trigger = firing.pop()
        if trigger.function in trusted or trigger.keeps(stamp):
            if trigger.enabled == ALWAYS and not trigger.conditional:
                return None
            if trigger.enabled != ALWAYS:
                worst = Fault.NOT_ALWAYS, trigger.name
        elif not trigger.leaves([stamp.column]):
            before = any(other.function in trusted or other.means(stamp) for other in firing)
            return (Fault.TAKEN_BACK, trigger.name) if before else _unread(trigger, stamp)
    return worst


def _unread(trigger: Trigger, stamp: Stamp) -> tuple[Fault, str]:
    """What to say of a trigger that may write the stamp, but isn't known to keep it."""
    return (Fault.UNCERTAIN, trigger.name) if trigger.mentions(stamp.column) else (Fault.MISSING, "")


def meant(triggers: Iterable[Trigger], stamp: Stamp, event: int) -> bool:
    """Whether somebody means to stamp every row that is written by this event."""
    firing = [trigger for trigger in in_order(triggers) if trigger.fires(event, before=True, row=True)]
    assigning = [trigger for trigger in firing if trigger.mentions(stamp.column)]
    return bool(assigning) and assigning[-1].means(stamp)


def later(triggers: Iterable[Trigger], name: str, event: int, columns: Collection[str]) -> Trigger | None:
    """The first trigger that fires after the one of this name before a row is written, and may change the columns."""
    after = [trigger for trigger in in_order(triggers) if trigger.name.encode() > name.encode()]
    firing = (trigger for trigger in after if trigger.fires(event, before=True, row=True))
    return next((trigger for trigger in firing if not trigger.leaves(columns)), None)
