"""What a verification is to compare, and what it found on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobs.results import Run
from jobs.verify.results import ModelCheck, TableCheck


@dataclass(frozen=True)
class Scope:
    """What to compare: tables (all if empty), the share of key ranges, how many differences to name, and to mend.

    `same_source` is False where the file was made from another one. `published` are the runs that it took, `models`
    what was found of the read models.
    """

    tables: tuple[str, ...] = ()
    sample: float | None = None
    limit: int = 20
    repair: bool = False
    same_source: bool = True
    published: list[Run] = field(default_factory=list)
    models: list[ModelCheck] = field(default_factory=list)

    @property
    def models_equal(self) -> bool:
        """Whether no read model differed from its SELECT."""
        return all(model.equal for model in self.models)

    def finds_all_equal(self, checks: list[TableCheck]) -> bool:
        """Whether nothing had to be mended."""
        return all(check.equal for check in checks) and self.models_equal and self.same_source

    def note(self, run: Run) -> None:
        """A run that was done on the way; the hooks are told of one that published."""
        if run.changed:
            self.published.append(run)
