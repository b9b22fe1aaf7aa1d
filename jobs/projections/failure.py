"""That a projection failed, told apart from what makes projections: a run knows it whether it has any or not."""

from __future__ import annotations


class ProjectionFailed(Exception):
    """A projection can't be brought up to date; it is no reason to leave the tables as they are."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self.name, self.reason = name, reason
