"""Both sides compared at one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.face import show, values, waits
from app.face.base import Command, Face, json_option, pass_face, table_option

if TYPE_CHECKING:
    from jobs.verify.results import Verification

_EXAMPLES = ("neaptide verify", "neaptide verify --table shop.orders --json", "neaptide verify --repair")
_COLUMNS = ("table", "rows source", "rows file", "missing", "extra", "different", "seconds")


@click.command("verify", cls=Command, examples=_EXAMPLES)
@table_option
@click.option("--repair", is_flag=True, help="Mend what differs, and nothing else.")
@click.option("--sample", type=click.FloatRange(0, 100, min_open=True), metavar="PERCENT", help="Compare only a part.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Differences shown per table.")
@json_option
@pass_face
def command(
    face: Face, *, tables: tuple[str, ...], repair: bool, sample: float | None, limit: int, as_json: bool
) -> int:
    """Compare PostgreSQL and the reporting file, row by row.

    Both at one snapshot. Exit code 1 if they differ, also where --repair has mended it.
    """
    from app import bootstrap
    from jobs.verify import verify

    share = None if sample is None else sample / 100
    job = bootstrap.job(face.settings)
    with waits.shown(face.say, job):
        verification = verify.verify(
            job, tables=list(tables) or None, repair=repair, sample=share, limit=limit, progress=face.progress()
        )
    if as_json:
        show.as_json(verification.as_dict() | {"equal": verification.equal})
    else:
        _show(face, verification)
    return 0 if verification.equal else 1


def _show(face: Face, verification: Verification) -> None:
    show.table(
        _COLUMNS,
        [
            (one.table, one.rows_source, one.rows_file, one.missing, one.extra, one.different, round(one.seconds, 2))
            for one in verification.tables
        ],
    )
    rows = [
        (
            table.table,
            ", ".join(f"{name}={'NULL' if value is None else values.plain(value)}" for name, value in one.key.items()),
            one.kind,
            ", ".join(one.columns),
        )
        for table in verification.tables
        for one in table.differences
    ]
    if rows:
        click.echo()
        show.table(("table", "key", "kind", "columns"), rows)
    _show_models(verification)
    for one in verification.tables:
        if one.error:
            face.say(f"warning: {one.table}: {one.error}")
    for model in verification.models:
        if model.error:
            face.say(f"warning: models.{model.model}: {model.error}")
    for warning in verification.warnings:
        face.say(f"warning: {warning}")
    show.lines(
        [show.look().painted("equal" if verification.equal else "repaired" if verification.repaired else "different")]
    )
    show.freshness(face, verification.as_of)


def _show_models(verification: Verification) -> None:
    """Each read model beside its SELECT over the same file."""
    rows = [(one.model, one.rows, one.missing, one.extra, round(one.seconds, 2)) for one in verification.models]
    if rows:
        click.echo()
        show.table(("model", "rows", "missing", "extra", "seconds"), rows)
