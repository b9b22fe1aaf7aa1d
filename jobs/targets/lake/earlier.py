"""A lake that an earlier version wrote in another format: all is copied anew but the histories, which no source has."""

from __future__ import annotations

from contextlib import suppress

from app import errors, statements
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.record import history

_OWN, _HISTORY = "neaptide", "history"
_TOLD = "an earlier version of Neaptide wrote the lake in another format: all of it is copied anew"
_LOST = "the histories begin anew: they are in that format, too"


def histories(file: DuckSession) -> list[str]:
    """The tables of Neaptide's that they consist of; none where this version can't read them."""
    with suppress(errors.NeaptideError, LookupError, ValueError):
        names = [quoting.split_name(table)[1] for table in history.read(file)]
        return [_HISTORY, *(f"{name} {part}" for name in names for part in ("versions", "ends"))] if names else []
    return []


def warnings(job: Job, file: DuckSession) -> tuple[str, ...]:
    """What a run has to say that finds such a lake."""
    lost = any(spec.history for spec in job.settings.tables) and not histories(file)
    return (_TOLD, _LOST) if lost else (_TOLD,)


def drops(file: DuckSession) -> list[str]:
    """The statements that drop everything else."""
    saved = histories(file)
    whole = [row["name"] for row in file.rows(statements.get("lakefile", "schemas"))]
    removing = [
        f"DROP SCHEMA out.{quoting.identifier(name)} CASCADE"
        for name in whole
        if not saved or name not in (_OWN, _HISTORY)
    ]
    own = file.rows(statements.get("lakefile", "own")) if saved else []
    return removing + [
        f"DROP {row['kind']} out.{quoting.qualified(_OWN, row['name'])}" for row in own if row["name"] not in saved
    ]
