"""How the reporting file stands."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.face import show, values
from app.face.base import Command, Face, json_option, pass_face

if TYPE_CHECKING:
    from jobs.results import Status

_COLUMNS = ("table", "rows", "mode", "deletes", "lag", "last", "in", "out")


@click.command("status", cls=Command, examples=("neaptide status", "neaptide status --json"))
@json_option
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
@pass_face
def command(face: Face, *, as_json: bool, watch: bool) -> int:
    """Say how fresh the reporting file is, and what is wrong.

    Table by table. Exit code 1 when something needs doing.
    """
    found = _read(face)
    while watch:
        click.clear()
        _show(found, as_json)
        time.sleep(1)
        found = _read(face)
    _show(found, as_json)
    return 1 if found.problems else 0


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
        }
    )
    rows = [
        (one.table, one.rows, one.mode, one.deletes, _lag(one.lag), one.last_action, one.rows_in, one.rows_out)
        for one in found.tables
    ]
    if rows:
        click.echo()
        show.table(_COLUMNS, rows)
    for problem in found.problems:
        click.echo(f"! {problem}")


def _short(path: str) -> str:
    """The path as seen from here, where it lies below."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _lag(seconds: float | None) -> str:
    return "" if seconds is None else values.age(seconds)
