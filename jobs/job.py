"""What every run needs to know: the settings, and the source's URL with `embedded:` already resolved."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from app import config, maskkey
from jobs.engine.session import DuckSession
from jobs.models import folder
from jobs.models.folder import Folder
from jobs.sessions import Keep
from jobs.source.connection import Source
from jobs.targets import targets
from jobs.targets.file import pauses, private
from jobs.targets.file.names import Names
from jobs.targets.file.publish import Publisher
from jobs.targets.file.target import FileTarget
from jobs.targets.target import Lease, Target


@dataclass(frozen=True)
class Job:
    """One source, one target, the tables between them. `url` may hold a password, so it is not shown.

    A process that runs often gives a `keep` for the sessions that may stay open between runs. `owner_url` is for what
    changes something on the source, where another role does that; `broker_url` is that of another broker.
    """

    settings: config.Settings
    url: str = field(repr=False)
    keep: Keep | None = field(default=None, repr=False, compare=False)
    owner_url: str = field(default="", repr=False)
    broker_url: str = field(default="", repr=False)
    lease: Lease = field(default_factory=Lease, repr=False, compare=False)

    @property
    def keep_open(self) -> Keep:
        """The sessions that stay open between runs; only of a job that was given some."""
        assert self.keep is not None
        return self.keep

    @property
    def source(self) -> Source:
        """The way to PostgreSQL."""
        settings, key = self.settings, self.settings.sync.mask_key
        pads = maskkey.pads(key.get_secret_value() if key else None)
        return Source(self.url, settings.source, self.keep, settings.sync.deadline, pads)

    @property
    def owner(self) -> Source:
        """The way there for what changes something: triggers that are installed, tombstones that are purged."""
        return Source(self.owner_url or self.url, self.settings.source, longest=self.settings.sync.deadline)

    @property
    def files(self) -> Names:
        """The target's names on disk."""
        return targets.names(self.settings, self.keep, self.lease)

    @property
    def target(self) -> Target:
        """What runs write to."""
        lake = self.settings.lake
        if lake is None:
            return FileTarget(self)
        from jobs.targets.lake.names import LakeNames
        from jobs.targets.lake.target import LakeTarget

        files = self.files
        assert isinstance(files, LakeNames)
        return LakeTarget(self, lake, files)

    def session(self, connection: duckdb.DuckDBPyConnection, room: Path | None) -> DuckSession:
        """A session of the kind that the target needs."""
        if self.settings.lake is None:
            return DuckSession(connection, room)
        from jobs.targets.lake.session import LakeSession

        return LakeSession(connection, room)

    @property
    def publisher(self) -> Publisher:
        """What changes the meaning of those names."""
        return Publisher(self.files)

    def room_to_spill(self) -> Path | None:
        """A new folder for what doesn't fit into memory; None where this user may make none."""
        return private.room_to_spill(self.files)

    @property
    def paused(self) -> frozenset[str]:
        """The tables that stay as they are published, by name in the config or the file."""
        return frozenset({*pauses.read(self.files), *(spec.name for spec in self.settings.tables if spec.paused)})

    @property
    def models(self) -> Folder:
        """The read models of the project, as their files say now."""
        return folder.found_in(self.settings.models_path)

    @property
    def load_workers(self) -> int:
        """How many sessions copy at once: one of the allowed connections is the run's own, and cores bound the rest."""
        return max(1, min(self.settings.source.max_connections - 1, os.cpu_count() or 1))
