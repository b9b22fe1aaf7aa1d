"""What the source's server holds of its log for this target, as the last run found it; PostgreSQL is not asked."""

from __future__ import annotations

from typing import Any

from jobs.beside.names import Names

# So much log is held only where no run confirms any more: by far more than two runs need.
_MUCH = 2**30
# What a slot's state means where nothing can be read from it; `anew` is one that a run could not make yet.
_UNUSABLE = {
    "gone": "is not there: run `neaptide track`",
    "anew": "was lost or failed, and is made anew by the next run, which copies its tables",
}


def read(files: Names) -> dict[str, Any] | None:
    """The slot's name, its state and the bytes held; None for a target that has no slot."""
    note = files.read("slot")
    if not all(isinstance(note.get(name), kind) for name, kind in (("slot", str), ("held", int), ("status", str))):
        return None
    status = "anew" if note.get("anew") is True else note["status"]
    return {"slot": note["slot"], "held": note["held"], "status": status, "safe": note.get("safe")}


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
