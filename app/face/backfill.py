"""Some rows of a table read anew."""

from __future__ import annotations

import click

from app import errors
from app.face import completion, show, waits
from app.face.base import Command, Face, json_option, pass_face

_EXAMPLES = (
    "neaptide backfill shop.orders --key-from 01990000-0000-7000-8000-000000000000",
    "neaptide backfill shop.orders --where \"currency = 'EUR'\"",
)


@click.command("backfill", cls=Command, examples=_EXAMPLES)
@click.argument("table", shell_complete=completion.tables)
@click.option("--where", default="", metavar="SQL", help="The rows, by a condition in PostgreSQL's SQL.")
@click.option("--key-from", metavar="KEY", help="The rows from this key on.")
@click.option("--key-to", metavar="KEY", help="The rows up to this key, it included.")
@click.option("--chunk", type=click.IntRange(min=1), default=500_000, show_default=True, help="Rows in one run.")
@click.option("--restart", is_flag=True, help="Forget one that was cut short.")
@json_option
@pass_face
def command(
    face: Face, *, table: str, where: str, key_from: str | None, key_to: str | None, chunk: int, restart: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Read rows of a table anew, and mend what differs.

    For what no run can see: a source mended behind its triggers. Beside a running daemon, in parts; the same call goes
    on where one was cut short.
    """
    from app import bootstrap
    from jobs.backfill import backfill
    from jobs.plan import sources
    from jobs.tables.ranges import Range

    if bool(where.strip()) == (key_from is not None or key_to is not None):
        raise errors.UsageError(
            "name the rows: --where, or --key-from and --key-to", hint="all: neaptide verify --repair"
        )
    job = sources.only(bootstrap.job(face.settings), table)
    with waits.shown(face.say, job):
        done = backfill.backfill(
            job, table, Range(where.strip(), key_from, key_to), chunk=chunk, restart=restart, progress=face.progress()
        )
    if as_json:
        show.as_json(done.as_dict())
        return
    if done.resumed is not None:
        face.say(f"went on after {done.resumed}")
    rows = f"{show.counted(done.rows_in, 'row')} in, {done.rows_out:,} out"
    show.lines([f"{done.table}: {rows}, in {show.counted(done.parts, 'run')}"])
