"""Tables that an operator has paused: they stay as published, and whoever waits too long with them is told before.

Those of `neaptide pause` stand in a small file beside the target, each with the moment since when.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app import errors, nearest
from jobs.beside import identity, paused
from jobs.beside.names import Names
from jobs.job import Job
from jobs.record.state import Saved, State
from jobs.tables import modes
from jobs.tables.entries import Entries
from jobs.targets import targets

# From this share of what is kept on it is told that it is about to be forgotten.
_NEAR = 0.75
# So much log is held for one table while others go on.
_MUCH = 2**30


def pause(job: Job, names: list[str]) -> list[str]:
    """Leave these tables as they are from the next run on; those of them that were not paused before.

    A run in hand ends as it began. Raises `errors.UsageError` with the nearest names for one that isn't there.
    """
    with targets.of(job).locked():
        before = paused.read(job.files)
        new = [name for name in _known(job, names) if name not in before]
        now = datetime.now(UTC).isoformat()
        paused.write(job.files, {**before, **dict.fromkeys(new, now)})
        return new


def resume(job: Job, names: list[str]) -> list[str]:
    """Bring these tables up to date again from the next run on, all where none is named; those that were paused.

    Raises `errors.UsageError` for one that the config pauses, and for one that isn't there.
    """
    with targets.of(job).locked():
        before = paused.read(job.files)
        # What was paused may be gone from the config.
        known = (
            list(before) if not names else [*(n for n in names if n in before), *_known(job, set(names) - {*before})]
        )
        for spec in job.settings.tables:
            if spec.paused and names and spec.name in known:
                raise errors.UsageError(f"{spec.name} has paused = true in the config", hint="take it out there")
        paused.write(job.files, {name: since for name, since in before.items() if name not in known})
        return [name for name in known if name in before]


def _known(job: Job, names: Iterable[str]) -> list[str]:
    """The names, each of which is an entry of the config or a table of the file."""
    state = targets.of(job).peek()
    there = {*state.tables, *state.others, *(spec.name for spec in job.settings.tables if not spec.is_pattern)}
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in there:
            hint = nearest.hint(name, there, "run `neaptide tables` for the list")
            raise errors.UsageError(f"there is no table {name!r}", hint=hint)
    return wanted


def notes(job: Job, saved: Saved | None, now: datetime) -> tuple[str, ...]:
    """What there is to say of a paused table of which something is about to be forgotten that it needs, or is."""
    if saved is not None and modes.watermark(saved.mode).from_log:
        return _of_log(replace(job.files, part=saved.source))
    if saved is None or modes.watermark(saved.mode).reads_all:
        return ()
    entry = Entries(job.settings.tables).find(saved.table, saved.source)
    if not (modes.DELETES[entry.deletes] if entry else modes.RECORDED).recorded:
        return ()
    rest = saved.watermark.snapshot.as_of + job.settings.sync.tombstone_retention - now
    if rest > (1 - _NEAR) * job.settings.sync.tombstone_retention:
        return ()
    what = "once it is resumed it is copied anew"
    if rest <= timedelta():
        return (f"keys of rows deleted since it was paused may be purged ([sync] tombstone_retention): {what}",)
    hours = rest.total_seconds() / 3600
    return (f"keys of rows deleted since it was paused are purged in {hours:.1f} h: after that, {what}",)


def _of_log(files: Names) -> tuple[str, ...]:
    """The same of a table that is followed from the log: what the last run found held of it."""
    slot = files.read(identity.slot_note(files.part))
    held, safe = slot.get("held"), slot.get("safe")
    if not isinstance(held, int) or (held < _NEAR * _MUCH and not (isinstance(safe, int) and safe < held)):
        return ()
    return (f"the server holds {held / 2**20:,.0f} MB of its log: once that is let go, it is copied anew when resumed",)


def warnings(job: Job, state: State, names: list[str], now: datetime) -> list[str]:
    """The same in one sentence for each table."""
    return [f"{name} is paused: {line}" for name in names for line in notes(job, state.tables.get(name), now)]
