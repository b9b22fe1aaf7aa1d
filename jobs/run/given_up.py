"""What an attempt gave up, so that its next transaction does the rest without it."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobs.history.lines import Unread
from jobs.models.build import NotBuilt
from jobs.models.upkeep import ModelFailed
from jobs.projections.failure import ProjectionFailed

# DuckDB gives up a transaction for one error: the others' share of it is done again.
GIVEN_UP = (ModelFailed, NotBuilt, ProjectionFailed, Unread)


@dataclass
class GivenUp:
    """Why, by name: models that could not be kept, models that could not be built, projections, logs of histories."""

    models: dict[str, str] = field(default_factory=dict)
    unbuilt: dict[str, str] = field(default_factory=dict)
    projections: dict[str, str] = field(default_factory=dict)
    histories: dict[str, str] = field(default_factory=dict)

    def add(self, failed: ModelFailed | NotBuilt | ProjectionFailed | Unread) -> None:
        """One more, that failed in the transaction before."""
        if isinstance(failed, Unread):
            self.histories[failed.name] = failed.reason
        else:
            kinds = {ModelFailed: self.models, NotBuilt: self.unbuilt, ProjectionFailed: self.projections}
            kinds[type(failed)][failed.name] = failed.reason
