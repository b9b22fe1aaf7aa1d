"""After a publish: the commands of `[hooks] after_publish`, one after the other."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app import redaction
from jobs.hooks.command import Command

if TYPE_CHECKING:
    from app import config
    from jobs.job import Job
    from jobs.results import Run

Began = Callable[[Command], object]
# What is told of one that failed, in characters.
_SHOWN = 400


def after(job: Job, run: Run) -> Run:
    """The run with a warning for each command that failed after it."""
    if not (run.changed and job.settings.hooks.after_publish):
        return run
    return replace(run, warnings=(*run.warnings, *call(job.settings, [run])))


def call(settings: config.Settings, runs: Sequence[Run], began: Began = lambda _: None) -> list[str]:
    """Give each command the newest of these runs, all of which have published; a sentence for each that failed.

    `began` is handed each command that is under way.
    """
    content = json.dumps(given(settings, runs), default=_spelled)
    clean = redaction.of(settings).text
    return [
        clean(sentence)[:_SHOWN]
        for sentence in (_called(settings, text, content, began) for text in settings.hooks.after_publish)
        if sentence
    ]


def given(settings: config.Settings, runs: Sequence[Run]) -> dict[str, Any]:
    """What a command reads: the run as `sync --json` shows it, and what it may have missed.

    `runs` are the ids of all that published since it was last called, `changed_tables` what they touched together.
    """
    changed = {table.table for run in runs for table in run.tables if table.action not in ("none", "failed")}
    return {
        **runs[-1].as_dict(),
        "path": str(settings.target_path),
        "runs": [run.run_id for run in runs],
        "changed_tables": sorted(changed),
    }


def _called(settings: config.Settings, text: str, content: str, began: Began) -> str:
    """What went wrong with one command, or nothing."""
    try:
        command = Command(text, content, settings.base)
    except OSError as error:
        return f"the hook {_name(text)!r} can't be started: {error.strerror or error}"
    began(command)
    wrong = command.ended(settings.hooks.timeout.total_seconds())
    return f"the hook {_name(text)!r} {wrong}" if wrong else ""


def _name(text: str) -> str:
    """What a command is called by: its arguments may hold a secret."""
    return text if text.startswith("python:") else shlex.split(text)[0]


def _spelled(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
