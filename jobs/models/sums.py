"""Keeps a model of counts and sums: what the affected rows of its first input add up to, taken away and added again.

Beside each group lies the number of its rows, and of the values in each sum: a group without rows goes, and a sum of
no values is NULL. These lie in a table of the schema `neaptide`; the model's name is that of a view without them.
"""

from __future__ import annotations

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.models import affected, place, selecting
from jobs.models.analysis.shapes import Analysis, Occurrence, Output, Place, Term
from jobs.models.moved import Moved, of
from jobs.models.relations import Relations
from jobs.models.scratch import Columns

ROWS = "neaptide_rows"


class Shape:
    """The columns of the table behind such a model, and how they are worked out and added up."""

    def __init__(self, analysis: Analysis) -> None:
        self.branch = analysis.branches[0]
        self.groups = [one for one in self.branch.outputs if not one.aggregates]
        self._sums = [one for one in self.branch.outputs if one.aggregates]
        self.visible: Columns = analysis.columns
        self.hidden = {ROWS: "BIGINT"} | {
            _counted(one): "BIGINT" for one in self._sums if one.aggregate and one.aggregate.function == "sum"
        }
        self.columns: Columns = {**self.visible, **self.hidden}

    def fields(self) -> list[str]:
        """The SELECT list over the branch's rows."""
        counts = [
            f"{_count(one)} AS {quoting.identifier(_counted(one))}"
            for one in self._sums
            if _counted(one) in self.hidden
        ]
        return [*selecting.fields(self.branch), f"count(*) AS {ROWS}", *counts]

    def signed(self, sign: str) -> str:
        """The columns of a relation of this shape, its numbers with the sign."""
        keys = {one.name for one in self.groups}
        names = ((name, quoting.identifier(name)) for name in self.columns)
        return ", ".join(quoted if name in keys else f"{sign}{quoted} AS {quoted}" for name, quoted in names)

    def added(self) -> str:
        """The SELECT list that adds up groups of this shape."""
        keys = {one.name for one in self.groups}
        return ", ".join(self._added(name, kind) for name, kind in self.columns.items() if name not in keys)

    def _added(self, name: str, kind: str) -> str:
        quoted = quoting.identifier(name)
        total = f"CAST(sum({quoted}) AS {kind})"
        count = f"neaptide_n_{name}"
        if count in self.hidden:
            total = f"CASE WHEN sum({quoting.identifier(count)}) <> 0 THEN {total} END"
        return f"{total} AS {quoted}"

    def key(self) -> str:
        """The columns that tell groups apart, with commas after each."""
        return "".join(f"{quoting.identifier(one.name)}, " for one in self.groups)


def text(shape: Shape) -> str:
    """The whole SELECT, with the hidden columns."""
    return selecting.select(shape.branch, shape.fields(), {})


def build(file: DuckSession, analysis: Analysis, name: str) -> int:
    """Make the table and its view."""
    shape, table = Shape(analysis), place.behind(name)
    defined = ", ".join(file.defined(column, kind, analysis.key) for column, kind in shape.columns.items())
    file.execute(f"CREATE TABLE {table} ({defined})")
    names = quoting.listed(shape.columns)
    rows = file.one(f"INSERT INTO {table} ({names}) SELECT {names} FROM ({text(shape)})")
    unplaced = table.removeprefix("out.")
    file.execute(f"CREATE VIEW {place.out(name)} AS SELECT {quoting.listed(shape.visible)} FROM {unplaced}")
    return int(rows)


