"""The relations of one run that upkeep works with: inputs as they lie in the file, and what moved of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.models import moved as moving
from jobs.models import place, selecting
from jobs.models.affected import Sides
from jobs.models.analysis.shapes import Branch
from jobs.models.moved import Moved
from jobs.models.planning import Planning
from jobs.models.scratch import Columns, Scratch

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
    _read_by_sums: dict[str, list[str]] = field(default_factory=dict)

    def has_moved(self, inputs: Iterable[str]) -> bool:
        """Whether anything changed of one of these."""
        return any(name in self.moved for name in inputs)

    def note(self, name: str, columns: Columns, old: str, new: str, *, distinct: bool) -> None:
        """What changes of an input."""
        moved = moving.of(self.file, self.scratch, columns, old, new, distinct=distinct)
        if moved is not None:
            self.moved[name] = moved

    def read_by_sums(self, name: str) -> list[str]:
        """The columns of a first input that any model of sums reads of it, so that all find the same rows."""
        if name not in self._read_by_sums:
            found = [self.planning.analysis(model) for model in self.sums]
            firsts = [one for one in found if one.branches[0].occurrences[0].table == name]
            columns = {column for one in firsts for column in selecting.mentioned(one.branches[0], self.columns(name))}
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
            kinds = {column: moved.columns[column] for column in columns}
            found = moving.of(self.file, self.scratch, kinds, moved.old, moved.new, distinct=False)
            # Where nothing falls away, what other models ask for is the same.
            self._relevant[asked] = moved if found and found.count == moved.count else found
        return self._relevant[asked]

    def sides(self, branch: Branch, *, applied: bool, also: Mapping[str, Sequence[str]] = _NONE) -> Sides:
        """What to look for keys in, before or after the tables are brought over their changes.

        `also` names columns of inputs that are asked for besides those that the branch reads.
        """
        moved = {}
        for name in {one.table for one in branch.occurrences} & self.moved.keys():
            columns = selecting.mentioned(branch, self.columns(name))
            found = self.relevant(name, list(dict.fromkeys([*columns, *also.get(name, ())])))
            if found is not None:
                moved[name] = found.both
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
        return {name for name, count in self.file.rows(f"SELECT {counts} FROM {keys}")[0].items() if count}

    def meeting(self, name: str, alias: str, keys: str, same: str, columns: Sequence[str]) -> str:
        """A table of the rows of a table or model that meet, under this alias, a row `neaptide_k` of `keys` by `same`.

        The places are found by a scan of what the condition reads; the other columns are then read only there.
        """
        names, at = quoting.listed(columns), self.planning.stored(name)
        meets = f"{at} AS {quoting.identifier(alias)} SEMI JOIN {keys} AS neaptide_k ON {same}"
        if any(quoting.fold(one) == "rowid" for one in self.columns(name)):
            return self.scratch.make(f"SELECT {names} FROM {meets}")
        places = self.scratch.make(f"SELECT {quoting.identifier(alias)}.rowid AS place FROM {meets}")
        with self.file.fetching_by_place():
            return self.scratch.make(f"SELECT {names} FROM {at} WHERE rowid IN (SELECT place FROM {places})")
