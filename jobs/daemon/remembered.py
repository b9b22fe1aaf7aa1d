"""What was told of a target, in the file `.alerts` beside it: for the next process, and for `neaptide alerts list`.

There the times are those of the wall clock, since the other one begins anew with the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from jobs.alerts.ledger import Fact, Notice, Past
from jobs.beside import notes, smallfile
from jobs.beside.names import Names


def standing(files: Names) -> list[Fact]:
    """What was told and is not over yet."""
    return _facts(_note(files).get("standing", []))


def waiting(files: Names) -> dict[str, list[Notice]]:
    """What each URL had not taken yet, by its place and scheme."""
    by_url = _note(files).get("waiting", {})
    return {name: [_notice(one) for one in notices] for name, notices in by_url.items()}


def read(files: Names, now: datetime, seconds: float) -> tuple[dict[str, Fact], Past | None]:
    """What stands, by its key, and what else the last process left, where it left anything."""
    note = _note(files)
    facts = {fact.key: fact for fact in _facts(note.get("standing", []))}
    if not note or note["at"] is None:
        return facts, None

    def ago(moment: str) -> float:
        # Of a clock that was set back since, as if it were now.
        return seconds - max((now - datetime.fromisoformat(moment)).total_seconds(), 0)

    words = {key: ago(moment) for key, moment in note["last_word"].items()}
    return facts, Past(ago(note["at"]), note["tokens"], words, tuple(_facts(note["events"])))


def write(
    files: Names,
    facts: Iterable[Fact],
    past: Past,
    now: datetime,
    seconds: float,
    waiting: Mapping[str, Iterable[Notice]] | None = None,
) -> None:
    """Keep these; where they can't be kept, what was told may be told again."""

    def moment(at: float) -> str:
        return (now - timedelta(seconds=seconds - at)).isoformat()

    content = {
        "standing": [fact.as_dict() for fact in facts],
        "events": [fact.as_dict() for fact in past.events],
        "at": moment(past.at),
        "tokens": past.tokens,
        "last_word": {key: moment(at) for key, at in past.last_word.items()},
        "waiting": {name: [one.as_dict() for one in notices] for name, notices in (waiting or {}).items()},
    }
    with suppress(OSError):
        smallfile.write(files.beside("alerts"), json.dumps(content), files.rights())


def _note(files: Names) -> dict[str, Any]:
    return notes.read(files.beside("alerts"), notes.Alerts)


def _notice(content: dict[str, Any]) -> Notice:
    return Notice(*(tuple(_facts(content[part])) for part in ("firing", "resolved", "events")))


def _facts(notes: Iterable[dict[str, Any]]) -> list[Fact]:
    return [Fact(one["kind"], one["key"], one["message"], datetime.fromisoformat(one["since"])) for one in notes]
