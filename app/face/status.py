"""How the reporting file stands."""

from __future__ import annotations

import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app import errors
from app.face import runs, show, values
from app.face.base import Command, Face, json_option, pass_face

if TYPE_CHECKING:
    from jobs.results import Growth, Status, TableStatus

_COLUMNS = ("table", "rows", "kept by", "deletes", "lag", "last change", "at, UTC", "size")
_SPARE = ("size", "deletes", "at, UTC", "kept by")
_FAILED = "failed"
_GAP = "   "
_RUNS = 5
# The lines of a table besides its rows: names, a rule, and how many more there are.
_FRAME = 3


@click.command("status", cls=Command, examples=("neaptide status", "neaptide status --json"))
@json_option
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
@pass_face
def command(face: Face, *, as_json: bool, watch: bool) -> int:
    """Say how fresh the reporting file is, and what is wrong.

    Table by table. Exit code 1 when something needs doing.
    """
    if watch:
        _watch(face, as_json)
    status = _read(face)
    _show(status, as_json)
    return 1 if status.is_bad else 0


def _watch(face: Face, as_json: bool) -> None:
    """Until Ctrl-C; elsewhere than on a terminal, one report after the other."""
    if as_json or not sys.stdout.isatty():
        while True:
            _show(_read(face), as_json)
            sys.stdout.flush()
            time.sleep(1)
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(), screen=True, auto_refresh=False) as screen:
        while True:
            screen.update(Text.from_ansi("\n".join(_now(face))), refresh=True)
            time.sleep(1)


def _now(face: Face) -> list[str]:
    """What the whole terminal shows, or what keeps it from being read."""
    look = show.look(height=True)
    try:
        return _lines(_read(face, runs=look.height or _RUNS), look)
    except errors.NeaptideError as error:
        return [look.painted(f"! {error.message}", "failed")]


def _read(face: Face, runs: int = _RUNS) -> Status:
    from app import bootstrap
    from jobs.status import report

    return report.read_status(bootstrap.job(face.settings, start=False), runs=runs)


def _show(status: Status, as_json: bool) -> None:
    if as_json:
        show.as_json(status.as_dict())
    else:
        show.lines(_lines(status, show.look()))


def _lines(status: Status, look: show.Look) -> list[str]:
    """How it stands, what is wrong, the tables, and the last run: as much of it as there is room for."""
    problems = [look.painted(f"! {problem}", "failed" if status.is_bad else "warn") for problem in status.problems]
    head = [
        *_fitted(_head(status, look), look),
        *_fitted(_sources(status), look),
        *_fitted(_daemon(status, look), look),
    ]
    head += problems
    last = [*_last_run(status, look), *_growths(status, look)]
    room = None if look.height is None else look.height - len(head) - len(last) - 2
    body = _tables(status, look, room)
    before = [] if room is None else [_run(run) for run in status.runs[1:]][: max(0, room - len(body))]
    return [line for part in (head, body, last + before) if part for line in (*part, "")][:-1]


def _head(status: Status, look: show.Look) -> list[str]:
    """The answer in one word, and what it is about."""
    from jobs.init import choice

    count = show.counted(len(status.problems), "problem")
    word = look.painted(count, "failed") if status.is_bad and status.level == "ok" else look.painted(status.level)
    if status.as_of is None or status.age is None:
        return [word, _short(status.path)]
    now = status.as_of + timedelta(seconds=status.age)
    rows, size = sum(one.rows for one in status.tables), choice.size(status.file_bytes)
    models = [show.counted(len(status.models), "model")] if status.models else []
    held = [show.counted(len(status.tables), "table"), *models, show.counted(rows, "row"), size]
    return [
        word,
        f"as of {show.clock(status.as_of, now)}, {values.age(status.age)} ago",
        ", ".join(held),
        *(["a run is under way"] if status.running else []),
        _short(status.path),
    ]


def _sources(status: Status) -> list[str]:
    """How old the tables of each of several sources are."""
    return [
        f"{one.source or '[source]'}: {show.counted(one.tables, 'table')}"
        + (f", {values.age(one.lag)} old" if one.lag is not None else "")
        for one in status.sources
    ]


def _daemon(status: Status, look: show.Look) -> list[str]:
    """What the daemon does, how its runs went, when it runs next, and where it answers."""
    daemon = status.daemon
    if daemon is None:
        served = f", and answers on {status.page}" if status.page else ""
        return [f"no daemon: neaptide daemon keeps the file up to date{served}"]
    now = datetime.now(UTC)
    if daemon["alive"] is False:
        word = look.painted("ended" if daemon["state"] == "stopping" else "died")
        return [f"the daemon has {word}, at {show.clock(datetime.fromisoformat(daemon['written_at']), now)}"]
    due = datetime.fromisoformat(daemon["next_run"]) if daemon["next_run"] else None
    return [
        f"daemon {daemon['state']} since {show.clock(datetime.fromisoformat(daemon['started_at']), now)}",
        *_its_runs(daemon.get("runs") or {}),
        *([f"next run at the latest in {values.age((due - now).total_seconds())}"] if due else []),
        *([f"page on {status.page}"] if status.page else []),
        f"process {daemon['pid']} on {daemon['host']}",
    ]


