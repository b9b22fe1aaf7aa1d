"""The sections of config.toml: every key with its type, its default and what goes together."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from app import lakes, s3
from app.config.values import EMBEDDED, AlertUrl, Duration, HookCommand, ModeBits, check_broker, check_url, listed

# Schemas that every DuckDB file has, and Neaptide's.
_TAKEN_NAMES = ("main", "temp", "system", "pg_catalog", "information_schema", "neaptide")
_SHORTEST_KEY = 16
_SOURCE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
# Spark's own least, in MiB.
_LEAST_OF_JAVA = 450
_SIZE = r"^\d+(\.\d+)?\s*[KMGT]i?B$"
SchemaRule = Literal["evolve", "fail"]
FeedName = Literal["watermark", "wal", "events"]


class Section(BaseModel):
    """Keys that aren't known are refused; nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Section):
    """The PostgreSQL that is read."""

    url: SecretStr = SecretStr("embedded:var/postgres")
    connect_timeout: Duration = timedelta(seconds=10)
    statement_timeout: Duration = timedelta(hours=1)
    lock_timeout: Duration = timedelta(seconds=5)
    max_connections: int = Field(default=4, ge=1, le=64)

    @model_validator(mode="after")
    def _url_is_known(self) -> Source:
        check_url(self.url.get_secret_value())
        return self


class NamedSource(Source):
    """One of several PostgreSQL databases, by the name that tables say."""

    name: str
    url: SecretStr

    @model_validator(mode="after")
    def _name_is_plain(self) -> NamedSource:
        if not _SOURCE_NAME.fullmatch(self.name):
            raise ValueError("name has a letter first, then letters, digits, - and _, up to 40")
        return self

    @property
    def variable(self) -> str:
        """What stands for the name in a variable of the environment."""
        return self.name.lower().replace("-", "_")


class Target(Section):
    """The reporting file: the name readers open, which is also what DuckDB calls it in queries.

    With a `url` it is a lake: a catalog in PostgreSQL, and Parquet files in `data`, a folder or `s3://bucket/prefix`.
    `retention` is how long a reader may go on with what was current when it began.
    """

    path: Path = Path("var/reporting.duckdb")
    url: SecretStr | None = None
    data: str | None = Field(default=None, min_length=1)
    retention: Duration = timedelta(days=7)
    mode: Literal["symlink", "pointer"] = "symlink"
    mode_bits: ModeBits | None = None
    memory_limit: str = Field(default="400MB", pattern=_SIZE)
    threads: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _name_is_free(self) -> Target:
        if self.path.stem.lower() in _TAKEN_NAMES:
            raise ValueError(f"path: DuckDB could not tell the file {self.path.name} from a schema: name it otherwise")
        return self

    @model_validator(mode="after")
    def _lake_is_whole(self) -> Target:
        if (self.url is None) != (self.data is None):
            raise ValueError("a lake has both a url, which is its catalog, and data, the place of its files")
        if self.url is not None:
            lakes.parts(self.url.get_secret_value())
        if self.data is not None and s3.is_one(self.data):
            s3.checked(self.data)
        elif ":/" in (self.data or ""):
            raise ValueError("data is a folder or s3://bucket/prefix: another kind of place is not supported")
        return self

    @property
    def is_lake(self) -> bool:
        """Whether it is a lake, and no file."""
        return self.url is not None


class Schedule(Section):
    """When the daemon runs."""

    every: Duration | None = None
    cron: str | None = None
    timezone: str = "UTC"
    wake_on_commit: bool = True
    min_interval: Duration = timedelta(milliseconds=100)

    @model_validator(mode="after")
    def _one_of_both(self) -> Schedule:
        if self.every is not None and self.cron is not None:
            raise ValueError("give either every or cron, not both")
        return self

    @model_validator(mode="after")
    def _can_be_kept(self) -> Schedule:
        """Read it as the daemon will, so that a mistake shows before it starts."""
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"there is no time zone {self.timezone!r}: write it like Europe/Berlin") from None
        if self.every is not None and self.every < timedelta(milliseconds=100):
            raise ValueError("every is less than 100ms")
        if self.cron is not None:
            from apscheduler.triggers.cron import CronTrigger

            try:
                CronTrigger.from_crontab(self.cron)
            except ValueError as error:
                raise ValueError(f"cron {self.cron!r} can't be read: {str(error).lower()}") from None
        return self

    @property
    def interval(self) -> timedelta:
        """`every`, or the default of 10 s where neither it nor `cron` is set."""
        return self.every or timedelta(seconds=10)


class Sync(Section):
    """How a run reads and writes."""

    margin: Duration = timedelta(seconds=60)
    deadline: Duration = timedelta(hours=2)
    keep_runs: int = Field(default=1000, ge=1)
    tombstone_retention: Duration = timedelta(days=7)
    history_retention: Duration | None = None
    on_schema_change: SchemaRule = "evolve"
    mask_key: SecretStr | None = None
    feed: FeedName = "watermark"
    dual: bool = False

    @model_validator(mode="after")
    def _key_is_long(self) -> Sync:
        if self.mask_key is not None and len(self.mask_key.get_secret_value()) < _SHORTEST_KEY:
            raise ValueError(f"mask_key is too short: at least {_SHORTEST_KEY} characters, else it can be guessed")
        return self


