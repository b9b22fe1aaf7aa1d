"""How the reporting file stands, from the file alone: PostgreSQL is not asked."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app import config, statements
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.plan import steps
from jobs.record import model_runs
from jobs.record import state as ledger
from jobs.results import Status, TableStatus
from jobs.status import board, growth, loghold, models, sources
from jobs.status.moments import Looked, moved_on
from jobs.tables import patterns
from jobs.tables.entries import Entries
from jobs.tables.entries import paused as paused_of
from jobs.targets import pauses, targets
from jobs.targets.file import freshness
from jobs.targets.target import NO_FILE


def read_status(job: Job, *, runs: int = 5) -> Status:
    """What the published file holds, how old it is and what is wrong. Raises `errors.TargetUnusable` for a bad file."""
    running, daemon = targets.of(job).is_locked(), board.read(job.files)
    log = None if job.parts else loghold.read(job.files)
    held = [sentence for one in loghold.complaints(job).values() for sentence in one]
    complaints = [*_of_daemon(daemon), *held, *_of_dual(job, running)]
    if targets.of(job).version() is None:
        return Status(
            str(job.files.link), None, None, "missing", running, 0, (), problems=(NO_FILE, *complaints), daemon=daemon,
            page=_page(job),
        )  # fmt: skip
    with targets.of(job).inspected() as file:
        state = ledger.read(file)
        run_id = state.run_id
        rows = file.rows(statements.get("status", "tables"))
        later, quiet = _moved_on(job, run_id), looked(job, run_id)
        as_of = max([moment for moment in (_oldest(rows), later) if moment], default=None)
        now = freshness.now(job.files)
        age = (now - as_of).total_seconds() if as_of else None
        level, problems = judge(job.settings.freshness, age)
        problems += [f"{name} is left as it was: {error}" for name, error in state.errors.items() if meant(job, name)]
        foreign = [f"{name}: {steps.FOREIGN}" for name, saved in state.tables.items() if saved.foreign]
        problems += [f"{sentence}, until it can be copied anew" for sentence in foreign]
        entries, paused = Entries(job.settings.tables), {one.part: paused_of(one) for one in job.each}
        stays = {name for name, saved in state.tables.items() if _is_paused(name, saved.source, entries, paused)}
        problems += pauses.warnings(job, state, sorted(stays), now)
        problems += models.complaints(state.models)
        tables = tuple(
            _table(job, row, file, quiet, now, entries.find(row["table_name"], row["source"]), stays) for row in rows
        )
        problems += sources.complaints(job, tables)
        return Status(
            str(job.files.link), as_of, age, level, running, targets.of(job).size(),
            tables, tuple(recent_runs(job, file, runs)),
            (*problems, *complaints), daemon, models.statuses(file, state, quiet), growth.of(job, file), ledger.FORMAT,
            growth.versions(), log, _today(job, file, now), _page(job), sources.statuses(job, tables),
        )  # fmt: skip


def _today(job: Job, file: DuckSession, now: datetime) -> dict[str, Any]:
    """What the file remembers of the runs since midnight."""
    since = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return file.rows(statements.get("status", "today"), {"since": since, "keep": job.settings.sync.keep_runs})[0]


def _page(job: Job) -> str | None:
    listen = job.settings.http.listen
    return f"http://{listen}/" if listen else None


def meant(job: Job, table: str) -> bool:
    """Whether an entry of the config still means this table: what failed and has left it since is nobody's trouble."""
    schema, name = quoting.split_name(table)
    return any(patterns.claims(spec, schema, name) for spec in job.settings.tables)


def history(job: Job, most: int) -> list[dict[str, Any]]:
    """The newest runs, newest first, without those that found nothing changed. Raises `errors.NoReportingFile`."""
    with targets.of(job).inspected() as file:
        return recent_runs(job, file, most)


def _of_dual(job: Job, running: bool) -> list[str]:
    """A write to both sides that nobody ended: its transaction is prepared, and holds its locks."""
    cut = os.path.lexists(job.files.beside("dual")) and not running
    return ["a dual write was cut short and holds its locks: run `neaptide sync`, which ends it"] if cut else []


