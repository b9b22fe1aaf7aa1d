"""What the models of a folder are made of over the tables of one file, worked out when it is first asked for.

A run in which no model's input moved, and no model's text changed, never asks.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from app import statements
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.models import order, place
from jobs.models.analysis.shapes import Analysis, Relation
from jobs.models.folder import Folder
from jobs.models.order import Planned


@dataclass
class _World:
    """Models and tables, and what was worked out of some of the models: all, or those that a run had to do with."""

    asked: object
    analyses: dict[str, Analysis] = field(default_factory=dict)
    planned: Planned | None = None


# The last: in a process that runs often, all is as it was the time before.
_last = _World(None)


class Planning:
    """The models and tables that models may read, by `schema.name`."""

    def __init__(self, file: DuckSession, folder: Folder) -> None:
        self._file, self.folder = file, folder
        # What is read by models of which it is known that they can be kept.
        self.inputs: Mapping[str, Collection[str]] = {}
        self._sizes: dict[str, int] = {}

    @cached_property
    def planned(self) -> Planned:
        """Every model that can be kept, inputs first, and why the others can't."""
        world = self._world
        if world.planned is None:
            world.planned = order.planned(self.folder, self._tables, catalog=place.CATALOG)
            world.analyses.update(world.planned.analyses)
        return world.planned

    def prepare(self, models: Iterable[str]) -> None:
        """Work out what these are made of, at once, and of no other that is known to be good."""
        needed = self._needed(models)
        if not needed or needed <= self._world.analyses.keys():
            return
        tables = {one for name in needed for one in self.inputs[name]} & self._tables.keys()
        part = Folder({name: self.folder.models[name] for name in needed})
        planned = order.planned(part, {name: self._tables[name] for name in tables}, catalog=place.CATALOG)
        self._world.analyses.update(planned.analyses)

    def analysis(self, model: str) -> Analysis:
        """What a model that can be kept is made of."""
        if model not in self._world.analyses:
            self.prepare([model])
        analysis = self._world.analyses.get(model)
        return analysis or self.planned.analyses[model]

    def relation(self, name: str) -> Relation:
        """The columns and the key of a table or model."""
        table = self._tables.get(name)
        if table is not None:
            return table
        analysis = self.analysis(quoting.split_name(name)[1])
        return Relation(analysis.columns, analysis.key)

    def key(self, name: str) -> tuple[str, ...]:
        """The key of a copied table, none of whose columns is ever NULL; a model's own need not tell its rows apart."""
        table = self._tables.get(name)
        return table.key if table else ()

    def size(self, name: str) -> int:
        """About how many rows a table has."""
        return self._sizes.get(name, 0)

    def stored(self, name: str) -> str:
        """Where the rows of a table or model lie, by their rowids: those of sums behind a view, which has none."""
        if name in self._tables or self.analysis(quoting.split_name(name)[1]).kind != "sums":
            return place.out(name)
        return place.behind(name)

    def _needed(self, models: Iterable[str]) -> set[str]:
        """These models that are known to be good, and those that they read."""
        by_table = {place.full(name): name for name in self.inputs}
        waiting, needed = [name for name in models if name in self.inputs], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += [by_table[one] for one in self.inputs[name] if one in by_table]
        return needed

    @cached_property
    def _world(self) -> _World:
        global _last  # noqa: PLW0603
        shapes = [(name, list(one.columns.items()), one.key) for name, one in self._tables.items()]
        bad = {name: error.message for name, error in self.folder.bad.items()}
        asked = (dict(self.folder.models), bad, shapes)
        if _last.asked != asked:
            _last = _World(asked)
        return _last

    @cached_property
    def _tables(self) -> dict[str, Relation]:
        keys = {
            row["table_name"]: tuple(json.loads(row["key"] or "[]"))
            for row in self._file.rows(statements.get("upkeep", "keys"))
        }
        columns: dict[str, dict[str, str]] = {}
        for row in self._file.rows(statements.get("upkeep", "columns")):
            name = quoting.join_name(row["schema"], row["name"])
            columns.setdefault(name, {})[row["column"]] = row["type"]
            self._sizes[name] = row["size"] or 0
        return {name: Relation(columns[name], key) for name, key in keys.items() if name in columns}