class Read(Section):
    """Where queries and reports are answered: from the reporting file, or on PostgreSQL itself.

    `url` is a read replica of the source; alone it means that mode, and with `mode = "file"` it is for `--live` only.
    """

    mode: Literal["file", "source"] = "file"
    url: SecretStr | None = None

    @model_validator(mode="after")
    def _url_is_known(self) -> Read:
        if self.url is not None:
            check_url(self.url.get_secret_value())
            if self.url.get_secret_value().startswith(EMBEDDED):
                raise ValueError("url: a replica is a server: write it like postgresql://user@host:5432/database")
        return self

    @property
    def on_source(self) -> bool:
        """Whether PostgreSQL answers where nobody asks for it."""
        return self.mode == "source" or (self.url is not None and "mode" not in self.model_fields_set)


class Events(Section):
    """How tables are followed that events tell of: every `sweep` they are looked through all the same.

    `broker` hands events on: `postgres` itself, NATS by a URL, or an embedded NATS, `embedded:PATH`. `projections` is a
    Python file, relative to the config, with functions that make tables of events.
    """

    broker: SecretStr = SecretStr("postgres")
    projections: Path | None = None
    sweep: Duration = timedelta(hours=1)

    @model_validator(mode="after")
    def _broker_is_known(self) -> Events:
        check_broker(self.broker.get_secret_value())
        return self


class Query(Section):
    """What one query of `sql`, `report` or the Python API may use."""

    timeout: Duration = timedelta(minutes=10)
    max_rows: int = Field(default=1_000_000, ge=1)
    memory_limit: str = Field(default="2GB", pattern=_SIZE)
    temp_limit: str = Field(default="20GB", pattern=_SIZE)


class Spark(Section):
    """The Spark that `report --engine spark` asks: a standalone cluster's master, or this machine alone.

    `memory` is that of each executor, `patience` how long the cluster may take until it has begun.
    """

    master: str = "local[*]"
    memory: str = Field(default="1GB", pattern=_SIZE)
    patience: Duration = timedelta(minutes=1)

    @model_validator(mode="after")
    def _master_is_known(self) -> Spark:
        if not re.fullmatch(r"local(\[(\d+|\*)\])?|spark://[^/,@\s]+:\d+(,[^/,@\s]+:\d+)*", self.master):
            raise ValueError("master: write it like spark://host:7077, or local[*] for this machine alone")
        if int(self.java_memory[:-1]) < _LEAST_OF_JAVA:
            raise ValueError(f"memory: an executor needs 450MiB, not {self.memory}")
        return self

    @property
    def java_memory(self) -> str:
        """`memory` as Java writes it."""
        return java_size(self.memory)


def java_size(size: str) -> str:
    """A size as Java's programs take it, in whole MiB."""
    number, unit = re.split(r"(?=[KMGT])", size.replace(" ", ""), maxsplit=1)
    base = 1024 if "i" in unit else 1000
    return f"{max(1, int(float(number) * base ** ('KMGT'.index(unit[0]) + 1) / 2**20))}m"


class Http(Section):
    """Where monitors may ask: off unless `listen` is set, and off the loopback only with a token."""

    listen: str | None = None
    token: SecretStr | None = None

    @model_validator(mode="after")
    def _guarded_off_the_loopback(self) -> Http:
        if self.listen is not None and not is_loopback(self.address[0]) and self.token is None:
            raise ValueError("listen is not on the loopback, so it needs a token: set NEAPTIDE_HTTP__TOKEN")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`. Raises `ValueError` for anything else than HOST:PORT."""
        host, colon, port = (self.listen or "").rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            raise ValueError("write listen like 127.0.0.1:8321")
        return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  what an empty host means; it needs a token


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, under a name or an address that leads nowhere else."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Hooks(Section):
    """Commands that are called with a run's JSON on stdin once it has published, from the folder of the config."""

    after_publish: list[HookCommand] = Field(default_factory=list)
    timeout: Duration = timedelta(minutes=1)

    @model_validator(mode="after")
    def _has_time(self) -> Hooks:
        if self.timeout < timedelta(milliseconds=100):
            raise ValueError("timeout is less than 100ms")
        return self


class Alerts(Section):
    """Who is told when something is wrong: webhooks, and services that Apprise knows."""

    urls: Annotated[list[AlertUrl], BeforeValidator(listed)] = Field(default_factory=list)


class Reports(Section):
    """The folder of the project's reports, relative to the config."""

    path: Path = Path("reports")


class Models(Section):
    """The folder of the project's read models, relative to the config."""

    path: Path = Path("models")


class Freshness(Section):
    """How old the reporting file may get before `status` and the health check complain."""

    warn: Duration | None = None
    fail: Duration | None = None
