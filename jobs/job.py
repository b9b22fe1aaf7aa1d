"""What every run needs to know: the settings, and the source's URL with `embedded:` already resolved."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from app import config, errors
from jobs.beside import paused, target_names
from jobs.beside.names import Names
from jobs.sessions import Lease, OpenSessions


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
        renamed = error.of(self.called)
        if self.part and renamed.hint:
            renamed.hint = renamed.hint.replace("[source] url", f"the url of {self.called}")
            renamed.hint = renamed.hint.replace("NEAPTIDE_SOURCE__URL", config.variable(self.part))
        return renamed

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

    def check_reachable(self) -> None:
        """Raise `errors.UsageError` where there are several sources, and what is wrong with one that has no URL."""
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
        return target_names.of(self.settings, self.sessions, self.lease, self.part)

    @property
    def known_slots(self) -> frozenset[str]:
        """The names of the target's replication slots, whichever of its sources they are of."""
        files = self.files
        return frozenset({replace(files, part=name).known_slot for name in self.names} - {""})

    @property
    def paused(self) -> frozenset[str]:
        """The tables that stay as they are published, by name in the config or the file."""
        return frozenset({*paused.read(self.files), *(spec.name for spec in self.settings.tables if spec.paused)})

    @property
    def load_workers(self) -> int:
        """How many sessions copy at once: one of the allowed connections is the run's own, and cores bound the rest."""
        return max(1, min(self.settings.source.max_connections - 1, os.cpu_count() or 1))
