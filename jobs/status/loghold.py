"""What the sources' servers hold of their logs for this target, as the last run found it; PostgreSQL is not asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobs import quoting
from jobs.beside import identity
from jobs.beside.names import Names

if TYPE_CHECKING:
    from jobs.job import Job

# So much log is held only where no run confirms any more: by far more than two runs need.
_MUCH = 2**30
# What a slot's state means where nothing can be read from it; `anew` is one that a run could not make yet.
_UNUSABLE = {
    "gone": "is not there: run `neaptide track`",
    "anew": "was lost or failed, and is made anew by the next run, which copies its tables",
}


def read(files: Names) -> dict[str, Any] | None:
    """The slot's name, its state and the bytes held; None for a target that has no slot."""
    note = files.read(identity.slot_note(files.part))
    if not all(isinstance(note.get(name), kind) for name, kind in (("slot", str), ("held", int), ("status", str))):
        return None
    status = "anew" if note.get("anew") is True else note["status"]
    return {"slot": note["slot"], "held": note["held"], "status": status, "safe": note.get("safe")}


def each(job: Job) -> dict[str, dict[str, Any]]:
    """The same by the name of the source, also of one that the config has no more."""
    files = job.files
    # The server of a source that has left the config still holds what nobody reads.
    known = {name: read(replace(files, part=name)) for name in sorted(job.names | files.noted_parts())}
    return {name: hold for name, hold in known.items() if hold}


def complaints(job: Job) -> dict[str, list[str]]:
    """What is to be done about each, as sentences, by the name of the source."""
    followed = {one.part: one.settings.reads_log for one in job.each}
    return {name: _complaints(job, name, hold, followed.get(name)) for name, hold in each(job).items()}


def _complaints(job: Job, name: str, hold: dict[str, Any], followed: bool | None) -> list[str]:
    if followed is None:
        of, note, slot = f"source {name}" if name else "[source]", identity.slot_note(name), hold["slot"]
        return [
            f"no table of the config is of {of} any more, and its server holds its log for the slot {slot}:"
            f" SELECT pg_drop_replication_slot('{slot}') there, then {_removal(job, note)}"
        ]
    called = (f"source {name}: " if name else "[source]: ") if job.parts else ""
    return [f"{called}{problem}" for problem in problems(hold, followed=followed)]


def _removal(job: Job, note: str) -> str:
    if job.settings.lake is not None:
        return f"DELETE FROM neaptide.notes WHERE name = {quoting.literal(note)} in the lake's catalog"
    return f"remove {job.files.beside(note)}"


def is_lost(note: dict[str, Any]) -> bool:
    """Whether nothing can be read from the slot: it was dropped, lost or failed, and is not made anew yet."""
    return note["status"] in _UNUSABLE


def problems(note: dict[str, Any] | None, *, followed: bool = True) -> list[str]:
    """What is to be done about it, as sentences; `followed` says whether the config has a table that needs the slot."""
    if note is None:
        return []
    slot, held, safe = note["slot"], note["held"], note["safe"]
    if not followed:
        return [f"no table follows the log any more, and the server holds it for the slot {slot}: run `neaptide track`"]
    if is_lost(note):
        return [f"the slot {slot} {_UNUSABLE[note['status']]}"]
    bounded = isinstance(safe, int) and safe < held
    if held < _MUCH and not bounded:
        return []
    left = f", and the slot is lost after another {size(safe)}" if bounded else ""
    return [
        f"the server holds {size(held)} of its log for the slot {slot}{left}: let the sync run, or `neaptide untrack`"
    ]


def size(count: int) -> str:
    """For people."""
    return f"{max(count, 0) / 2**20:,.0f} MB"
