"""The models of a project: how each is kept and why, what that took, and what would make it cheaper."""

from __future__ import annotations

import difflib
from pathlib import Path

from app import errors, statements
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.models import costs, place
from jobs.models import file as model_file
from jobs.models.analysis.shapes import Analysis
from jobs.models.folder import Folder
from jobs.models.order import Planned
from jobs.models.planning import Planning
from jobs.record import models as ledger
from jobs.record.models import SavedModel
from jobs.results import ModelDetails
from jobs.targets import targets

# As many rows as a table must have before it counts how they are stored, or that they hardly group.
_MANY = 10_000
_HARDLY = 0.5
_WIDE = ("HUGEINT", "UHUGEINT")
_LONG_DECIMAL = "DECIMAL(38,"


def read(job: Job) -> tuple[ModelDetails, ...]:
    """All models of the folder, and those that are in the file only. Raises `errors.NoReportingFile`."""
    with targets.of(job).inspected() as file:
        planned = Planning(file, Folder.of(job.settings)).planned
        saved = ledger.read(file).by_name
        names = sorted({*planned.models, *planned.bad, *saved})
        return tuple(_status(file, name, planned, saved.get(name)) for name in names)


def explained(job: Job, name: str) -> Analysis:
    """What one model is made of. Raises its error, `errors.UsageError` with the nearest where there is none."""
    with targets.of(job).inspected() as file:
        planned = Planning(file, Folder.of(job.settings)).planned
    return _analysis(planned, meant(name, {*planned.models, *planned.bad}))


def checked(job: Job, path: Path) -> Analysis:
    """What a file would be as a model of this project, wherever it lies. Raises `errors.ModelError`."""
    model = model_file.read(path)
    folder = Folder.of(job.settings)
    with targets.of(job).inspected() as file:
        bad = {name: one for name, one in folder.bad.items() if name != model.name}
        planned = Planning(file, Folder({**folder.models, model.name: model}, bad)).planned
    return _analysis(planned, model.name)


def meant(name: str, known: set[str]) -> str:
    """The name of a model as somebody writes it, with `models.` or without."""
    plain = quoting.fold(name.removeprefix(f"{model_file.SCHEMA}."))
    names = {quoting.fold(one): one for one in known}
    if plain not in names:
        near = difflib.get_close_matches(plain, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "run `neaptide models` for the list"
        raise errors.UsageError(f"there is no model {name!r}", hint=hint)
    return names[plain]


def _analysis(planned: Planned, name: str) -> Analysis:
    if name in planned.bad:
        raise planned.bad[name]
    return planned.analyses[name]


def _status(file: DuckSession, name: str, planned: Planned, given: SavedModel | None) -> ModelDetails:
    analysis, model, bad = planned.analyses.get(name), planned.models.get(name), planned.bad.get(name)
    saved = given or SavedModel(name)
    there = quoting.qualified(model_file.SCHEMA, name)
    built = given is not None and saved.error is None and file.has(there)
    rows = file.one(f"SELECT count(*) FROM out.{there}") if built else 0
    share = _share(file, rows, analysis) if built else None
    chosen = built and saved.kind in ("rows", "groups")
    return ModelDetails(
        name,
        kind=analysis.kind if analysis else saved.kind,
        why=analysis.reason if analysis else saved.why,
        title=model.title if model else "",
        description=model.description if model else "",
        inputs=analysis.inputs if analysis else saved.inputs,
        key=analysis.key if analysis else (),
        built=built,
        rows=rows,
        rows_per_input_row=share,
        action=saved.action,
        keys=saved.keys,
        seconds=saved.seconds,
        rebuild_seconds=saved.build_seconds if given else None,
        rebuild_reason=saved.reason,
        rebuilt_above=costs.of(saved.costs).threshold(rows) if chosen else None,
        costs=saved.costs if chosen else None,
        bytes=_bytes(file, name, saved.kind) if built else 0,
        advice=_advice(analysis, rows, share) if analysis else (),
        error=bad.message if bad else saved.error,
        hint=bad.hint if bad else None,
    )


def _share(file: DuckSession, rows: int, analysis: Analysis | None) -> float | None:
    """The rows of a model for each row of its largest input."""
    inputs = [quoting.qualified(*quoting.split_name(one)) for one in (analysis.inputs if analysis else ())]
    counts = [file.one(f"SELECT count(*) FROM out.{one}") for one in inputs if file.has(one)]
    return round(rows / max(counts), 3) if counts and max(counts) else None


def _bytes(file: DuckSession, name: str, kind: str) -> int | None:
    """What the model's table takes; of sums, the table behind its view."""
    quoted = quoting.as_argument("out", *place.stored(name, kind))
    return None if quoted is None else int(file.rows(statements.get("status", "size"), {"name": quoted})[0]["bytes"])


def _advice(analysis: Analysis, rows: int, share: float | None) -> tuple[str, ...]:
    """What would make it cheaper to keep or to read."""
    advice = [analysis.advice] if analysis.advice else []
    grouped = analysis.kind in ("groups", "sums")
    if grouped and rows > _MANY and share is not None and share > _HARDLY:
        advice.append(f"it has {share:.2f} rows for each row of its input: it hardly groups")
    if rows > _MANY:
        advice += [_cast(name, kind) for name, kind in analysis.columns.items() if _is_wide(kind)]
    return tuple(advice)


def _is_wide(kind: str) -> bool:
    return kind in _WIDE or kind.startswith(_LONG_DECIMAL)


def _cast(name: str, kind: str) -> str:
    narrow = "BIGINT" if kind in _WIDE else f"DECIMAL(18, {kind.removeprefix(_LONG_DECIMAL)}"
    return f"{name} takes 16 bytes a value: CAST(… AS {narrow}) would take 8 and read faster"
