"""The first page: how fresh the data are, what is wrong and what to do, the tables, the last runs."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.face import values
from app.page import answers, looks, site, tables
from app.page.lag import Lag
from jobs.init import choice
from jobs.results import ModelStatus, Status, TableStatus

_HOUR, _BINS, _LAST = timedelta(hours=1), 30, 10
# Seconds that data may be old and still be called up to date.
_NOW = 60
# Looked at every two seconds, it is an hour when it is almost one.
_WHOLE_HOUR = 3590

_WAYS = {"none": "comparing whole tables"}


def page(request: Request) -> Response:
    """How it stands, for people and for programs."""
    here = site.of(request)
    here.freshen(request)
    found = here.status()
    if here.settings.read.on_source:
        return _on_source(request, here, found)
    now = datetime.now(UTC)
    if answers.wants_json(request):
        standing = (found.level, found.problems, found.running, found.daemon and found.daemon["state"])
        return answers.tagged(request, here.reader, _data(found, here.lag.said()), standing)
    return answers.as_html(
        "overview.html",
        **here.head(request, "Overview"),
        sentence=sentence(found),
        lead=_lead(found),
        feed=_feed(found),
        status=found,
        figures=[_lag(here.lag.said()), *_figures(found, now)],
        tables=[*(_table(one, found, now) for one in found.tables), *map(_model, found.models)],
        runs=[_run(one) for one in found.runs[:_LAST]],
    )


def _on_source(request: Request, here: site.Site, found: Status) -> Response:
    """Where PostgreSQL answers, nothing is said of a file."""
    as_of = here.reader.as_of()
    told = "Answers come from PostgreSQL itself"
    if here.settings.read.url:
        told = "Answers come from a replica of PostgreSQL"
    if answers.wants_json(request):
        data = {"sentence": told, "as_of": as_of, "tables": sorted(tables.relations(here))}
        return answers.tagged(request, here.reader, data)
    lead = "Each is of one moment, which stands beside it, and at most two seconds old when the page opens."
    if here.settings.read.url:
        lead = "Each is of one moment, which stands beside it: that of the last commit that the replica had replayed."
    bare = replace(found, as_of=None, problems=())
    return answers.as_html("overview.html", **here.head(request, "Overview"), sentence=told, lead=lead, status=bare,
                           tables=[], runs=[])  # fmt: skip


ROUTES = (Route("/", page), Route("/overview.json", page))


def sentence(found: Status) -> str:
    """The answer, true and whole."""
    if found.as_of is None:
        return "There is no reporting file yet"
    behind = [one for one in found.tables if one.last_action == "failed"]
    if behind:
        rest = "all else is up to date" if len(behind) < len(found.tables) else "nothing else is there"
        return f"{_counted(len(behind), 'table').capitalize()} {'is' if len(behind) == 1 else 'are'} behind, {rest}"
    if found.level == "fail":
        return "The data are too old"
    if found.problems:
        return (
            "The data are late" if found.level == "warn" else f"{_counted(len(found.problems), 'problem').capitalize()}"
        )
    if (found.age or 0.0) > _NOW:
        return f"Nothing is wrong, as of {values.age(found.age or 0.0)} ago"
    return "All is up to date"


def _counted(number: int, noun: str) -> str:
    return f"one {noun}" if number == 1 else f"{number:,} {noun}s"


def _lead(found: Status) -> str:
    if found.as_of is None:
        return "Run neaptide sync, or neaptide daemon, which keeps it up to date."
    models = len(found.models)
    tables = f"{len(found.tables):,} table{'' if len(found.tables) == 1 else 's'}"
    more = f" and {models:,} model{'' if models == 1 else 's'}" if models else ""
    if found.sources:
        count = len(found.sources)
        return (
            f"{tables}{more} of {count} sources, each of a moment of its own; the oldest, {looks.moment(found.as_of)}."
        )
    return f"The file shows PostgreSQL as it was at {looks.moment(found.as_of)}: {tables}{more}, all of one moment."


def _lag(found: Lag | None) -> dict[str, Any]:
    """How far the data were behind, not how long a run took."""
    if found is None:
        return {"name": "Lag, last hour", "value": "-", "small": "not watched yet", "spark": ""}
    watched = "" if found.seconds > _WHOLE_HOUR else f", in the {values.age(found.seconds)} since this began"
    line = looks.sparkline(found.bins) if len(found.bins) > 1 else ""
    return {
        "name": "Lag, last hour", "value": looks.seconds(found.p95), "spark": line,
        "small": f"for 95 % of the time; {looks.seconds(found.most)} at most{watched}",
    }  # fmt: skip


def _figures(found: Status, now: datetime) -> list[dict[str, Any]]:
    today = [one for one in found.runs if one["started_at"].astimezone(UTC).date() == now.date()]
    failed = sum(any(table["error"] for table in one["tables"]) for one in today)
    rows = sum(one.rows for one in found.tables)
    return [
        {"name": "Runs today", "value": f"{len(today):,}", "small": f"with changes; {failed:,} failed"},
        {"name": "Rows", "value": f"{rows:,}", "small": ""},
        {"name": "File", "value": choice.size(found.file_bytes), "small": ""},
    ]  # fmt: skip


def _feed(found: Status) -> str:
    """Where changes come from, how far they were read, and who reads them."""
    ways = sorted({_WAYS.get(one.mode, one.mode) for one in found.tables})
    position = max((one.snapshot or "" for one in found.tables), default="") or "not known"
    return f"Changes are found by {' and '.join(ways) or 'nothing yet'}; position {position}. {_daemon(found.daemon)}"


def _daemon(daemon: Mapping[str, Any] | None) -> str:
    if daemon is None:
        return "No daemon is at work: neaptide daemon keeps the file up to date."
    state = str(daemon["state"]) if daemon["alive"] is not False else "not there any more"
    # The name of one's own machine says nothing, and stands in a picture that one shows around.
    where = "" if daemon["host"] == socket.gethostname() else f" on {daemon['host']}"
    return f"The daemon is {state}, process {daemon['pid']}{where}."


def _table(one: TableStatus, found: Status, now: datetime) -> dict[str, Any]:
    return {
        "name": one.table, "rows": one.rows, "mode": one.mode, "deletes": deletes_of(one), "as_of": one.as_of,
        "lag": one.lag, "action": one.last_action, "rows_in": one.rows_in, "rows_out": one.rows_out, "bytes": one.bytes,
        "spark": looks.sparkline(_changes(one.table, found.runs, now)), "failed": one.last_action == "failed",
    }  # fmt: skip


def deletes_of(one: TableStatus) -> str:
    """How rows that are gone are found: what is compared whole needs no tombstones, whatever the config says."""
    return "compare" if one.mode == "none" else one.deletes


def _model(one: ModelStatus) -> dict[str, Any]:
    """A read model in the same columns: the rows or groups that its last run worked out, and no history of them."""
    return {
        "name": f"models.{one.model}", "rows": one.rows, "mode": one.kind, "deletes": "", "as_of": one.as_of,
        "lag": None,
        "rows_in": one.keys, "rows_out": None, "bytes": one.bytes, "spark": "", "failed": one.error is not None,
    }  # fmt: skip


def _changes(table: str, runs: Sequence[Mapping[str, Any]], now: datetime) -> list[int]:
    """Rows that came and went in each two minutes of the last hour."""
    found = [0] * _BINS
    for run in runs:
        place = int((run["started_at"] - (now - _HOUR)) / _HOUR * _BINS)
        if 0 <= place < _BINS:
            found[place] += sum(one["rows_in"] + one["rows_out"] for one in run["tables"] if one["table"] == table)
    return found


def _run(one: Mapping[str, Any]) -> dict[str, Any]:
    """A run as a row shows it."""
    failed = [table["table"] for table in one["tables"] if table["error"]]
    phases = [f"{name} {looks.seconds(span)}" for name, span in one["phases"].items() if span >= 0.001]
    return {**one, "failed": failed, "took": one["seconds"], "phases_shown": ", ".join(phases)}


row_of = _run


def _data(found: Status, lag: Lag | None) -> dict[str, Any]:
    told = found.as_dict()
    told["runs"] = told["runs"][:_LAST]
    told["sentence"] = sentence(found)
    told["lag"] = asdict(lag) if lag else None
    told["age_shown"] = values.age(found.age) if found.age is not None else None
    return told
