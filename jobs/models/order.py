"""All models of a project, in an order in which inputs come first.

A file that can't be kept spoils only itself and the models above it: each is named with the reason, the others go on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from app import errors
from jobs import quoting
from jobs.models import file
from jobs.models.analysis import scratch, select
from jobs.models.analysis.scratch import Scratch
from jobs.models.analysis.shapes import Analysis, Relation
from jobs.models.file import Model
from jobs.models.folder import Folder


@dataclass(frozen=True)
class Planned:
    """Models that can be kept, with what their SELECTs are made of, inputs first; and why the others can't."""

    analyses: Mapping[str, Analysis] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    bad: Mapping[str, errors.ModelError] = field(default_factory=dict)


def planned(folder: Folder, tables: Mapping[str, Relation], *, catalog: str = "out") -> Planned:
    """Analyse all models of a folder over these tables, by `schema.name`."""
    bad = dict(folder.bad)
    models = dict(folder.models)
    for name, error in _like_tables(models.values(), tables):
        bad[name] = error
        del models[name]
    with scratch.opened(tables) as known:
        return _Planning(models, bad, known, catalog).run()


class _Planning:
    """One go through all models."""

    def __init__(
        self, models: dict[str, Model], bad: dict[str, errors.ModelError], known: Scratch, catalog: str
    ) -> None:
        self._models, self._bad, self._known, self._catalog = models, bad, known, catalog
        self._by_table = {quoting.fold(one.table): one.name for one in models.values()}
        self._spoiled = {quoting.fold(quoting.join_name(file.SCHEMA, name)): name for name in bad}
        self._above = self._read_inputs()
        self._analyses: dict[str, Analysis] = {}

    def run(self) -> Planned:
        """Inputs first; what is left in the end goes round in a circle."""
        waiting = dict(self._above)
        while ready := [name for name, below in waiting.items() if not below & waiting.keys()]:
            for name in sorted(ready):
                del waiting[name]
                self._analyse(name)
        for name in waiting:
            self._refuse(name, *_circle(name, waiting))
        good = {name: self._models[name] for name in self._analyses}
        return Planned(self._analyses, good, self._bad)

    def _read_inputs(self) -> dict[str, frozenset[str]]:
        """The models that each reads."""
        above: dict[str, frozenset[str]] = {}
        for name, model in self._models.items():
            try:
                inputs = select.inputs(model, self._known)
            except errors.ModelError as error:
                self._spoil(name, error)
            else:
                above[name] = frozenset(self._by_table[one] for one in inputs if one in self._by_table)
                for one in inputs & self._spoiled.keys():
                    self._refuse(name, f"it reads {self._spoiled[one]}, which can't be kept", "mend that one first")
        return {name: below for name, below in above.items() if name not in self._bad}

    def _analyse(self, name: str) -> None:
        model = self._models[name]
        if below := sorted(self._above[name] & self._bad.keys()):
            self._refuse(name, f"it reads {file.SCHEMA}.{below[0]}, which can't be kept", "mend that one first")
            return
        try:
            analysis = select.analyse(model, self._known, catalog=self._catalog)
        except errors.ModelError as error:
            self._spoil(name, error)
        else:
            self._analyses[name] = analysis
            self._known.add(model.table, Relation(analysis.columns, analysis.key))

    def _refuse(self, name: str, reason: str, hint: str) -> None:
        model = self._models[name]
        self._spoil(name, errors.ModelError(f"{model.at(0)}: {reason}", hint=hint))

    def _spoil(self, name: str, error: errors.ModelError) -> None:
        self._bad[name] = error


def _like_tables(models: Iterable[Model], tables: Iterable[str]) -> list[tuple[str, errors.ModelError]]:
    """A model that is called like a copied table: who reads the one would be taken to mean the other."""
    names = {quoting.fold(quoting.split_name(table)[1]): table for table in tables}
    return [
        (
            model.name,
            errors.ModelError(
                f"{model.where}: it is called like the table {names[quoting.fold(model.name)]}",
                hint="rename the file, which names the model",
            ),
        )
        for model in models
        if quoting.fold(model.name) in names
    ]


def _circle(name: str, waiting: Mapping[str, Collection[str]]) -> tuple[str, str]:
    """Why a model can't come after what it reads."""
    path = [name]
    while True:
        following = min(below for below in waiting[path[-1]] if below in waiting)
        if following in path:
            break
        path.append(following)
    circle = [*path[path.index(following) :], following]
    if following == name:
        return f"it reads itself: {' reads '.join(circle)}", "leave one of these out"
    return f"it reads {following}, which reads itself: {' reads '.join(circle)}", "mend that one first"
