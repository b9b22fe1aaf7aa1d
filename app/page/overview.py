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
    status = here.status()
    if here.settings.read.on_source:
        return _on_source(request, here, status)
    now = datetime.now(UTC)
    if answers.wants_json(request):
        standing = (status.level, status.problems, status.running, status.daemon and status.daemon["state"])
        return answers.tagged(request, here.reader, _data(status, here.lag.said()), standing)
    return answers.as_html(
        "overview.html",
        **here.head(request, "Overview"),
        sentence=sentence(status),
        lead=_lead(status),
        feed=_feed(status),
        status=status,
        figures=[_lag(here.lag.said()), *_figures(status, now)],
        tables=[*(_table(one, status, now) for one in status.tables), *map(_model, status.models)],
        runs=[_run(one) for one in status.runs[:_LAST]],
    )


def _on_source(request: Request, here: site.Site, status: Status) -> Response:
    """Where PostgreSQL answers, nothing is said of a file."""
    as_of = here.reader.as_of()
    sentence = "Answers come from PostgreSQL itself"
    if here.settings.read.url:
        sentence = "Answers come from a replica of PostgreSQL"
    if answers.wants_json(request):
        data = {"sentence": sentence, "as_of": as_of, "tables": sorted(tables.relations(here))}
        return answers.tagged(request, here.reader, data)
    lead = "Each is of one moment, which stands beside it, and at most two seconds old when the page opens."
    if here.settings.read.url:
        lead = "Each is of one moment, which stands beside it: that of the last commit that the replica had replayed."
    bare = replace(status, as_of=None, problems=())
    return answers.as_html("overview.html", **here.head(request, "Overview"), sentence=sentence, lead=lead, status=bare,
                           tables=[], runs=[])  # fmt: skip


ROUTES = (Route("/", page), Route("/overview.json", page))


def sentence(status: Status) -> str:
    """The answer, true and whole."""
    if status.as_of is None:
        return "There is no reporting file yet"
    behind = [one for one in status.tables if one.last_action == "failed"]
    if behind:
        rest = "all else is up to date" if len(behind) < len(status.tables) else "nothing else is there"
        return f"{_counted(len(behind), 'table').capitalize()} {'is' if len(behind) == 1 else 'are'} behind, {rest}"
    if status.level == "fail":
        return "The data are too old"
    if status.problems:
        return (
            "The data are late"
            if status.level == "warn"
            else f"{_counted(len(status.problems), 'problem').capitalize()}"
        )
    if (status.age or 0.0) > _NOW:
        return f"Nothing is wrong, as of {values.age(status.age or 0.0)} ago"
    return "All is up to date"


def _counted(number: int, noun: str) -> str:
    return f"one {noun}" if number == 1 else f"{number:,} {noun}s"


def _lead(status: Status) -> str:
    if status.as_of is None:
        return "Run neaptide sync, or neaptide daemon, which keeps it up to date."
    models = len(status.models)
    tables = f"{len(status.tables):,} table{'' if len(status.tables) == 1 else 's'}"
    more = f" and {models:,} model{'' if models == 1 else 's'}" if models else ""
    if status.sources:
        count = len(status.sources)
        return (
            f"{tables}{more} of {count} sources, each of a moment of its own; the oldest, {looks.moment(status.as_of)}."
        )
    return f"The file shows PostgreSQL as it was at {looks.moment(status.as_of)}: {tables}{more}, all of one moment."


def _lag(lag: Lag | None) -> dict[str, Any]:
    """How far the data were behind, not how long a run took."""
    if lag is None:
        return {"name": "Lag, last hour", "value": "-", "small": "not watched yet", "spark": ""}
    watched = "" if lag.seconds > _WHOLE_HOUR else f", in the {values.age(lag.seconds)} since this began"
    line = looks.sparkline(lag.bins) if len(lag.bins) > 1 else ""
    return {
        "name": "Lag, last hour", "value": looks.seconds(lag.p95), "spark": line,
        "small": f"for 95 % of the time; {looks.seconds(lag.most)} at most{watched}",
    }  # fmt: skip


def _figures(status: Status, now: datetime) -> list[dict[str, Any]]:
    today = [one for one in status.runs if one["started_at"].astimezone(UTC).date() == now.date()]
    failed = sum(any(table["error"] for table in one["tables"]) for one in today)
    rows = sum(one.rows for one in status.tables)
    return [
        {"name": "Runs today", "value": f"{len(today):,}", "small": f"with changes; {failed:,} failed"},
        {"name": "Rows", "value": f"{rows:,}", "small": ""},
        {"name": "File", "value": choice.size(status.file_bytes), "small": ""},
    ]  # fmt: skip


def _feed(status: Status) -> str:
    """Where changes come from, how far they were read, and who reads them."""
    ways = sorted({_WAYS.get(one.mode, one.mode) for one in status.tables})
    position = max((one.snapshot or "" for one in status.tables), default="") or "not known"
    return f"Changes are found by {' and '.join(ways) or 'nothing yet'}; position {position}. {_daemon(status.daemon)}"


def _daemon(daemon: Mapping[str, Any] | None) -> str:
    if daemon is None:
        return "No daemon is at work: neaptide daemon keeps the file up to date."
    state = str(daemon["state"]) if daemon["alive"] is not False else "not there any more"
    # The name of one's own machine says nothing, and stands in a picture that one shows around.
    where = "" if daemon["host"] == socket.gethostname() else f" on {daemon['host']}"
    return f"The daemon is {state}, process {daemon['pid']}{where}."


def _table(one: TableStatus, status: Status, now: datetime) -> dict[str, Any]:
    return {
        "name": one.table, "rows": one.rows, "mode": one.mode, "deletes": deletes_of(one), "as_of": one.as_of,
        "lag": one.lag, "action": one.last_action, "rows_in": one.rows_in, "rows_out": one.rows_out, "bytes": one.bytes,
        "spark": looks.sparkline(_changes(one.table, status.runs, now)), "failed": one.last_action == "failed",
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
    bins = [0] * _BINS
    for run in runs:
        place = int((run["started_at"] - (now - _HOUR)) / _HOUR * _BINS)
        if 0 <= place < _BINS:
            bins[place] += sum(one["rows_in"] + one["rows_out"] for one in run["tables"] if one["table"] == table)
    return bins


def _run(one: Mapping[str, Any]) -> dict[str, Any]:
    """A run as a row shows it."""
    failed = [table["table"] for table in one["tables"] if table["error"]]
    phases = [f"{name} {looks.seconds(span)}" for name, span in one["phases"].items() if span >= 0.001]
    return {**one, "failed": failed, "took": one["seconds"], "phases_shown": ", ".join(phases)}


row_of = _run


def _data(status: Status, lag: Lag | None) -> dict[str, Any]:
    data = status.as_dict()
    data["runs"] = data["runs"][:_LAST]
    data["sentence"] = sentence(status)
    data["lag"] = asdict(lag) if lag else None
    data["age_shown"] = values.age(status.age) if status.age is not None else None
    return data