def _its_runs(runs: dict[str, int]) -> list[str]:
    """What the daemon ran since its start; most runs find nothing changed."""
    failed, quiet = runs.get("failed", 0), runs.get("unchanged", 0)
    parts = [f"{quiet:,} found nothing new" if quiet else "", f"{failed:,} failed" if failed else ""]
    return [", ".join(filter(None, [show.counted(sum(runs.values()), "run"), *parts]))] if runs else []


def _tables(status: Status, look: show.Look, room: int | None) -> list[str]:
    """The tables in as many lines; where they don't all fit, those that failed come first."""
    if not status.tables:
        return []
    rows = [_row(one, status) for one in status.tables]
    lines = show.drawn(_COLUMNS, rows, look, spare=_SPARE)
    if room is None or len(lines) <= room:
        return lines
    shown = max(1, room - _FRAME)
    rows.sort(key=lambda row: row[_COLUMNS.index("last change")] != _FAILED)
    return [*show.drawn(_COLUMNS, rows[:shown], look, spare=_SPARE), f"… {len(rows) - shown:,} more"]


def _row(one: TableStatus, status: Status) -> tuple[Any, ...]:
    from jobs.init import choice

    lag = "" if one.lag is None else values.age(one.lag)
    size = None if one.bytes is None else choice.size(one.bytes)
    # What is compared whole needs no tombstones, whatever the config says of them.
    deletes = "compare" if one.mode == "none" else one.deletes
    return (one.table, one.rows, one.mode, deletes, lag, _last_change(one), _at(one, status), size)


def _last_change(one: TableStatus) -> str:
    if one.last_action in ("", _FAILED, "paused"):
        return one.last_action
    return f"{one.last_action} +{one.rows_in:,} -{one.rows_out:,}"


def _at(one: TableStatus, status: Status) -> str:
    """When it last changed: the time of today, or else the day."""
    if one.changed_at is None or status.as_of is None:
        return ""
    changed, now = (
        moment.astimezone(UTC) for moment in (one.changed_at, status.as_of + timedelta(seconds=status.age or 0))
    )
    return f"{changed:%H:%M:%S}" if changed.date() == now.date() else f"{changed:%Y-%m-%d}"


def _last_run(status: Status, look: show.Look) -> list[str]:
    """The runs of today and the newest one in a sentence, and what befell its tables."""
    if not status.runs:
        return []
    run = status.runs[0]
    parts = ", ".join(runs.phases(run))
    text = f"{_today(status.today)}last run {_run(run)}{': ' if parts else ''}{parts} (neaptide runs)"
    warnings = [f"! {warning}" for warning in run["warnings"]]
    return [*textwrap.wrap(text, look.width), *warnings, *runs.notes(run, look)]


def _today(today: dict[str, Any] | None) -> str:
    """How many runs changed the file today, and in how many a table failed."""
    if today is None:
        return ""
    more = "" if today["whole"] else " or more"
    return f"runs that changed the file today: {today['runs']:,}{more}, {today['failed']:,} failed; "


def _growths(status: Status, look: show.Look) -> list[str]:
    """What grows besides the tables, and the versions that keep it."""
    if status.format is None:
        return []
    versions = ", ".join(f"{name} {version}" for name, version in status.versions.items())
    growths = textwrap.wrap(f"kept: {'; '.join(map(_growth, status.kept))}", look.width)
    return [*growths, f"format {status.format}; {versions}"]


def _growth(one: Growth) -> str:
    from jobs.init import choice

    size = "" if one.bytes is None else f", {choice.size(one.bytes)}"
    noun, of, name = one.what.partition(" of ")
    what = (noun.removesuffix("s") if one.count == 1 else noun) + of + name
    return f"{one.count:,} {what}{size} (limit: {one.limit})"


def _run(run: dict[str, Any]) -> str:
    took = "ended untold" if run["seconds"] is None else f"{run['seconds']:.2f} s"
    began = show.clock(run["started_at"], datetime.now(UTC))
    return f"{began}: {took}, +{run['rows_in']:,} -{run['rows_out']:,} rows"


def _fitted(parts: list[str], look: show.Look) -> list[str]:
    """Parts side by side, in as few lines as hold them whole."""
    lines: list[str] = []
    for part in parts:
        if lines and len(click.unstyle(lines[-1])) + len(_GAP) + len(click.unstyle(part)) <= look.width:
            lines[-1] += _GAP + part
        else:
            lines.append(part)
    return lines


def _short(path: str) -> str:
    """The path as seen from here, where it lies below."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path
