"""What the last run changed, kept in its session so that the next one need not read it from PostgreSQL again.

Each of the two files is written by every other run, so a run brings its file over the changes of two. Those of the run
before stand in temporary tables of the session that made them, together with the two runs between which they lie. They
are used for a file of the one run while that of the other is published, and then they are all that tells the two files
apart. No position is remembered: where anything else is found, each file goes on from its own watermark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobs.engine.session import DuckSession
from jobs.feeds.changes import Changes
from jobs.feeds.changes import drop as drop_changes
from jobs.plan.steps import DELTA, Step
from jobs.position import watermark
from jobs.record.runs import End, Record
from jobs.record.state import State

# What may stay in memory between two runs, as a share of DuckDB's limit.
_SHARE = 8


@dataclass(frozen=True)
class Carried:
    """Turns a file in the state `base` into that of the run `run_id`, as far as the tables named go.

    `tables` has None for one without changes. `record` is that of the run, `base_end` how the run that wrote `base`
    ended.
    """

    base: State
    run_id: str
    tables: Mapping[str, Changes | None]
    record: Record | None = None
    base_end: End = None

    def leads(self, state: State, published: State) -> bool:
        """Whether it turns a file in this state into the published one."""
        return state == self.base and published.run_id == self.run_id and published.lineage == state.lineage != ""

    def ahead(self, state: State, published: State) -> State:
        """The state of the file once this is applied to it."""
        return replace(state, tables={**state.tables, **{name: published.tables[name] for name in self.tables}})


NOTHING = Carried(State(), "", {})


def can_carry(step: Step, published: State) -> bool:
    """Whether the table's changes, once read, are all that the file that is published now will lack.

    A comparison of keys is one with a certain file.
    """
    base = published.tables.get(step.table.name)
    if base is None or step.action != DELTA or step.compares_keys:
        return False
    return watermark.includes(step.since, base.watermark)


def of_session(file: DuckSession) -> Carried | None:
    """What the last run of this session left, whatever it is good for."""
    left: Carried | None = file.carried
    return left


def base(file: DuckSession) -> State | None:
    """The state of the file that the last run of this session left something for."""
    last = of_session(file)
    return last.base if last else None


def leading(file: DuckSession, state: State, published: State) -> Carried:
    """The changes that lead from a file in this state to the published one, of the tables that both hold alike."""
    last = of_session(file)
    if last is None or not last.leads(state, published):
        drop(file)
        return NOTHING
    alike = {name: changes for name, changes in last.tables.items() if _is_alike(name, state, published)}
    return replace(last, tables=alike)


def _is_alike(name: str, state: State, published: State) -> bool:
    one, other = state.tables.get(name), published.tables.get(name)
    return one is not None and other is not None and one.signature == other.signature


def drop(file: DuckSession) -> None:
    """Forget what is kept."""
    last, file.carried = of_session(file), None
    for changes in last.tables.values() if last else ():
        if changes:
            drop_changes(file, changes)


def hand_on(file: DuckSession, carried: Carried) -> None:
    """Keep these changes in place of the last, if they take little room and nothing had to be put on disk."""
    drop(file)
    file.carried = carried
    held, spilled = file.memory()
    if spilled or held > file.memory_limit() / _SHARE:
        drop(file)
