"""Keeps a model of rows or groups: the keys that may have changed out, and worked out again."""

from __future__ import annotations

from jobs import quoting
from jobs.models import affected, place, selecting
from jobs.models.analysis.shapes import Analysis, Branch, Term
from jobs.models.moved import Moved, of
from jobs.models.relations import Relations


class Restricted:
    """What one run does to one such model."""

    def __init__(self, relations: Relations, name: str, analysis: Analysis) -> None:
        self._relations, self._analysis, self._name = relations, analysis, name
        self._file, self._scratch = relations.file, relations.scratch
        self._keys, self.count = "", 0

    def find(self) -> bool:
        """Look for the keys that may have changed; whether there is one."""
        parts = [
            part
            for branch in self._analysis.branches
            for part in affected.keys(branch, self._terms(branch), self._relations.sides(branch, applied=True))
        ]
        if not parts:
            return False
        self._keys = self._scratch.make(" UNION ".join(parts))
        self.count = self._file.one(f"SELECT count(*) FROM {self._keys}")
        return self.count > 0

    def apply(self, *, witnessed: bool) -> Moved | None:
        """Put in place of these keys what the SELECT gives for them; what changed, where somebody wants to know."""
        nulls = self._relations.nulls(self._keys, self._analysis.key)
        parts = [self._part(branch, nulls) for branch in self._analysis.branches]
        new = self._scratch.make(" UNION ALL ".join(parts))
        old = self._old(nulls) if witnessed else ""
        self._file.execute(selecting.delete(place.out(self._name), self._analysis.key, self._keys, nulls))
        names = quoting.listed(self._analysis.columns)
        self._file.execute(f"INSERT INTO {place.out(self._name)} ({names}) SELECT {names} FROM {new}")
        if not witnessed:
            return None
        return of(self._file, self._scratch, self._analysis.columns, old, new, distinct=False)

    def _old(self, nulls: set[str]) -> str:
        same = selecting.same(selecting.own(self._analysis.key), nulls)
        return self._relations.meeting(self._name, "t", self._keys, same, list(self._analysis.columns))

    def _terms(self, branch: Branch) -> dict[str, Term]:
        return self._analysis.key_terms(branch)

    def _part(self, branch: Branch, nulls: set[str]) -> str:
        """The branch's SELECT for these keys only: below the joins, each input by what of the key is its own."""
        terms = self._terms(branch)
        aliases = frozenset[str]().union(*(term.refs for term in terms.values()))
        instead: dict[str, str] = {}
        for alias in sorted(aliases):
            own = {name: term for name, term in terms.items() if term.refs == {alias}}
            if own:
                instead[alias] = self._driving(branch, alias, selecting.same(own, nulls))
        # A constant tells one branch's rows from another's.
        if len(aliases) == 1 and all(term.refs for term in terms.values()):
            return selecting.select(branch, selecting.fields(branch), instead)
        meets = f" SEMI JOIN {self._keys} AS neaptide_k ON {selecting.same(terms, nulls)}"
        return selecting.select(branch, selecting.fields(branch), instead, meets)

    def _driving(self, branch: Branch, alias: str, same: str) -> str:
        table = branch.occurrence(alias).table
        columns = selecting.mentioned(branch, self._relations.columns(table))
        return self._relations.meeting(table, alias, self._keys, same, columns)