def _of_daemon(daemon: dict[str, Any] | None) -> list[str]:
    """What is wrong with the daemon, and what to do."""
    if daemon is None or daemon["state"] == board.STOPPING:
        return []
    if daemon["alive"] is False:
        return [f"the daemon (process {daemon['pid']}) has died: start `neaptide daemon` again, and see its log"]
    problems = [str(problem) for problem in daemon.get("problems") or ()]
    failing = board.failing(daemon)
    return [*problems, f"the daemon {failing}"] if failing else problems


def recent_runs(job: Job, file: DuckSession, most: int) -> list[dict[str, Any]]:
    """The newest runs, newest first."""
    last, models = freshness.end_known(job.files) or {}, model_runs.newest(file, most)
    rows = file.rows(statements.get("status", "runs"), {"most": most})
    return [_run({**row, "models": models.get(row["run_id"], [])}, last) for row in rows]


def _run(row: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    """One run. Its record is written before its end, which the next run adds to it; `last` is that of the newest.

    Of a run that was killed after it had published nobody knows the end: then it is None, and so are the seconds.
    """
    run = {**row, **{name: json.loads(row[name]) for name in ("phases", "warnings", "tables")}}
    if row["run_id"] == last.get("run_id"):
        run |= {"finished_at": datetime.fromisoformat(last["finished_at"]), "phases": last["phases"]}
        run["models"] = sorted(last["models"], key=lambda one: (-one["seconds"], one["model"])) or run["models"]
    if "publish" not in run["phases"]:
        return {**run, "finished_at": None, "seconds": None}
    return {**run, "seconds": (run["finished_at"] - run["started_at"]).total_seconds()}


def _oldest(rows: list[dict[str, Any]]) -> datetime | None:
    return min((row["as_of"] for row in rows), default=None)


def _moved_on(job: Job, run_id: str) -> datetime | None:
    """The later moment at which a run found nothing changed, if there was one for this very file."""
    beside = freshness.read(job.files)
    return datetime.fromisoformat(beside["as_of"]) if beside.get("run_id") == run_id != "" else None


def looked(job: Job, run_id: str) -> Looked:
    """As of when the last run found nothing new in this very file, and the tables in which it could not look."""
    if freshness.read(job.files).get("run_id") != run_id:
        return {}
    said = freshness.sources(job.files)
    return {
        name: (datetime.fromisoformat(one["looked"]) if one.get("looked") else None, one.get("left", []))
        for name, one in said.items()
    }


def _is_paused(table: str, source: str, entries: Entries, paused: Mapping[str, frozenset[str]]) -> bool:
    """Whether it is left as it is, by its name in the file or in the config."""
    entry = entries.find(table, source)
    return bool({table, entry.name if entry else table} & paused.get(source, frozenset()))


def _table(
    job: Job, row: dict[str, Any], file: DuckSession, quiet: Looked, now: datetime, entry: config.Table | None,
    paused: Collection[str],
) -> TableStatus:  # fmt: skip
    as_of = moved_on(row["table_name"], row["as_of"], quiet, row["source"])
    name = quoting.qualified(*quoting.split_name(row["table_name"]))
    now = freshness.now(job.files, row["source"]) if job.parts else now
    return TableStatus(
        row["table_name"],
        file.one(f"SELECT count(*) FROM out.{name}"),
        row["mode"],
        entry.deletes if entry else "tombstone",
        as_of,
        (now - as_of).total_seconds(),
        row["floor"],
        row["snapshot"],
        "paused" if row["table_name"] in paused else row["action"] or "",
        row["rows_in"] or 0,
        row["rows_out"] or 0,
        file.bytes_of(*quoting.split_name(row["table_name"])),
        len(file.rows(f"DESCRIBE out.{name}")),
        row["changed_at"],
        row["source"],
    )


def judge(limits: config.Freshness, age: float | None) -> tuple[str, list[str]]:
    """ok, warn or fail, and why."""
    for level, limit in (("fail", limits.fail), ("warn", limits.warn)):
        if limit is not None and (age is None or timedelta(seconds=age) > limit):
            return level, [f"the file is older than [freshness] {level} = {limit}: is the daemon running?"]
    return "ok", []
