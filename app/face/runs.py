"""What the last runs did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from app import escapes
from app.face import show
from app.face.base import Command, Face, json_option, pass_face

_FIRST = "first copy"
# So many tables of which the same is said are named.
_FEW = 3


@click.command("runs", cls=Command, examples=("neaptide runs", "neaptide runs --limit 100 --json"))
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first.")
@json_option
@pass_face
def command(face: Face, *, limit: int, as_json: bool) -> None:
    """List the runs that changed the reporting file.

    The file keeps the newest [sync] keep_runs of them. A run that found nothing changed leaves no record.
    """
    from app import bootstrap
    from jobs.status import report

    found = report.history(bootstrap.job(face.settings, start=False), limit)
    if as_json:
        show.as_json(found)
    else:
        _show(found)


def _show(found: list[dict[str, Any]]) -> None:
    """A line for each run; below, its warnings and what befell its tables besides new rows."""
    rows = [
        (
            run["run_id"], show.moment(run["started_at"]).removesuffix(" UTC"), run["kind"],
            None if run["seconds"] is None else round(run["seconds"], 2), run["rows_in"], run["rows_out"],
            " ".join(phases(run)),
        )
        for run in found
    ]  # fmt: skip
    look = show.look()
    show.lines(show.drawn(("run", "began, UTC", "kind", "seconds", "in", "out", "phases"), rows, look))
    show.lines(escapes.visible(f"! {run['run_id']}: {warning}") for run in found for warning in run["warnings"])
    show.lines(f"  {run['run_id']}: {line}" for run in found for line in told(run, look))


def phases(run: Mapping[str, Any]) -> list[str]:
    """`apply 0.12`, in seconds: those that took any time."""
    return [f"{name} {seconds:.2f}" for name, seconds in run["phases"].items() if seconds >= 0.005]


def told(run: Mapping[str, Any], look: show.Look) -> list[str]:
    """What befell the tables of a run besides new rows; what is said of several is said once."""
    found: dict[tuple[str, str], list[str]] = {}
    for table in run["tables"]:
        text = "; ".join(filter(None, (table["error"], table["reason"], *table["notes"])))
        if text:
            found.setdefault((text, "failed" if table["error"] else text), []).append(table["table"])
    return [look.painted(_of(text, names), word) for (text, word), names in found.items()]


def _of(text: str, names: list[str]) -> str:
    if text == _FIRST and len(names) > 1:
        return f"{_FIRST} of {len(names):,} tables"
    return f"{', '.join(names) if len(names) <= _FEW else show.counted(len(names), 'table')}: {text}"
