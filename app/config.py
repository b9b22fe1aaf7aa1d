"""config.toml, typed: read once, checked once, the environment over the file.

`NEAPTIDE_SOURCE__URL` overrides `[source] url`, and so on for every key. Unknown keys are refused. Relative paths
count from the folder of the config file.
"""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app import errors

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
EMBEDDED = "embedded:"
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
# Schemas that every DuckDB file has, and Neaptide's.
_TAKEN_NAMES = ("main", "temp", "system", "pg_catalog", "information_schema", "neaptide")


def duration(value: Any) -> Any:
    """`"10s"`, `"1m30s"`, `"250ms"`, `"2h"`, `"7d"` to a timedelta; anything else is refused."""
    if isinstance(value, timedelta):
        return value
    text = str(value).replace(" ", "")
    parts = _DURATION.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise ValueError(f"{value!r} is not a duration: write it like 250ms, 10s, 1m30s, 2h or 7d")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def check_url(url: str) -> None:
    """Raise `ValueError`, never showing a password, unless `url` is `embedded:PATH` or a PostgreSQL URL."""
    if url.startswith(EMBEDDED):
        if not url.removeprefix(EMBEDDED):
            raise ValueError("the url names no folder: write it like embedded:var/postgres")
        return
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  reading it is the check
    except ValueError as error:
        raise ValueError(f"the url is malformed: {_without_values(error)}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("the url must begin with postgresql:// or embedded:")
    if not parts.netloc and not parts.query:
        raise ValueError("the url names no server: write it like postgresql://user@host:5432/database")


def _without_values(error: ValueError) -> str:
    """urlsplit quotes the port it can't read, which may be a piece of a password with a slash or an @ in it."""
    return "the port is not a number; a password needs %-escapes for / @ : # ?" if "ort" in str(error) else "bad host"


Duration = Annotated[timedelta, BeforeValidator(duration)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Section):
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


class Target(_Section):
    """The reporting file: the name readers open, which is also what DuckDB calls it in queries."""

    path: Path = Path("var/reporting.duckdb")
    mode: Literal["symlink", "pointer"] = "symlink"
    memory_limit: str = Field(default="400MB", pattern=r"^\d+(\.\d+)?\s*[KMGT]i?B$")
    threads: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _name_is_free(self) -> Target:
        if self.path.stem.lower() in _TAKEN_NAMES:
            raise ValueError(f"path: DuckDB could not tell the file {self.path.name} from a schema: name it otherwise")
        return self


class Schedule(_Section):
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

            CronTrigger.from_crontab(self.cron)
        return self

    @property
    def interval(self) -> timedelta:
        """`every`, or the default of 10 s where neither it nor `cron` is set."""
        return self.every or timedelta(seconds=10)


SchemaRule = Literal["evolve", "fail"]


class Sync(_Section):
    """How a run reads and writes."""

    margin: Duration = timedelta(seconds=60)
    deadline: Duration = timedelta(hours=2)
    keep_runs: int = Field(default=1000, ge=1)
    tombstone_retention: Duration = timedelta(days=7)
    on_schema_change: SchemaRule = "evolve"
    mask_key: SecretStr | None = None

    @model_validator(mode="after")
    def _key_is_long(self) -> Sync:
        if self.mask_key is not None and len(self.mask_key.get_secret_value()) < _SHORTEST_KEY:
            raise ValueError(f"mask_key is too short: at least {_SHORTEST_KEY} characters, else it can be guessed")
        return self


class Http(_Section):
    """Where monitors may ask: off unless `listen` is set, and off the loopback only with a token."""

    listen: str | None = None
    token: SecretStr | None = None

    @model_validator(mode="after")
    def _guarded_off_the_loopback(self) -> Http:
        if self.listen is not None and self.token is None and not _is_loopback(self.address[0]):
            raise ValueError("listen is not on the loopback, so it needs a token: set NEAPTIDE_HTTP__TOKEN")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`. Raises `ValueError` for anything else than HOST:PORT."""
        host, colon, port = (self.listen or "").rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            raise ValueError("write listen like 127.0.0.1:8321")
        return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  what an empty host means; it needs a token


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Freshness(_Section):
    """How old the reporting file may get before `status` and the health check complain."""

    warn: Duration | None = None
    fail: Duration | None = None


ValueRule = Literal["text", "null", "fail"]


Mask = Literal["hash", "null", "redact", "partial"]
NumberRule = Literal["double", "decimal"]
_SHORTEST_KEY = 16


class Table(_Section):
    """One table, or a pattern like `shop.*`, and how it is copied.

    `columns` are the ones to copy, `exclude_columns` the ones not to; `where` picks rows, in PostgreSQL's SQL. `rename`
    is the table's name in the file, `other.*` for a pattern. `watermark` where none is given falls back to "none" for
    what has no key. `index` is what `track` puts on the stamp: from PostgreSQL 16 on a BRIN leaves updates HOT.
    """

    name: str
    watermark: Literal["updated_at", "xid", "none"] = "updated_at"
    deletes: Literal["tombstone", "compare", "soft", "ignore"] = "tombstone"
    key: list[str] | None = Field(default=None, min_length=1)
    stamp: str | None = None
    index: Literal["btree", "brin", "none"] = "btree"
    soft_column: str | None = None
    max_delete_share: float = Field(default=0.5, gt=0, le=1)
    exclude: list[str] = []
    columns: list[str] | None = Field(default=None, min_length=1)
    exclude_columns: list[str] = []
    where: str | None = Field(default=None, min_length=1)
    rename: str | None = None
    rename_columns: dict[str, str] = {}
    mask: dict[str, Mask] = {}
    on_value: ValueRule | None = None
    rules: dict[str, ValueRule | NumberRule] = {}
    on_schema_change: SchemaRule | None = None

    @property
    def is_pattern(self) -> bool:
        """Whether the name has a `*` outside of quotes."""
        return "*" in _QUOTED.sub("", self.name)

    @model_validator(mode="after")
    def _soft_needs_a_column(self) -> Table:
        if (self.deletes == "soft") != (self.soft_column is not None):
            raise ValueError('deletes = "soft" and soft_column go together')
        return self

    @model_validator(mode="after")
    def _an_xid_has_no_brin(self) -> Table:
        if self.index == "brin" and self.watermark == "xid":
            raise ValueError('PostgreSQL has no BRIN index for xid8: index = "brin" goes with watermark = "updated_at"')
        return self

    @model_validator(mode="after")
    def _keys_fit_together(self) -> Table:
        if self.columns is not None and self.exclude_columns:
            raise ValueError("give either columns or exclude_columns, not both")
        both = sorted(set(self.mask) & set(self.rules))
        if both:
            raise ValueError(f"{both[0]} has a mask, which leaves nothing for a rule: remove one of them")
        if self.exclude and not self.is_pattern:
            raise ValueError("exclude is for a pattern like shop.*")
        if self.rename and self.is_pattern != self.rename.endswith(".*"):
            raise ValueError('a pattern is renamed to another schema, "other.*", and a table to a table')
        return self


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="NEAPTIDE_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    source: Source = Source()
    target: Target = Target()
    schedule: Schedule = Schedule()
    sync: Sync = Sync()
    freshness: Freshness = Freshness()
    http: Http = Http()
    exclude: list[str] = []
    tables: list[Table] = []
    base: Path = Field(default=Path(), exclude=True)

    @model_validator(mode="after")
    def _tables_fit(self) -> Settings:
        names = [table.name for table in self.tables]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"tables: {twice[0]} stands there twice")
        hashed = [table.name for table in self.tables if "hash" in table.mask.values()]
        if hashed and self.sync.mask_key is None:
            raise ValueError(
                f"tables: {hashed[0]} has a mask by hash, which needs a secret: set NEAPTIDE_SYNC__MASK_KEY"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings

    @property
    def target_path(self) -> Path:
        """The reporting file's absolute path."""
        return (self.base / self.target.path).absolute()

    @property
    def embedded_root(self) -> Path | None:
        """The folder of the embedded PostgreSQL, or None where the source is a server by URL."""
        url = self.source.url.get_secret_value()
        if not url.startswith(EMBEDDED):
            return None
        return (self.base / url.removeprefix(EMBEDDED)).absolute()


def load(path: Path) -> Settings:
    """Read and check the config file. Raises `errors.ConfigError` naming file, key and what is wrong with it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise errors.ConfigError(
            f"{path} does not exist", hint="run `neaptide init --url …`, or name a file with --config"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise errors.ConfigError(f"{path} can't be read: {error}") from error
    if "base" in content:
        raise errors.ConfigError(f"{path}: base: unknown key")
    try:
        return Settings(**content, base=path.absolute().parent)
    except ValidationError as error:
        _refuse(path, error)


def _refuse(path: Path, error: ValidationError) -> NoReturn:
    lines = [f"{path}: {_place(item['loc'])}: {_complaint(dict(item))}" for item in error.errors(include_url=False)]
    raise errors.ConfigError("\n".join(lines), hint="every key is explained in the sample config.toml") from None


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in loc).replace(".[", "[") or "config"


_SECRETS = {"url", "mask_key"}


def _complaint(item: dict[str, Any]) -> str:
    if item["type"] == "extra_forbidden":
        return "unknown key"
    value = item["input"]
    shown = f" (is {value!r})" if isinstance(value, str | int | float | bool) and not _SECRETS & {*item["loc"]} else ""
    return str(item["msg"]).removeprefix("Value error, ") + shown
