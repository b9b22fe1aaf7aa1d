"""What a table's triggers keep: its stamp, and the record of its deleted rows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# Bits of pg_trigger.tgtype (PostgreSQL's catalog/pg_trigger.h).
ROW, BEFORE, INSERT, DELETE, UPDATE, TRUNCATE = 1, 2, 4, 8, 16, 32
OURS = "neaptide"

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_BRANCHES = re.compile(r"\b(if|case|loop|while|for|foreach|exception)\b|\breturn\s+null\b", re.IGNORECASE)
_STAMPS = (
    r"(pg_catalog\.)?(((now|(clock|transaction|statement)_timestamp)\(\)|current_timestamp|localtimestamp)"
    r"(attimezone'utc')?|pg_current_xact_id\(\))"
)
_ONLY_STAMPS = re.compile(rf"begin(new\.\w+:?={_STAMPS};)+returnnew;end;?")
_ASSIGNED = re.compile(r"new\.(\w+):?=")


@dataclass(frozen=True)
class Trigger:
    """A trigger that fires for ordinary sessions; `version` changes when anybody touches it.

    `narrow` is one that fires only where an UPDATE names some columns (UPDATE OF).
    """

    name: str
    schema: str
    kind: int
    source: str
    version: str
    conditional: bool
    always: bool = False
    narrow: bool = False

    def fires(self, *events: int, before: bool, row: bool) -> bool:
        """Whether it fires at this moment for all of these events."""
        return (
            all(self.kind & event for event in events)
            and bool(self.kind & BEFORE) is before
            and bool(self.kind & ROW) is row
        )

    def assigns(self, column: str) -> bool:
        """Whether its function seems to assign this column of the row that is being written."""
        return re.search(rf"new\.{re.escape(_plain(column))}:?=", _plain(self.source)) is not None

    def keeps(self, column: str) -> bool:
        """Whether it stamps the column by the server's clock or transaction, for every row and whatever was sent.

        A function that branches may let some rows through with their old stamp, as a WHEN or an UPDATE OF does.
        """
        stamps = re.search(rf"new\.{re.escape(_plain(column))}:?={_STAMPS};", _plain(self.source))
        return stamps is not None and not self.conditional and not _BRANCHES.search(_COMMENTS.sub("", self.source))


def stamped(triggers: Iterable[Trigger], column: str) -> bool:
    """Whether these triggers together stamp every row that is inserted or updated."""
    return all(stamps(triggers, column, event) for event in (INSERT, UPDATE))


def stamps(triggers: Iterable[Trigger], column: str, event: int) -> bool:
    """Whether every row that is written by this event is stamped. They fire in the order of their names, listed so."""
    assigning = [
        trigger for trigger in triggers if trigger.assigns(column) and trigger.fires(event, before=True, row=True)
    ]
    # The last one has the last word.
    return bool(assigning) and assigning[-1].keeps(column)


def may_change(triggers: Iterable[Trigger], key: Iterable[str]) -> bool:
    """Whether somebody else's trigger may change the key of an UPDATE that does not name it.

    Only of one that does nothing but stamp other columns it is certain that it does not.
    """
    named = {_plain(column) for column in key}
    changing = [t for t in triggers if t.schema != OURS and t.fires(UPDATE, before=True, row=True)]
    return any(
        not _ONLY_STAMPS.fullmatch(_plain(t.source)) or named & set(_ASSIGNED.findall(_plain(t.source)))
        for t in changing
    )


def tombstoned(triggers: Iterable[Trigger], *, row_deletes: bool, key: Iterable[str]) -> bool:
    """Whether Neaptide's triggers record every deleted key, every changed key and every TRUNCATE."""
    triggers = list(triggers)
    ours = [trigger for trigger in triggers if trigger.schema == OURS]
    every_update = row_deletes or may_change(triggers, key)
    return (
        any(t.fires(DELETE, before=False, row=row_deletes) for t in ours)
        and any(t.fires(UPDATE, before=False, row=True) and not (t.narrow and every_update) for t in ours)
        and any(t.fires(TRUNCATE, before=False, row=False) for t in ours)
    )


@lru_cache(maxsize=1024)
def _plain(source: str) -> str:
    return "".join(_COMMENTS.sub("", source).lower().split()).replace('"', "")


def records(triggers: Iterable[Trigger], wanted: Iterable[str]) -> bool:
    """Whether each of Neaptide's row and delete triggers writes down the key by one of these expressions."""
    ours = [trigger for trigger in triggers if trigger.schema == OURS]
    writing = [t for t in ours if not t.kind & BEFORE and t.kind & (DELETE | UPDATE)]
    return all(any(key in trigger.source for key in wanted) for trigger in writing)
