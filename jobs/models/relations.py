"""The relations of one run that upkeep works with: inputs as they lie in the file, and what moved of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.models import moved as moving
from jobs.models import place, selecting
from jobs.models.affected import Sides
from jobs.models.analysis.shapes import Branch, Place, Term
from jobs.models.moved import Altered, Moved
from jobs.models.planning import Planning
from jobs.models.scratch import Columns, Scratch

# Beyond so many keys their rows are more than DuckDB fetches one by one.
_FEW = 250
_NONE: Mapping[str, Sequence[str]] = {}


@dataclass
class Relations:
    """What changed of the inputs that did is in `moved`."""

    file: DuckSession
    scratch: Scratch
    planning: Planning
    # The models of sums that are brought over these changes.
    sums: list[str] = field(default_factory=list)
    moved: dict[str, Moved] = field(default_factory=dict)
    _relevant: dict[tuple[str, tuple[str, ...]], Moved | None] = field(default_factory=dict)
    _altered: dict[str, Altered] = field(default_factory=dict)
    _read_by_sums: dict[str, list[str]] = field(default_factory=dict)

    def has_moved(self, inputs: Iterable[str]) -> bool:
        """Whether anything changed of one of these."""
        return any(name in self.moved for name in inputs)

    def note(self, name: str, columns: Columns, old: str, new: str, *, distinct: bool) -> None:
        """What changes of an input; `distinct` says that no row stands in both."""
        if distinct:
            moved = moving.apart(self.file, columns, old, new)
        else:
            moved = moving.of(self.file, self.scratch, columns, old, new)
        if moved is not None:
            self.moved[name] = moved

    def read_by_sums(self, name: str) -> list[str]:
        """The columns of a first input that any model of sums reads of it, so that all find the same rows."""
        if name not in self._read_by_sums:
            analyses = [self.planning.analysis(model) for model in self.sums]
            firsts = [one for one in analyses if one.branches[0].occurrences[0].table == name]
            columns = {column for one in firsts for column in selecting.mentioned(one.branches[0], self.columns(name))}
            columns.update(self.planning.key(name))
            self._read_by_sums[name] = [column for column in self.columns(name) if column in columns]
        return self._read_by_sums[name]

    def columns(self, name: str) -> Columns:
        """The columns of a table or model, with their types."""
        return self.planning.relation(name).columns

    def relevant(self, name: str, columns: Sequence[str]) -> Moved | None:
        """What changed of an input in these columns: a stamp or a note that a model doesn't read is no change to it."""
        moved = self.moved.get(name)
        if moved is None or len(columns) == len(moved.columns):
            return moved
        asked = (name, tuple(columns))
        if asked not in self._relevant:
            self._relevant[asked] = self._of_columns(name, moved, columns)
        return self._relevant[asked]

    def _of_columns(self, name: str, moved: Moved, columns: Sequence[str]) -> Moved | None:
        """As few of the moved rows as are worth to be told apart."""
        key = self.planning.key(name)
        if moved.gone is not None and key:
            if name not in self._altered:
                self._altered[name] = Altered(self.file, moved, key)
            if self._altered[name].is_all(columns):
                return moved
            if self._altered[name].is_nothing(columns):
                return None
        kinds = {column: moved.columns[column] for column in columns}
        alteration = moving.of(self.file, self.scratch, kinds, moved.old, moved.new)
        # Where nothing falls away, what other models ask for is the same.
        return moved if alteration and alteration.count == moved.count else alteration

    def sides(self, branch: Branch, *, applied: bool, also: Mapping[str, Sequence[str]] = _NONE) -> Sides:
        """What to look for keys in, before or after the tables are brought over their changes.

        `also` names columns of inputs that are asked for besides those that the branch reads.
        """
        moved = {}
        for name in {one.table for one in branch.occurrences} & self.moved.keys():
            columns = selecting.mentioned(branch, self.columns(name))
            relevant = self.relevant(name, list(dict.fromkeys([*columns, *also.get(name, ())])))
            if relevant is not None:
                moved[name] = relevant
        return Sides(moved, lambda name: self._either(name, applied=applied), self.columns)

    def _either(self, name: str, *, applied: bool) -> str:
        """All rows of an input as they were and as they are."""
        if name not in self.moved:
            return place.out(name)
        moved, columns = self.moved[name], quoting.listed(self.columns(name))
        other = moved.old if applied else moved.new
        return f"(SELECT {columns} FROM {place.out(name)} UNION ALL SELECT {columns} FROM {other})"

    def nulls(self, keys: str, key: Iterable[str]) -> set[str]:
        """The columns of the key that are NULL in one of these keys."""
        counts = ", ".join(
            f"count(*) - count({quoting.identifier(name)}) AS {quoting.identifier(name)}" for name in key
        )
        nulls = self.file.rows(f"SELECT {counts} FROM {keys}")[0] if counts else {}
        return {name for name, count in nulls.items() if count}

    def unsure(self, branch: Branch, terms: Mapping[str, Term]) -> set[str]:
        """The columns of a key that may be NULL: all but those that are of a copied table's own key."""
        return {name for name, term in terms.items() if not self._is_of_key(branch, term.column)}

    def _is_of_key(self, branch: Branch, column: Place | None) -> bool:
        if column is None or column.alias in branch.optional:
            return False
        return column.column in self.planning.key(branch.occurrence(column.alias).table)

    def followed(self, name: str, alias: str, rows: str, units: str, same: str) -> str:
        """What some rows of a table, as they were, are after what moved of it: those that meet `units` by `same`.

        Empty where that can't be said without another look at the table: it has no key to tell its rows apart by.
        """
        moved, key = self.moved.get(name), quoting.listed(self.planning.key(name))
        if moved is None:
            return rows
        if not key or moved.gone is None:
            return ""
        columns = quoting.listed(self.read_by_sums(name))
        stay = f"SELECT {columns} FROM {rows}" + (f" ANTI JOIN {moved.old} USING ({key})" if moved.gone else "")
        come = f"{moved.new} AS {quoting.identifier(alias)} SEMI JOIN {units} AS neaptide_k ON {same}"
        return self.scratch.make(f"{stay} UNION ALL SELECT {columns} FROM {come}")

    def meeting(self, name: str, alias: str, keys: str, same: str, columns: Sequence[str]) -> str:
        """A table of the rows of a table or model that meet, under this alias, a row `neaptide_k` of `keys` by `same`.

        For few keys, which may lie anywhere, the places are found by a scan of what the condition reads; the other
        columns are then read only there. For more that is as long as to read all at once.
        """
        names, at = quoting.listed(columns), self.planning.stored(name)
        meets = f"{at} AS {quoting.identifier(alias)} SEMI JOIN {keys} AS neaptide_k ON {same}"
        has_places = not any(quoting.fold(one) == "rowid" for one in self.columns(name))
        if not has_places or self.scratch.count(keys) > _FEW:
            return self.scratch.make(f"SELECT {names} FROM {meets}")
        places = self.scratch.make(f"SELECT {quoting.identifier(alias)}.rowid AS place FROM {meets}")
        with self.file.fetching_by_place():
            return self.scratch.make(f"SELECT {names} FROM {at} WHERE rowid IN (SELECT place FROM {places})")
