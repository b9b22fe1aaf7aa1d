"""What all commands share: when it happened, and which aggregates it will ask for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from app.domain import ids
from app.ports import Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`at` is when it happened in the business, with its offset; it is kept where the table has a column for it."""

    at: datetime

    def __post_init__(self) -> None:
        ids.require_aware(self.at)
        for name in _id_fields(type(self)):
            ids.require_id(getattr(self, name), name)

    def collect_keys(self, keys: Keys) -> None:
        """Add the ids of the aggregates this command will read or write."""


_ID_FIELDS: dict[type, tuple[str, ...]] = {}


def _id_fields(command: type) -> tuple[str, ...]:
    """The fields that must hold a UUID, found once for each class; annotations are strings here."""
    if command not in _ID_FIELDS:
        _ID_FIELDS[command] = tuple(field.name for field in fields(command) if field.type == "UUID")
    return _ID_FIELDS[command]
