"""What the last runs did."""

from __future__ import annotations

from typing import Any

import click

from app.face import show
from app.face.base import Command, Face, json_option, pass_face


@click.command("runs", cls=Command, examples=("neaptide runs", "neaptide runs --limit 100 --json"))
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first.")
@json_option
@pass_face
def command(face: Face, *, limit: int, as_json: bool) -> None:
    """List the runs that changed the reporting file.

    The file keeps the newest [sync] keep_runs of them. A run that found nothing changed leaves no record.
    """
    from app import bootstrap
    from jobs import status

    found = status.history(bootstrap.job(face.settings, start=False), limit)
    if as_json:
        show.as_json(found)
    else:
        show_runs(found)


def show_runs(found: list[dict[str, Any]]) -> None:
    """A line for each run; below, its warnings and what befell its tables besides new rows."""
    rows = [
        (
            run["run_id"],
            show.moment(run["started_at"]),
            run["kind"],
            None if run["seconds"] is None else f"{run['seconds']:.2f}",
            run["rows_in"],
            run["rows_out"],
            _phases(run["phases"]),
        )
        for run in found
    ]
    show.table(("run", "began", "kind", "seconds", "in", "out", "phases"), rows)
    for run in found:
        for warning in run["warnings"]:
            click.echo(f"! {run['run_id']}: {warning}")
        for table in run["tables"]:
            told = "; ".join(filter(None, (table["error"], table["reason"], *table["notes"])))
            if told:
                click.echo(f"  {run['run_id']}: {table['table']}: {told}")


def _phases(phases: dict[str, float]) -> str:
    """`apply 0.12 publish 0.01`: those that took any time."""
    return " ".join(f"{name} {seconds:.2f}" for name, seconds in phases.items() if seconds >= 0.005)
