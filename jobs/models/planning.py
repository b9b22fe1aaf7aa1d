"""What the models of a folder are made of over the tables of one file, worked out when it is first asked for.

A run in which no model's input moved, and no model's text changed, never asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property

from app import statements
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.models import order, place
from jobs.models.analysis.shapes import Analysis, Relation
from jobs.models.order import Folder, Planned

# The last that was worked out: in a process that runs often, all is as it was the time before.
_last: tuple[object, Planned] | None = None


class Planning:
    """The models and tables that models may read, by `schema.name`."""

    def __init__(self, file: DuckSession, folder: Folder) -> None:
        self._file, self.folder = file, folder

    @cached_property
    def planned(self) -> Planned:
        """Every model that can be kept, inputs first, and why the others can't."""
        return _planned(self.folder, self._tables)

    def analysis(self, model: str) -> Analysis:
        """What a model that can be kept is made of."""
        return self.planned.analyses[model]

    def relation(self, name: str) -> Relation:
        """The columns and the key of a table or model."""
        found = self._tables.get(name)
        if found is not None:
            return found
        analysis = self.planned.analyses[quoting.split_name(name)[1]]
        return Relation(analysis.columns, analysis.key)

    @cached_property
    def _tables(self) -> dict[str, Relation]:
        keys = {
            row["table_name"]: tuple(json.loads(row["key"] or "[]"))
            for row in self._file.rows(statements.get("upkeep", "keys"))
        }
        columns: dict[str, dict[str, str]] = {}
        for row in self._file.rows(statements.get("upkeep", "columns")):
            columns.setdefault(quoting.join_name(row["schema"], row["name"]), {})[row["column"]] = row["type"]
        return {name: Relation(columns[name], key) for name, key in keys.items() if name in columns}


def _planned(folder: Folder, tables: Mapping[str, Relation]) -> Planned:
    global _last  # noqa: PLW0603
    shapes = [(name, list(one.columns.items()), one.key) for name, one in tables.items()]
    asked = (dict(folder.models), {name: error.message for name, error in folder.bad.items()}, shapes)
    if _last is None or _last[0] != asked:
        _last = asked, order.planned(folder, tables, catalog=place.CATALOG)
    return _last[1]
