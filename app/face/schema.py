"""What the reporting file holds: its tables, and what one is made of."""

from __future__ import annotations

import click

from app import errors
from app.face import completion, show
from app.face.base import Command, Face, json_option, pass_face

_EXAMPLES = ("neaptide tables", "neaptide tables shop.orders", "neaptide tables --json")


@click.command("tables", cls=Command, examples=_EXAMPLES)
@click.argument("name", required=False, shell_complete=completion.readable)
@json_option
@pass_face
def command(face: Face, *, name: str | None, as_json: bool) -> None:
    """List the tables and models of the reporting file, or the columns of one.

    With rows, and as of when each is; of a column the type in the file, and in PostgreSQL.
    """
    if name is None:
        _list(face, as_json)
    else:
        _describe(face, name, as_json)


def _list(face: Face, as_json: bool) -> None:
    from app import bootstrap
    from jobs.status import report, shape

    job = bootstrap.job(face.settings, start=False)
    found = report.read_status(job, runs=0)
    if found.as_of is None:
        raise errors.NoReportingFile(hint="run `neaptide sync`")
    names = ("table", "rows", "columns", "as_of")
    rows = [(one.table, one.rows, one.columns, one.as_of) for one in found.tables]
    rows += [(one.table, one.rows, len(one.columns), one.as_of) for one in shape.of_models(job)]
    if as_json:
        show.as_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        show.table(names, [(*row[:3], show.moment(row[3]) if row[3] else None) for row in rows])


def _describe(face: Face, name: str, as_json: bool) -> None:
    from app import bootstrap
    from jobs.status import shape

    found = shape.of_table(bootstrap.job(face.settings, start=False), name)
    if as_json:
        show.as_json(found.as_dict())
        return
    show.lines([f"{found.table}: {show.counted(found.rows, 'row')}, as of {show.moment(found.as_of)}", ""])
    show.table(("column", "type", "in PostgreSQL"), [(one.name, one.type, one.postgresql) for one in found.columns])
