"""What every run needs to know: the settings, and the source's URL with `embedded:` already resolved."""

from __future__ import annotations

from dataclasses import dataclass, field

from app import config
from jobs.files import Files
from jobs.source import Source


@dataclass(frozen=True)
class Job:
    """One source, one target, the tables between them. `url` may hold a password, so it is not shown."""

    settings: config.Settings
    url: str = field(repr=False)

    @property
    def source(self) -> Source:
        """The way to PostgreSQL."""
        return Source(self.url, self.settings.source)

    @property
    def files(self) -> Files:
        """The target's names on disk."""
        return Files(self.settings.target_path)
