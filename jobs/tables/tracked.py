"""Whether a table has what its modes need: what triggers can never give it, and what `track` would. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobs.tables import capture, stamps, triggers
from jobs.tables.table import Table
from jobs.tables.triggers import Trigger

_ROW_EVENTS = (triggers.INSERT, triggers.UPDATE)


def untracked(table: Table) -> str | None:
    """What the table lacks for its modes, as a sentence, or None."""
    if table.mode.reads_all:
        return None
    if table.mode.from_log:
        return unfit(table)
    lack = unfit(table) or _without_stamp(table) or _outdated(table) or _unstamped(table)
    if lack:
        return lack
    return _unrecorded(table) if table.deletes.recorded else None


def unfit(table: Table) -> str | None:
    """Why no trigger can ever make the table ready, as a sentence, or None."""
    name = table.source_name
    if not table.holds_rows:
        return f'{name} is no ordinary table: set watermark = "none" for it'
    if table.kind == "r" and table.parts:
        return f'other tables inherit from {name}, past its triggers: set watermark = "none" for it'
    if table.elsewhere:
        return (
            f"the partition {table.elsewhere} of {name} is a table of another server, which writes it past all"
            ' triggers: set watermark = "none" for it'
        )
    if not table.source_key:
        return f'{name} has no primary key: name a unique key in the config, or set watermark = "none"'
    return _unfit_stamp(table)


def _unfit_stamp(table: Table) -> str | None:
    stamp = table.stamp
    if stamp is None:
        return None
    info = next(info for info in table.infos if info.name == stamp.column)
    kind = info.type.resolved
    if kind.schema != "pg_catalog" or kind.name not in table.mode.stamp_types:
        return f"{stamp.column} of {table.source_name} is {kind.name}, not {table.mode.stamp_types[0]}"
    if info.generated:
        return f"{stamp.column} of {table.source_name} is generated from other columns: no trigger can stamp it"
    return None


def stamped_by_owner(table: Table) -> bool:
    """The table has a stamp that triggers of its owner's keep, in every session, on every partition."""
    stamp = table.stamp
    if stamp is None or _unfit_stamp(table):
        return False
    owners = [[trigger for trigger in firing if not trigger.ours] for _, firing in _places(table)]
    return not any(triggers.fault(firing, stamp, event) for firing in owners for event in _ROW_EVENTS)


def last_word(table: Table) -> Trigger | None:
    """A trigger of the owner's that would fire after ours, and may undo what that does."""
    columns = [*table.source_key, *([table.stamp.column] if table.stamp else [])]
    name = capture.row(table.subject, stamp=False, record=True).name
    suspects = (triggers.later(there, name, event, columns) for _, there in _places(table) for event in _ROW_EVENTS)
    return next(filter(None, suspects), None)


def _places(table: Table) -> Iterator[tuple[str, tuple[Trigger, ...]]]:
    """Where rows are written, by name, with what fires there: the table, or its partitions and what new ones get."""
    yield table.source_name, table.triggers
    for leaf in table.leaves:
        yield f"{table.source_name}'s partition {leaf.name}", leaf.triggers


def _without_stamp(table: Table) -> str | None:
    if table.stamp is None:
        return f"{table.source_name} has no column {stamps.column(table.spec, table.infos)}"
    return None


def _outdated(table: Table) -> str | None:
    ours = {trigger.function for trigger in table.triggers if trigger.ours and not trigger.cloned}
    if ours <= capture.functions(table.subject):
        return None
    return f"the triggers of {table.source_name} were made for another key or table, or by an earlier version"


def _unstamped(table: Table) -> str | None:
    stamp = table.stamp
    assert stamp is not None
    trusted = capture.stamping(table.subject)
    for place, firing in _places(table):
        for event in _ROW_EVENTS:
            fault = triggers.fault(firing, stamp, event, trusted)
            if fault:
                return fault[0].value.format(table=place, name=fault[1], column=stamp.column)
    return None


def _unrecorded(table: Table) -> str | None:
    subject = table.subject
    for number, (place, there) in enumerate(_places(table)):
        # What fires for each statement fires where the statement names the table; TRUNCATE of a partition changes its
        # file's name.
        kinds = [[capture.by_row(subject)], [capture.emptied(subject)]] if number == 0 else [[capture.by_row(subject)]]
        if not subject.by_row:
            kinds[0].append(capture.by_statement(subject))
        recording = [t for t in there if _records_updates(t, capture.recording(subject))]
        if not recording or not all(any(_one_of(t, kind) for t in there) for kind in kinds):
            return f"the triggers of {place} that record deleted rows are missing, or not ENABLE ALWAYS"
        after = triggers.later(there, recording[-1].name, triggers.UPDATE, table.source_key)
        if after:
            return f"the trigger {after.name} of {place} fires after the keys of changed rows were recorded"
    return None


def _records_updates(trigger: Trigger, functions: Iterable[triggers.Function]) -> bool:
    return (
        trigger.function in functions
        and trigger.fires(triggers.UPDATE, before=True, row=True)
        and trigger.enabled == triggers.ALWAYS
        and not trigger.conditional
    )


def _one_of(trigger: Trigger, captures: Iterable[capture.Capture]) -> bool:
    return any(one.is_(trigger) for one in captures)
