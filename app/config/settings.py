"""The whole configuration."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, model_validator

from app import s3
from app.config import combined, several
from app.config.sections import (
    Alerts,
    Events,
    Freshness,
    Hooks,
    Http,
    Models,
    NamedSource,
    Query,
    Read,
    Reports,
    Schedule,
    Section,
    Source,
    Spark,
    Sync,
    Target,
)
from app.config.table import Table
from app.config.values import EMBEDDED
from app.lakes import Lake


class Settings(Section):
    """All sections; `base` is the folder that relative paths count from, which no file and no variable sets."""

    source: Source = Source()
    sources: list[NamedSource] = Field(default_factory=list)
    target: Target = Target()
    schedule: Schedule = Schedule()
    sync: Sync = Sync()
    events: Events = Events()
    query: Query = Query()
    read: Read = Read()
    spark: Spark = Spark()
    freshness: Freshness = Freshness()
    http: Http = Http()
    reports: Reports = Reports()
    hooks: Hooks = Hooks()
    alerts: Alerts = Alerts()
    models: Models = Models()
    exclude: list[str] = Field(default_factory=list)
    tables: list[Table] = Field(default_factory=list)
    base: Path = Field(default=Path(), exclude=True)

    @model_validator(mode="after")
    def _tables_fit(self) -> Settings:
        names = [(table.name, table.source) for table in self.tables]
        twice = sorted({name for name, source in names if names.count((name, source)) > 1})
        if twice:
            raise ValueError(f"tables: {twice[0]} stands there twice")
        hashed = [table.name for table in self.tables if "hash" in table.mask.values()]
        if hashed and self.sync.mask_key is None:
            raise ValueError(
                f"tables: {hashed[0]} has a mask by hash, which needs a secret: set NEAPTIDE_SYNC__MASK_KEY"
            )
        return self

    @model_validator(mode="after")
    def _sources_fit(self) -> Settings:
        several.check(self.sources, self.tables, has_default="source" in self.model_fields_set)
        return self

    @property
    def reads_log(self) -> bool:
        """Whether any table may have its changes from the write-ahead log."""
        return any(self.fed(table).watermark == "wal" for table in self.tables)

    def fed(self, table: Table) -> Table:
        """The entry with the mode "wal" where its own `feed` says so, or that of [sync] and no watermark is given."""
        given = table.feed or (None if "watermark" in table.model_fields_set else self.sync.feed)
        if given == "wal":
            return table.model_copy(update={"watermark": "wal"})
        return self._by_events(table)

    def _by_events(self, table: Table) -> Table:
        """The entry as one that events tell of, where [sync] says so; its watermark says then how it is swept."""
        if table.feed or self.sync.feed != "events" or table.watermark == "none":
            return table
        entry = table.model_copy(update={"feed": "events"})
        # It was not asked for by name: a table that can't be followed is copied whole instead.
        entry.model_fields_set.discard("feed")
        return entry

    @property
    def reads_events(self) -> bool:
        """Whether any table may have its changes from events."""
        return any(self.fed(table).feed == "events" for table in self.tables)

    @property
    def bundled(self) -> timedelta:
        """How long after the start of a run the next one begins at the earliest, when something was committed.

        The log tells of commits unasked, so that to look for the next ones costs nothing: a pause has to be asked for.
        """
        schedule = self.schedule
        at_once = self.reads_log and "min_interval" not in schedule.model_fields_set
        return timedelta(0) if at_once else schedule.min_interval

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        if self.sources:
            with_events = [name or "[source]" for name, part in self.parts.items() if part.reads_events]
            combined.check_sources(self.sync, self.read, self.events, with_events)
        if self.target.is_lake:
            combined.check_lake(self.sync, self.tables)
        combined.check_commits(self.sync, [self.fed(table) for table in self.tables])
        return self

    @property
    def parts(self) -> dict[str, Settings]:
        """What is copied from each source, by its name, which is empty for [source]; nothing of one without tables."""
        ways = {"": self.source, **{one.name: one for one in self.sources}}
        mine = {name: [table for table in self.tables if (table.source or "") == name] for name in ways}
        return {
            name: self.model_copy(update={"source": way, "tables": mine[name]})
            for name, way in ways.items()
            if mine[name]
        }

    @property
    def target_path(self) -> Path:
        """The reporting file's absolute path; of a lake the name that this machine's notes on it lie beside."""
        return self.file_path.with_suffix(".lake") if self.target.is_lake else self.file_path

    @property
    def lake(self) -> Lake | None:
        """The lake that is the target; None where that is a file."""
        url, data = self.target.url, self.target.data
        if url is None or data is None:
            return None
        place = s3.checked(data) if s3.is_one(data) else str((self.base / data).absolute())
        return Lake(url.get_secret_value(), place)

    @property
    def file_path(self) -> Path:
        """The absolute path of a reporting file, also where the target is a lake now."""
        return (self.base / self.target.path).absolute()

    @property
    def projections_path(self) -> Path | None:
        """The absolute path of the project's projections, if it has any."""
        path = self.events.projections
        return (self.base / path).absolute() if path is not None else None

    @property
    def broker_root(self) -> Path | None:
        """The folder of the embedded broker, or None where events are handed on by another."""
        url = self.events.broker.get_secret_value()
        return (self.base / url.removeprefix(EMBEDDED)).absolute() if url.startswith(EMBEDDED) else None

    @property
    def reports_path(self) -> Path:
        """The absolute path of the folder with the project's reports."""
        return (self.base / self.reports.path).absolute()

    @property
    def models_path(self) -> Path:
        """The absolute path of the folder with the project's read models."""
        return (self.base / self.models.path).absolute()

    @property
    def embedded_root(self) -> Path | None:
        """The folder of the embedded PostgreSQL, or None where the source is a server by URL."""
        url = self.source.url.get_secret_value()
        if not url.startswith(EMBEDDED):
            return None
        return (self.base / url.removeprefix(EMBEDDED)).absolute()
