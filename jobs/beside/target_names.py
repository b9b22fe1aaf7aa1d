"""Which names and notes a target has: those of a file, or those of a lake."""

from __future__ import annotations

from app import config
from jobs.beside.names import Names
from jobs.sessions import Lease, OpenSessions


def of(
    settings: config.Settings, sessions: OpenSessions | None = None, lease: Lease | None = None, part: str = ""
) -> Names:
    """The target's names on this machine, and its notes; `part` is the source whose slot is meant."""
    target, lake = settings.target, settings.lake
    if lake is None:
        return Names(settings.target_path, target.mode, target.mode_bits, part)
    from jobs.beside.catalog import Catalog
    from jobs.beside.lake_names import LakeNames

    catalog = Catalog(lake, sessions, lease or Lease())
    return LakeNames(settings.target_path, target.mode, target.mode_bits, part, catalog)
