"""The runs that changed the file: all that are remembered, filtered, and one with its tables and errors."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import errors
from app.page import answers, overview, shown, site

_PART = 100


def listing(request: Request) -> Response:
    """Newest first."""
    here = site.of(request)
    here.freshen(request)
    query = request.query_params
    wanted = {name: query.get(name, "") for name in ("kind", "table", "state")}
    everything = here.status().runs
    rows = [overview.row_of(one) for one in everything if _fits(one, wanted)]
    page = shown.whole(query.get("_page", "1"), "_page", 1, 10**9)
    part = rows[(page - 1) * _PART : page * _PART]
    if answers.wants_json(request):
        return answers.tagged(request, here.reader, {"as_of": here.status().as_of, "runs": rows[:1000]})
    more: dict[str, Any] = {
        "before": answers.address("/runs", wanted, _page=page - 1) if page > 1 else None,
        "after": answers.address("/runs", wanted, _page=page + 1) if page * _PART < len(rows) else None,
    }
    kinds = sorted({one["kind"] for one in everything})
    tables = sorted({table["table"] for one in everything for table in one["tables"]})
    return answers.as_html(
        "runs.html", **here.head(request, "Runs"), runs=part, count=len(rows), all=len(everything), wanted=wanted,
        kinds=kinds, tables=tables, **more,
    )  # fmt: skip


def _fits(one: dict[str, Any], wanted: dict[str, str]) -> bool:
    names = {table["table"] for table in one["tables"]}
    failed = any(table["error"] for table in one["tables"])
    return (
        wanted["kind"] in ("", one["kind"])
        and (not wanted["table"] or wanted["table"] in names)
        and (wanted["state"] in ("", "failed" if failed else "done"))
    )


def one(request: Request) -> Response:
    """One run."""
    here = site.of(request)
    here.freshen(request)
    wanted = request.path_params["run"].removesuffix(".json")
    run = next((one for one in here.status().runs if one["run_id"] == wanted), None)
    if run is None:
        raise errors.MissingTable(f"there is no run {wanted!r} that the file remembers", hint="see the list of runs")
    if answers.wants_json(request):
        return answers.tagged(request, here.reader, run)
    return answers.as_html("run.html", **here.head(request, f"Run {wanted}"), run=overview.row_of(run))


ROUTES = (Route("/runs", listing), Route("/runs.json", listing), Route("/runs/{run:path}", one))
