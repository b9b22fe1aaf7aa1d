"""Keeps a model of rows or groups: the keys that may have changed out, and worked out again."""

from __future__ import annotations

from jobs import quoting
from jobs.models import affected, driven, place, selecting
from jobs.models.analysis.shapes import Analysis, Branch, Term
from jobs.models.moved import Moved, of
from jobs.models.relations import Relations


class Restricted:
    """What one run does to one such model. `grown` says by how many rows it has more afterwards."""

    def __init__(self, relations: Relations, name: str, analysis: Analysis) -> None:
        self._relations, self._analysis, self._name = relations, analysis, name
        self._file, self._scratch = relations.file, relations.scratch
        self._keys, self._rows, self.count, self.grown = "", "", 0, 0

    def find(self) -> bool:
        """Look for the keys that may have changed; whether there is one."""
        driver = driven.of(self._relations, self._analysis)
        if driver:
            self._rows, self._keys = driver.rows, driver.keys
        elif parts := [part for branch in self._analysis.branches for part in self._parts(branch)]:
            self._keys = self._scratch.make(affected.together(parts))
        self.count = self._scratch.count(self._keys) if self._keys else 0
        return self.count > 0

    def apply(self, *, witnessed: bool) -> Moved | None:
        """Put in place of these keys what the SELECT gives for them; what changed, where somebody wants to know."""
        nulls = self._nulls()
        parts = [self._part(branch, nulls) for branch in self._analysis.branches]
        new = self._scratch.make(" UNION ALL ".join(parts))
        old = self._old(nulls) if witnessed else ""
        gone = self._file.one(selecting.delete(place.out(self._name), self._analysis.key, self._keys, nulls))
        names = quoting.listed(self._analysis.columns)
        come = self._file.one(f"INSERT INTO {place.out(self._name)} ({names}) SELECT {names} FROM {new}")
        self.grown = come - gone
        return of(self._file, self._scratch, self._analysis.columns, old, new) if witnessed else None

    def _nulls(self) -> set[str]:
        branches = self._analysis.branches
        unsure = {name for branch in branches for name in self._relations.unsure(branch, self._terms(branch))}
        return self._relations.nulls(self._keys, [name for name in self._analysis.key if name in unsure])

    def _parts(self, branch: Branch) -> list[str]:
        return list(affected.keys(branch, self._terms(branch), self._relations.sides(branch, applied=True)))

    def _old(self, nulls: set[str]) -> str:
        same = selecting.same(selecting.own(self._analysis.key), nulls)
        return self._relations.meeting(self._name, "t", self._keys, same, list(self._analysis.columns))

    def _terms(self, branch: Branch) -> dict[str, Term]:
        return self._analysis.key_terms(branch)

    def _part(self, branch: Branch, nulls: set[str]) -> str:
        """The branch's SELECT for these keys only: below the joins, each input by what of the key is its own."""
        terms = self._terms(branch)
        aliases = frozenset[str]().union(*(term.refs for term in terms.values()))
        if self._rows:
            return selecting.select(branch, selecting.fields(branch), dict.fromkeys(aliases, self._rows))
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
