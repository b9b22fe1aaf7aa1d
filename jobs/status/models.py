"""How the read models of the reporting file stand, from the file alone."""

from __future__ import annotations

from jobs.engine.session import DuckSession
from jobs.models import place
from jobs.record.models import Models, SavedModel
from jobs.record.state import State
from jobs.results import ModelStatus
from jobs.status.moments import Looked, moved_on


def complaints(models: Models) -> list[str]:
    """Which models are not there, and why."""
    return [f"models.{name} is not in the file: {error}" for name, error in models.errors.items()]


def statuses(file: DuckSession, state: State, quiet: Looked) -> tuple[ModelStatus, ...]:
    """Every model that the file knows of, by name."""
    return tuple(_status(file, model, state, quiet) for model in state.models.by_name.values())


def _status(file: DuckSession, model: SavedModel, state: State, quiet: Looked) -> ModelStatus:
    below = [
        moved_on(name, state.tables[name].watermark.snapshot.as_of, quiet, state.tables[name].source)
        for name in model.tables
        if name in state.tables
    ]
    return ModelStatus(
        model.name, model.kind, model.why, model.inputs, None if model.error else min(below, default=None), model.rows,
        model.action, model.keys, model.seconds, model.run_id, model.build_seconds, model.reason,
        None if model.error else _bytes(file, model), model.error,
    )  # fmt: skip


def _bytes(file: DuckSession, model: SavedModel) -> int | None:
    """The bytes of the blocks that it has to itself."""
    return file.bytes_of(*place.stored(model.name, model.kind))
