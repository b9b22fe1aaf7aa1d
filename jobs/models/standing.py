"""How the models stand when a run begins: which are equal to their SELECTs, and why the others are built anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import duckdb

from jobs.models import place
from jobs.models.folder import Folder
from jobs.record.models import Models, SavedModel
from jobs.results import ModelRun

if TYPE_CHECKING:
    from jobs.models.planning import Planning

# Of how models lie in the file, and of which kind each is: another number has all of them built anew.
UPKEEP = 2


@dataclass(frozen=True)
class Standing:
    """One model. With a `reason` it is to be built anew, with an `error` it can't be; with neither it is current.

    `inputs` are what its SELECT reads, `tables` the copied tables beneath them.
    """

    name: str
    signature: dict[str, object]
    inputs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    reason: str = ""
    cause: str = ""
    error: str | None = None
    saved: SavedModel | None = None

    @property
    def is_current(self) -> bool:
        """Whether its table is equal to its SELECT over the tables as they were when the run began."""
        return not self.reason and self.error is None


def signatures(folder: Folder) -> dict[str, dict[str, object]]:
    """What each model's table is made by, besides its inputs; the models that can't be read have one, too."""
    good = {
        name: {
            "sql": one.text,
            "key": list(one.key),
            "require": one.require,
            "duckdb": duckdb.__version__,
            "upkeep": UPKEEP,
        }
        for name, one in folder.models.items()
    }
    return good | {name: {"error": error.message} for name, error in folder.bad.items()}


def differ(folder: Folder, models: Models) -> bool:
    """Whether a file with these models is not as the folder says, so that a run has something to do."""
    wanted = signatures(folder)
    if models.by_name.keys() != wanted.keys():
        return True
    return any(
        saved.signature != wanted[name] or not (saved.error or models.is_current(name))
        for name, saved in models.by_name.items()
    )


def still_failed(models: Models) -> tuple[ModelRun, ...]:
    """The models that are not in a file, as a run says it that changes nothing."""
    return tuple(ModelRun(name, "failed", error=error) for name, error in models.errors.items())


def judge(planning: Planning, models: Models, avoid: Mapping[str, str]) -> list[Standing]:
    """All models, inputs first. `avoid` says why some could not be kept in this very run."""
    wanted = signatures(planning.folder)
    if all(_is_known(models.by_name.get(name), signature) for name, signature in wanted.items()):
        read = {name: models.by_name[name].inputs for name in wanted}
    else:
        read = {name: one.inputs for name, one in planning.planned.analyses.items()}
    known: dict[str, Standing] = {}
    for name in _inputs_first(read):
        one = Standing(name, wanted[name], read[name], saved=models.by_name.get(name))
        known[place.full(name)] = _judged(one, known, models, avoid)
    bad = [_bad(name, wanted[name], planning, models) for name in wanted if name not in read]
    return [*known.values(), *bad]


def _is_known(saved: SavedModel | None, signature: dict[str, object]) -> bool:
    return saved is not None and saved.error is None and saved.signature == signature


def _inputs_first(read: Mapping[str, Collection[str]]) -> list[str]:
    """The models in order; none reads itself by any way."""
    by_table = {place.full(name): name for name in read}
    below = {name: [by_table[one] for one in inputs if one in by_table] for name, inputs in read.items()}
    done = dict[str, None]()
    while len(done) < len(read):
        done |= dict.fromkeys(name for name in read if name not in done and all(one in done for one in below[name]))
    return list(done)


def _bad(name: str, signature: dict[str, object], planning: Planning, models: Models) -> Standing:
    error = planning.planned.bad[name]
    message = f"{error.message} ({error.hint})" if error.hint else error.message
    return Standing(name, signature, error=message, saved=models.by_name.get(name))


def _judged(one: Standing, known: Mapping[str, Standing], models: Models, avoid: Mapping[str, str]) -> Standing:
    below = [known[name] for name in one.inputs if name in known]
    tables = {name for name in one.inputs if name not in known}.union(*(lower.tables for lower in below))
    one = replace(one, tables=tuple(sorted(tables)))
    cause, reason = _why(one, below, models, avoid)
    return replace(one, cause=cause, reason=reason)


def _why(one: Standing, below: Collection[Standing], models: Models, avoid: Mapping[str, str]) -> tuple[str, str]:
    """The cause and the reason of a build; nothing twice where the model is current."""
    saved, now = one.saved, one.signature
    if one.name in avoid:
        return "failed", f"it could not be kept: {avoid[one.name]}"
    if saved is None:
        return "first", "first build"
    if saved.error is not None:
        return "failed", "it failed before"
    if saved.signature.get("duckdb") != now["duckdb"]:
        return "duckdb", f"DuckDB is {now['duckdb']}, it was {saved.signature.get('duckdb')}"
    if saved.signature.get("upkeep") != now["upkeep"]:
        return "altered", "this version keeps it otherwise"
    if saved.signature != now:
        return "altered", "its text changed"
    replaced = next((table for table in one.tables if table not in models.current), None)
    if replaced is not None:
        return "table", f"{replaced} was copied anew or mended"
    stale = next((lower.name for lower in below if not lower.is_current), None)
    return ("input", f"{place.full(stale)} is built anew") if stale is not None else ("", "")
