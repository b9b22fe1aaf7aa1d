"""What every run needs to know: the settings, and the source's URL with `embedded:` already resolved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from app import config, errors, maskkey
from jobs.beside import private
from jobs.beside.names import Names
from jobs.engine.session import DuckSession
from jobs.models import folder
from jobs.models.folder import Folder
from jobs.plan import sources
from jobs.sessions import Lease, OpenSessions
from jobs.source.connection import Source
from jobs.targets import targets
from jobs.targets.file import pauses
from jobs.targets.file.publish import Publisher
from jobs.targets.file.target import FileTarget
from jobs.targets.target import Target


@dataclass(frozen=True)
class Job:
    """One source, one target, the tables between them. `url` may hold a password, so it is not shown.

    Of several sources each is a job of its own, with its name as `part`, among the `parts` of one that has no source
    itself; `whole` are the settings of all. `away` says why a source has no URL.
    A process that runs often gives `sessions` for those that may stay open between runs. `owner_url` is for what
    changes something on the source, where another role does that; `broker_url` is that of another broker.
    """

    settings: config.Settings
    url: str = field(repr=False)
    sessions: OpenSessions | None = field(default=None, repr=False, compare=False)
    owner_url: str = field(default="", repr=False)
    broker_url: str = field(default="", repr=False)
    lease: Lease = field(default_factory=Lease, repr=False, compare=False)
    part: str = ""
    parts: tuple[Job, ...] = ()
    whole: config.Settings | None = field(default=None, repr=False)
    away: errors.NeaptideError | None = field(default=None, repr=False, compare=False)

    @property
    def each(self) -> tuple[Job, ...]:
        """The jobs of one source each."""
        return self.parts or (self,)

    @property
    def called(self) -> str:
        """What its source is called in messages."""
        return f"source {self.part}" if self.part else "[source]"

    def named(self, error: errors.NeaptideError) -> errors.NeaptideError:
        """The error with the name of the source that it is of."""
        found = error.of(self.called)
        if self.part and found.hint:
            variable = f"NEAPTIDE_SOURCES__{self.part.replace('-', '_').upper()}__URL"
            found.hint = found.hint.replace("[source] url", f"the url of {self.called}")
            found.hint = found.hint.replace("NEAPTIDE_SOURCE__URL", variable)
        return found

    def meant(self, tables: Sequence[str]) -> list[tuple[Job, tuple[str, ...]]]:
        """The jobs of the sources that these tables are of, each with its own; without tables, all.

        Raises `errors.ConfigError` for a table that no entry of several sources means.
        """
        if not (self.parts and tables):
            return [(one, tuple(tables)) for one in self.each]
        asked = sources.allotted(tables, {one.part: one.settings for one in self.parts})
        return [(one, asked[one.part]) for one in self.parts if one.part in asked]

    @property
    def names(self) -> frozenset[str]:
        """The names of all sources that tables are copied from."""
        return frozenset(table.source or "" for table in (self.whole or self.settings).tables)

    def with_sessions(self, sessions: OpenSessions) -> Job:
        """The same, with sessions that stay open between its runs."""
        return replace(
            self, sessions=sessions, parts=tuple(replace(one, sessions=sessions.of(one.part)) for one in self.parts)
        )

    @property
    def open_sessions(self) -> OpenSessions:
        """The sessions that stay open between runs; only of a job that was given some."""
        assert self.sessions is not None
        return self.sessions

    @property
    def source(self) -> Source:
        """The way to PostgreSQL. Raises `errors.UsageError` where there are several."""
        self._check_reachable()
        settings, key = self.settings, self.settings.sync.mask_key
        pads = maskkey.pads(key.get_secret_value() if key else None)
        return Source(self.url, settings.source, self.sessions, settings.sync.deadline, pads)

    @property
    def owner(self) -> Source:
        """The way there for what changes something: triggers that are installed, tombstones that are purged."""
        self._check_reachable()
        return Source(self.owner_url or self.url, self.settings.source, longest=self.settings.sync.deadline)

    def _check_reachable(self) -> None:
        if self.parts:
            raise errors.UsageError(
                "that is for one source, and the config has several",
                hint="a config of its own, with one [source] and another [target] path, can do it",
            )
        if self.away is not None:
            raise self.away

    @property
    def files(self) -> Names:
        """The target's names on disk."""
        return targets.names(self.settings, self.sessions, self.lease)

    @property
    def target(self) -> Target:
        """What runs write to."""
        lake = self.settings.lake
        if lake is None:
            return FileTarget(self)
        from jobs.beside.lake_names import LakeNames
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
