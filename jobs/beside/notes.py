"""What may stand in the small files beside the target; what has another form is taken as if it were not there."""

from __future__ import annotations

import glob
import math
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from app import notes
from jobs.position import clock

_STATES = ("starting", "standby", "waiting", "leading", "stopping")
_SNAPSHOT = re.compile(r"\d{1,20}:\d{1,20}:(\d{1,20}(,\d{1,20})*)?")
_AT = r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}"
_POSITION = re.compile(rf"({_AT})?")
# What a `Place` says in jobs/feeds/wal/place.py, or one in jobs/feeds/events/place.py.
_LOG = re.compile(
    rf"({_AT} [0-9.]{{1,60}}(/[0-9a-f]{{16}})?( \d{{1,20}}(,\d{{1,20}})*)?( \+{_AT})?|events( [!-~]+){{6}})?"
)


def _past(text: str) -> str:
    notes.moment(text)
    return text


def _coming(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a moment of no zone")
    return text


def _shown(text: str) -> str:
    """Nothing in it steers a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("no number of seconds")
    return number


def _matching(pattern: re.Pattern[str]) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError("of another form")
        return text

    return AfterValidator(check)


Past = Annotated[str, AfterValidator(_past)]
Coming = Annotated[str, AfterValidator(_coming)]
Shown = Annotated[str, AfterValidator(_shown)]
Seconds = Annotated[float, AfterValidator(_finite)]


class _Note(BaseModel):
    model_config = ConfigDict(strict=True)


class Instant(_Note):
    """A moment of this machine, which has come."""

    boot: str
    seconds: Seconds

    @model_validator(mode="after")
    def _has_come(self) -> Instant:
        now = clock.instant()
        if self.boot == now["boot"] and self.seconds > now["seconds"]:
            raise ValueError("a moment that has not come yet")
        return self


class Reading(Instant):
    """The source's clock at such a moment."""

    server: Past
    asked: Seconds = 0.0


class Model(_Note):
    """What a run did to a read model."""

    model: Shown
    action: Shown
    kind: Shown
    keys: Annotated[int, Field(ge=0, lt=2**63)]
    rows: Annotated[int, Field(ge=0, lt=2**63)]
    seconds: Seconds
    reason: Shown
    cause: Shown
    error: Shown | None


class End(_Note):
    """How a run ended."""

    run_id: str
    finished_at: Past
    phases: dict[str, Seconds]
    models: list[Model] = Field(default_factory=list)


class Place(_Note):
    """How far some tables have been looked at."""

    snapshot: Annotated[str, _matching(_SNAPSHOT)]
    as_of: Past
    floor: Past | None
    standby: bool
    wal_end: Annotated[str, _matching(_POSITION)]
    log: Annotated[str, _matching(_LOG)] = ""
    tables: list[str]


class OfSource(_Note):
    """How fresh the tables of one source are."""

    as_of: Past
    clock: Reading | dict[str, None] = Field(default_factory=dict)
    began: Instant | None = None
    looked: Past | None = None
    left: list[str] = Field(default_factory=list)
    quiet: list[Place] | None = None


class Freshness(OfSource):
    """The file `.freshness`; of several sources each has its own."""

    run_id: str
    checked_at: Past | None = None
    ended: End | None = None
    sources: dict[str, OfSource] | None = None
    away: dict[Shown, Shown] | None = None


class Daemon(_Note):
    """The file `.daemon`."""

    pid: int = Field(ge=1, lt=2**31)
    host: Shown
    state: Shown
    started_at: Past
    written_at: Past
    next_run: Coming | None
    last_success: Past | None
    last_error: Shown | None
    last_error_at: Past | None
    failures_in_a_row: int = Field(ge=0, lt=2**31)
    runs: dict[Shown, Annotated[int, Field(ge=0, lt=2**63)]] = Field(default_factory=dict)
    problems: list[Shown] = Field(default_factory=list)


class Standing(_Note):
    """One thing that was told."""

    kind: Shown
    key: Shown
    message: Shown
    since: Past


class Waiting(_Note):
    """One message that a URL has not taken yet."""

    firing: list[Standing]
    resolved: list[Standing]
    events: list[Standing]


class Alerts(_Note):
    """The file `.alerts`: what was told and is not over, what is to be told yet, and how often it was until `at`."""

    standing: list[Standing] = Field(default_factory=list)
    events: list[Standing] = Field(default_factory=list)
    at: Past | None = None
    tokens: float = Field(default=0, ge=0, le=1000)
    last_word: dict[Shown, Past] = Field(default_factory=dict)
    waiting: dict[Shown, list[Waiting]] = Field(default_factory=dict)


class Paused(_Note):
    """The file `.paused`."""

    tables: dict[str, Past] = Field(default_factory=dict)


class Backfill(_Note):
    """The file `.backfill`: the range of a backfill that is not done, and the last key that is."""

    table: str
    where: str
    low: str | None
    high: str | None
    done: str


class Tombstones(_Note):
    """How much the record of deleted keys had grown to."""

    bytes: int = Field(ge=0, lt=2**63)
    rows: int = Field(ge=0, lt=2**63)


class Kept(_Note):
    """What a source's database keeps for the target, in the note of `kept`."""

    tombstones: Tombstones | None = None
    events: Tombstones | None = None


def kept(source: str) -> str:
    """The name of that note: each of several sources has one."""
    return f"kept.{source}" if source else "kept"


Form = type[Freshness | Daemon | Alerts | Paused | Backfill | Kept]


def parts(path: Path) -> set[str]:
    """The sources that have a small file of this name: theirs have their name behind it, that of [source] none."""
    paths = path.parent.glob(f"{glob.escape(path.name)}*")
    return {one.name.removeprefix(path.name).removeprefix(".") for one in paths if one.is_file()}


def read(path: Path, form: Form | None) -> dict[str, Any]:
    """What a file of this form says; empty where it has another one."""
    return parsed(notes.read(path), form)


def parsed(text: str, form: Form | None) -> dict[str, Any]:
    """What a text of this form says; empty where it has another one. Without a form, what any object says."""
    if form is None:
        return notes.parsed_text(text)
    try:
        return form.model_validate_json(text).model_dump()
    except (ValidationError, RecursionError):
        return {}