class Sums:
    """What one run does to one such model. `grown` says by how many groups it has more afterwards."""

    def __init__(self, relations: Relations, name: str, analysis: Analysis) -> None:
        self._relations, self._name = relations, name
        self._file, self._scratch = relations.file, relations.scratch
        self._shape, self._branch = Shape(analysis), analysis.branches[0]
        self._analysis = analysis
        self._driver = self._branch.occurrences[0]
        self._units = self._rows = self._minus = ""
        self.count = self.grown = 0

    @property
    def is_single(self) -> bool:
        """Whether there is but one input, so that its moved rows are all that counts."""
        return len(self._branch.occurrences) == 1

    def before(self) -> None:
        """Note what the affected rows add up to while the tables are as they were."""
        if self.is_single:
            return
        sides = self._relations.sides(self._branch, applied=False, also={self._driver.table: self._analysis.unit})
        parts = list(affected.keys(self._branch, self._terms(), sides))
        units = self._scratch.make(affected.together(parts)) if parts else ""
        if units and self._scratch.count(units):
            self._units = units
            self._rows = self._affected()
            self._minus = self._scratch.make(self._summed(self._rows))

    def after(self, *, witnessed: bool) -> Moved | None:
        """Bring the groups over what moved."""
        if self.is_single:
            moved = self._relations.moved[self._driver.table]
            # What the SELECT doesn't read comes to nothing.
            self._minus, plus = (f"({self._summed(rows)})" for rows in (moved.old, moved.new))
        elif not self._units:
            return None
        else:
            plus = f"({self._summed(self._now())})"
        return self._merge(plus, witnessed=witnessed)

    def _terms(self) -> dict[str, Term]:
        return {name: _of_driver(self._driver, name) for name in self._analysis.unit}

    def _affected(self) -> str:
        """The affected rows of the first input, as they are now."""
        columns = self._relations.read_by_sums(self._driver.table)
        return self._relations.meeting(self._driver.table, self._driver.alias, self._units, self._same(), columns)

    def _now(self) -> str:
        """The affected rows once the tables are as they will be."""
        table, alias = self._driver.table, self._driver.alias
        return self._relations.followed(table, alias, self._rows, self._units, self._same()) or self._affected()

    def _same(self) -> str:
        """The condition that a row of the first input is an affected one."""
        terms = self._terms()
        unsure = self._relations.unsure(self._branch, terms)
        return selecting.same(terms, self._relations.nulls(self._units, unsure))

    def _summed(self, rows: str) -> str:
        return selecting.select(self._branch, self._shape.fields(), {self._driver.alias: rows})

    def _merge(self, plus: str, *, witnessed: bool) -> Moved | None:
        shape, table = self._shape, place.behind(self._name)
        key, grouped = shape.key(), _grouped(shape)
        net = self._net(plus)
        self.count = self._scratch.count(net)
        if not self.count:
            return None
        same = selecting.same(selecting.own(one.name for one in shape.groups), self._nulls(net)) or "true"
        columns = quoting.listed(shape.columns)
        before = f"SELECT {columns} FROM {table} AS t SEMI JOIN {net} AS neaptide_k ON {same}"
        old = self._scratch.make(before) if witnessed else f"({before})"
        union = f"SELECT {columns} FROM {old} UNION ALL SELECT {columns} FROM {net}"
        having = f" HAVING sum({ROWS}) <> 0" if shape.groups else ""
        new = self._scratch.make(f"SELECT {key}{shape.added()} FROM ({union}){grouped}{having}")
        gone = self._file.one(f"DELETE FROM {table} AS t USING {net} AS neaptide_k WHERE {same}")
        come = self._file.one(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {new}")
        self.grown = come - gone
        return of(self._file, self._scratch, shape.visible, old, new) if witnessed else None

    def _nulls(self, net: str) -> set[str]:
        """The columns of the key that are NULL in a group that gains something."""
        return self._relations.nulls(
            net, self._relations.unsure(self._branch, {one.name: one.term for one in self._shape.groups})
        )

    def _net(self, plus: str) -> str:
        """What each group gains; none that gains nothing."""
        shape = self._shape
        sides = " UNION ALL ".join(
            f"SELECT {shape.signed(sign)} FROM {rows}" for sign, rows in (("+", plus), ("-", self._minus))
        )
        keys = {one.name for one in shape.groups}
        moves = " OR ".join(f"sum({quoting.identifier(name)}) <> 0" for name in shape.columns if name not in keys)
        return self._scratch.make(f"SELECT {shape.key()}{self._plain()} FROM ({sides}){_grouped(shape)} HAVING {moves}")

    def _plain(self) -> str:
        keys = {one.name for one in self._shape.groups}
        numbers = {name: kind for name, kind in self._shape.columns.items() if name not in keys}
        return ", ".join(
            f"CAST(sum({quoting.identifier(name)}) AS {kind}) AS {quoting.identifier(name)}"
            for name, kind in numbers.items()
        )


def _grouped(shape: Shape) -> str:
    return f" GROUP BY {shape.key().removesuffix(', ') or '()'}"


def _of_driver(driver: Occurrence, name: str) -> Term:
    column = Place(driver.alias, name)
    return Term(quoting.qualified(*column), frozenset([driver.alias]), column)


def _counted(one: Output) -> str:
    return f"neaptide_n_{one.name}"


def _count(one: Output) -> str:
    assert one.aggregate is not None
    given = f" FILTER (WHERE {one.aggregate.filter})" if one.aggregate.filter else ""
    return f"count({one.aggregate.argument}){given}"
