"""What is noted of a lake: what concerns it in its catalog, for all machines; what concerns a process, beside here."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app import errors
from jobs.beside import identity, notes
from jobs.beside.catalog import Catalog
from jobs.beside.names import Names
from jobs.beside.notes import Form

_SHARED = ("freshness", "paused", "backfill", "kept", identity.SLOT)


@dataclass(frozen=True)
class LakeNames(Names):
    """The names of this machine's notes, and the notes of all. There is no file of the link's name."""

    catalog: Catalog | None = None

    @property
    def shared(self) -> Catalog:
        """The catalog."""
        assert self.catalog is not None
        return self.catalog

    @property
    def is_there(self) -> bool:
        """Whether a run was ever finished: it noted so."""
        return bool(self.shared.read("freshness"))

    def version(self) -> tuple[int, int] | None:
        """What tells what readers get now from everything else."""
        newest = self.shared.version()
        return None if newest is None else (0, newest)

    def shared_id(self) -> str:
        """What names the lake on every machine."""
        return self.shared.identity()

    @property
    def slot(self) -> str:
        """The name of the lake's replication slot: whatever machine writes, it reads on where another one ended."""
        return identity.slot_of(self.shared_id(), self.part)

    @property
    def known_slot(self) -> str:
        """The same; empty where nobody has asked for it yet, or the catalog is away: `track` needs none for a table."""
        identifier = ""
        with suppress(errors.CatalogUnavailable):
            identifier = self.shared.read("id")
        return identity.slot_of(identifier, self.part) if identifier else ""

    def read(self, what: str, form: Form | None = None) -> dict[str, Any]:
        """What was noted, by whatever machine."""
        return notes.parsed(self.shared.read(what), form) if _is_shared(what) else super().read(what, form)

    def note(self, what: str, content: dict[str, Any]) -> None:
        """Keep this for all machines, or for this one."""
        if _is_shared(what):
            self.shared.write(what, json.dumps(content))
        else:
            super().note(what, content)

    def forget(self, what: str) -> None:
        """Keep it no longer."""
        if _is_shared(what):
            self.shared.forget(what)
        else:
            super().forget(what)

    def noted_parts(self) -> set[str]:
        """As of a file; the catalog has them."""
        return {name.partition(".")[2] for name in self.shared.noted(identity.SLOT)}


def _is_shared(what: str) -> bool:
    """Whether a note is for all machines; those of slots have the name of one of several sources behind it."""
    return what.partition(".")[0] in _SHARED
