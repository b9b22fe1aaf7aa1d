"""What the reporting file holds: its tables, and what one is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from app import errors
from app.face import completion, show
from app.face.base import Command, Face, json_option, pass_face

if TYPE_CHECKING:
    from jobs.job import Job
    from jobs.results import TableShape, TableStatus

# Name, rows, columns, as of when; and the source, where there are several.
_Row = tuple[Any, ...]
_EXAMPLES = ("neaptide tables", "neaptide tables shop.orders", "neaptide tables --json")


@click.command("tables", cls=Command, examples=_EXAMPLES)
@click.argument("name", required=False, shell_complete=completion.readable)
@json_option
@pass_face
def command(face: Face, *, name: str | None, as_json: bool) -> None:
    """List the tables and models of the file, or the columns of one.

    With rows, and as of when each is; of a column the type in the file, and in PostgreSQL.
    """
    if name is None:
        _show_list(_of_source(face) if face.settings.read.on_source else _of_file(face), as_json)
    elif face.settings.read.on_source:
        _show_one(_described_by_source(face, name), as_json)
    else:
        _show_one(_described_by_file(face, name), as_json)


def _of_file(face: Face) -> list[_Row]:
    from app import bootstrap
    from jobs.status import report, shape

    job = bootstrap.job(face.settings, start=False)
    status = report.read_status(job, runs=0)
    if status.as_of is None:
        raise errors.NoReportingFile(hint="run `neaptide sync`")
    rows: list[_Row] = [(one.table, one.rows, one.columns, one.as_of, *_source(job, one)) for one in status.tables]
    none = ("",) if job.parts else ()
    return rows + [(one.table, one.rows, len(one.columns), one.as_of, *none) for one in shape.of_models(job)]


def _source(job: Job, one: TableStatus) -> tuple[str, ...]:
    """The name of the table's source, where there are several."""
    return (one.source or "[source]",) if job.parts else ()


def _of_source(face: Face) -> list[_Row]:
    """Not counted: to count a table, PostgreSQL reads it whole."""
    from jobs import quoting

    with face.store() as store:
        relations = store.relations()
        return [(quoting.join_name(*name), None, len(columns), store.as_of) for name, columns in relations.items()]


def _show_list(rows: Sequence[_Row], as_json: bool) -> None:
    names = ("table", "rows", "columns", "as_of", "source")[: max(map(len, rows), default=4)]
    if as_json:
        show.as_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        show.table(names, [(*row[:3], show.moment(row[3]) if row[3] else None, *row[4:]) for row in rows])


def _described_by_file(face: Face, name: str) -> TableShape:
    from app import bootstrap
    from jobs.status import shape

    return shape.of_table(bootstrap.job(face.settings, start=False), name)


def _described_by_source(face: Face, name: str) -> TableShape:
    from jobs import live, quoting
    from jobs.results import ColumnShape, TableShape
    from jobs.status import shape

    with face.store() as store:
        table = shape.meant(name, [quoting.join_name(*one) for one in store.tables()])
        quoted = quoting.qualified(*quoting.split_name(table))
        types = store.source_types(table) if isinstance(store, live.LiveStore) else {}
        rows = store.query(f"DESCRIBE {quoted}").rows
        count = store.query(f"SELECT count(*) FROM {quoted}").rows[0][0]  # noqa: S608  quoted
        columns = [ColumnShape(row[0], row[1], types.get(row[0])) for row in rows]
        return TableShape(table, count, store.as_of, tuple(columns))


def _show_one(shape: TableShape, as_json: bool) -> None:
    if as_json:
        show.as_json(shape.as_dict())
        return
    show.lines([f"{shape.table}: {show.counted(shape.rows, 'row')}, as of {show.moment(shape.as_of)}", ""])
    show.table(("column", "type", "in PostgreSQL"), [(one.name, one.type, one.postgresql) for one in shape.columns])
