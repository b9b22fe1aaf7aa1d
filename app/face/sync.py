"""One run of the sync."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from app.face import show, waits
from app.face.base import Command, Face, json_option, pass_face, table_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobs.results import DryRun, ModelPlan, ModelRun, Run, TablePlan, TableRun

_FIRST = "first copy"
# So many first copies are listed.
_MANY = 20
_EXAMPLES = ("neaptide sync", "neaptide sync --dry-run", "neaptide sync --table shop.orders --full --json")


@click.command("sync", cls=Command, examples=_EXAMPLES)
@table_option
@click.option("--full", is_flag=True, help="Copy whole tables instead of what changed.")
@click.option("--force-deletes", is_flag=True, help="Take over a loss that max_delete_share refuses.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option("--no-wait", is_flag=True, help="Exit with 75 at once if another run is under way.")
@json_option
@pass_face
def command(
    face: Face,
    *,
    tables: tuple[str, ...],
    full: bool,
    force_deletes: bool,
    dry_run: bool,
    no_wait: bool,
    as_json: bool,
) -> int:
    """Copy what changed in PostgreSQL to the reporting file.

    All tables are read at one snapshot and published together; readers are never locked out.
    """
    from app import bootstrap
    from jobs.run import sync

    job = bootstrap.job(face.settings)
    with waits.shown(face.say, job):
        if dry_run:
            from jobs.run import dryrun

            return _show_plan(face, dryrun.dry_run(job, tables), as_json)
        run = sync.sync_once(
            job, tables=list(tables) or None, full=full, force_deletes=force_deletes, wait=not no_wait,
            progress=face.progress(),
        )  # fmt: skip
    return show_run(face, run, as_json=as_json, whole=not tables)


def show_run(face: Face, run: Run, *, as_json: bool, whole: bool) -> int:
    """Print a run, which may have been of the whole config; the exit code is 1 if a table failed."""
    if as_json:
        show.as_json(run.as_dict())
        show.freshness(face, run.as_of)
    else:
        _show_tables(_worth_telling(run.tables))
        _show_models(run.models)
        show.lines([_sentence(run, whole=whole), *_next(face, run)])
    for warning in run.warnings:
        face.say(f"warning: {warning}")
    return 1 if run.failed or run.failed_models else 0


def _worth_telling(tables: Sequence[TableRun]) -> list[TableRun]:
    """Those with something to say. Many first copies, of which the same is said, are in the sentence below."""
    said = [one for one in tables if one.action != "none" or one.error or one.notes]
    special = [one for one in said if one.reason != _FIRST or one.error or one.notes]
    return said if len(said) - len(special) <= _MANY else special


def _show_tables(tables: list[TableRun]) -> None:
    rows = [(one.table, one.action, one.rows_in, one.rows_out, round(one.seconds, 2), _why(one)) for one in tables]
    if rows:
        show.table(("table", "action", "rows in", "rows out", "seconds", "why"), rows)
        click.echo()


def _show_models(models: Sequence[ModelRun]) -> None:
    rows = [
        (one.model, one.action, one.keys, one.rows, round(one.seconds, 2), one.error or one.reason) for one in models
    ]
    if rows:
        show.table(("model", "action", "keys", "rows", "seconds", "why"), rows)
        click.echo()


def _sentence(run: Run, *, whole: bool) -> str:
    """What the file holds now, and what it took."""
    moment = show.clock(run.as_of, run.finished_at)
    done = show.counted(len(run.tables) - len(run.failed), "table")
    all_equal = whole and run.tables and not run.failed
    oldest = f"{len(run.sources)} sources, the oldest as of {moment}" if run.sources else f"as of {moment}"
    held = f"{done} equal {'to ' if run.sources else ''}{oldest}" if all_equal else f"the file is as of {moment}"
    if not run.changed:
        return f"nothing changed: {held}."
    failed = f"{show.counted(len(run.failed), 'table')} left as before; " if run.failed else ""
    rows_in, rows_out = (sum(getattr(one, name) for one in run.tables) for name in ("rows_in", "rows_out"))
    rows = show.counted(rows_in, "row") + (f" in and {rows_out:,} out," if rows_out else "")
    took = (run.finished_at - run.started_at).total_seconds()
    return f"{failed}{held}: {rows} in {took:.1f} s."


def _next(face: Face, run: Run) -> list[str]:
    """What to do with a first copy; where there is no report yet, how to come by one."""
    if run.failed or not any(one.reason == _FIRST for one in run.tables):
        return []
    reports = "" if any(face.settings.reports_path.glob("*.sql")) else " new NAME"
    return [f"next: neaptide report{reports}, neaptide sql, neaptide serve, neaptide daemon"]


def _why(table: TableRun) -> str:
    return "; ".join(filter(None, (table.error or table.reason, *table.notes)))


def _show_plan(face: Face, plan: DryRun, as_json: bool) -> int:
    if as_json:
        show.as_json(plan.as_dict())
    else:
        rows = [(one.table, _action(one), one.rows, one.deletes, one.error or one.reason) for one in plan.tables]
        show.table(("table", "action", "rows", "deletes", "why"), rows)
        _show_columns(plan)
        if plan.models:
            click.echo()
            models = [(one.model, _action(one), one.error or one.reason) for one in plan.models]
            show.table(("model", "action", "why"), models)
    for warning in plan.warnings:
        face.say(f"warning: {warning}")
    failed = [*(one.error for one in plan.tables), *(one.error for one in plan.models)]
    return 1 if any(failed) else 0


def _action(one: TablePlan | ModelPlan) -> str:
    return "failed" if one.error else one.action


def _show_columns(plan: DryRun) -> None:
    """What each type becomes, with how many columns have it; by name only the columns that lose something."""
    columns = [(f"{table.table}.{one.column}", one) for table in plan.tables for one in table.columns]
    types = Counter((one.postgresql, one.duckdb, one.note) for _, one in columns)
    if types:
        click.echo()
        show.table(("PostgreSQL", "DuckDB", "columns", "note"), [(*kind[:2], n, kind[2]) for kind, n in types.items()])
    lossy = [(name, one.postgresql, one.duckdb, one.note) for name, one in columns if not one.lossless]
    if lossy:
        click.echo("\nNot kept exactly:\n")
        show.table(("column", "PostgreSQL", "DuckDB", "note"), lossy)
