"""What the last runs did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from app import escapes
from app.face import show
from app.face.base import Command, Face, json_option, pass_face

_FIRST = "first copy"
# So many tables of which the same is said are named.
_FEW = 3
# As many phases as a run has; lines above the rows of a table.
_PHASES, _HEAD = 20, 2


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

    runs = report.history(bootstrap.job(face.settings, start=False), limit)
    if as_json:
        show.as_json(runs)
    else:
        _show(runs)


def _show(runs: list[dict[str, Any]]) -> None:
    """A line for each run; below, its warnings, what befell its tables besides new rows, and its read models."""
    look = show.look()
    show.lines(_table(runs, look))
    show.lines(escapes.visible(f"! {run['run_id']}: {warning}") for run in runs for warning in run["warnings"])
    show.lines(
        f"  {run['run_id']}: {line}" for run in runs for line in (*notes(run, look), *_models(run["models"], look))
    )


def _table(runs: list[dict[str, Any]], look: show.Look) -> list[str]:
    """With as many of each run's longest phases as there is room for beside each other."""
    lines: list[str] = []
    for most in (_PHASES, 3, 2, 1, 0):
        rows = [(*_fields(run), " ".join(phases(run, most))) for run in runs]
        names = ("run", "began, UTC", "kind", "seconds", "in", "out", *(["phases"] if most else []))
        lines = show.drawn(names, [row[: len(names)] for row in rows], look)
        if len(lines) <= len(rows) + _HEAD:
            break
    return lines


def _fields(run: Mapping[str, Any]) -> tuple[Any, ...]:
    seconds = None if run["seconds"] is None else round(run["seconds"], 2)
    began = show.moment(run["started_at"]).removesuffix(" UTC")
    kind = f"{run['kind']} {run.get('source', '')}".rstrip()
    return run["run_id"], began, kind, seconds, run["rows_in"], run["rows_out"]


def phases(run: Mapping[str, Any], most: int = _PHASES) -> list[str]:
    """`apply 0.12`, in seconds: those that took any time, and of them the longest, in their order."""
    durations = {name: seconds for name, seconds in run["phases"].items() if seconds >= 0.005}
    longest = sorted(durations, key=lambda name: -durations[name])[:most]
    return [f"{name} {seconds:.2f}" for name, seconds in durations.items() if name in longest]


def notes(run: Mapping[str, Any], look: show.Look) -> list[str]:
    """What befell the tables of a run besides new rows; what is said of several is said once."""
    tables: dict[tuple[str, str], list[str]] = {}
    for table in run["tables"]:
        text = "; ".join(filter(None, (table["error"], table["reason"], *table["notes"])))
        if text:
            tables.setdefault((text, "failed" if table["error"] else text), []).append(table["table"])
    return [look.painted(_of(text, names), word) for (text, word), names in tables.items()]


def _models(models: Sequence[Mapping[str, Any]], look: show.Look) -> list[str]:
    """The read models of a run: in one line those that were kept, in one for each reason those that were made anew."""
    anew: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in models:
        if not one["error"] and one["reason"]:
            done = one["action"] if one["action"] in ("built", "removed") else "rebuilt"
            anew.setdefault((done, one["reason"]), []).append(one)
    kept_models = [one for one in models if not one["error"] and not one["reason"]]
    lines = [f"{_named(kept_models)} kept, {_took(kept_models)}"] if kept_models else []
    lines += [f"{_named(some)} {done}, {_took(some)}: {reason}" for (done, reason), some in anew.items()]
    return lines + [look.painted(f"models.{one['model']}: {one['error']}", "failed") for one in models if one["error"]]


def _named(models: Sequence[Mapping[str, Any]]) -> str:
    if len(models) <= _FEW:
        return ", ".join(f"models.{one['model']}" for one in models)
    return show.counted(len(models), "model")


def _took(models: Sequence[Mapping[str, Any]]) -> str:
    """The seconds of all of them, and where most of them went."""
    total = f"{sum(one['seconds'] for one in models):.2f} s"
    longest = max(models, key=lambda one: one["seconds"])
    return f"{total}, {longest['model']} {longest['seconds']:.2f}" if len(models) > 1 else total


def _of(text: str, names: list[str]) -> str:
    if text == _FIRST and len(names) > 1:
        return f"{_FIRST} of {len(names):,} tables"
    return f"{', '.join(names) if len(names) <= _FEW else show.counted(len(names), 'table')}: {text}"
