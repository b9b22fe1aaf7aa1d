"""How the reporting file stands."""

from __future__ import annotations

import io
import sys
import time
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app import errors
from app.face import runs, show, values
from app.face.base import Command, Face, json_option, pass_face

if TYPE_CHECKING:
    from jobs.results import Status

_COLUMNS = ("table", "rows", "mode", "deletes", "lag", "last", "in", "out", "bytes")


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
    found = _read(face)
    _show(found, as_json)
    return 1 if found.is_bad else 0


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
            screen.update(Text.from_ansi(_as_text(face)), refresh=True)
            time.sleep(1)


def _as_text(face: Face) -> str:
    """What `_show` prints, or what keeps it from being read."""
    out = io.StringIO()
    with redirect_stdout(out):
        try:
            _show(_read(face), as_json=False)
        except errors.NeaptideError as error:
            click.echo(f"! {error.message}")
    return out.getvalue()


def _read(face: Face) -> Status:
    from app import bootstrap
    from jobs import status

    return status.read_status(bootstrap.job(face.settings, start=False))


def _show(found: Status, as_json: bool) -> None:
    if as_json:
        show.as_json(found.as_dict())
        return
    show.record(
        {
            "file": _short(found.path),
            "as of": show.moment(found.as_of) if found.as_of else "never",
            "age": values.age(found.age) if found.age is not None else None,
            "level": found.level,
            "a run is under way": "yes" if found.running else "no",
            "bytes": found.file_bytes,
            **_daemon(found.daemon),
        }
    )
    rows = [
        (
            *(one.table, one.rows, one.mode, one.deletes, _lag(one.lag)),
            *(one.last_action, one.rows_in, one.rows_out, one.bytes),
        )
        for one in found.tables
    ]
    if rows:
        click.echo()
        show.table(_COLUMNS, rows)
    if found.runs:
        click.echo()
        runs.show_runs(list(found.runs))
    for problem in found.problems:
        click.echo(f"! {problem}")


def _daemon(daemon: dict[str, Any] | None) -> dict[str, str | None]:
    """What the daemon does and when it runs next."""
    if daemon is None:
        return {"daemon": "none"}
    dead = daemon["alive"] is False
    due = datetime.fromisoformat(daemon["next_run"]) if daemon["next_run"] and not dead else None
    state = "ended" if dead else f"{daemon['state']}, process {daemon['pid']} on {daemon['host']}"
    return {"daemon": state, "next run": show.moment(due) if due else None}


def _short(path: str) -> str:
    """The path as seen from here, where it lies below."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _lag(seconds: float | None) -> str:
    return "" if seconds is None else values.age(seconds)
