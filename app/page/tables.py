"""Tables and models: what the file holds, what each is made of, where it comes from, and which reports use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import errors
from app.page import answers, asked, graph, looks, site, uses
from app.page.asked import Question
from app.reporting.store import Store
from jobs import quoting
from jobs.results import ModelStatus, Status
from jobs.status import shape

_SAMPLE = 20
_MODELS = "models"


def listing(request: Request) -> Response:
    """All that can be asked."""
    here = site.of(request)
    here.freshen(request)
    columns_of = relations(here)
    status = here.status()
    used = uses.of(here)
    rows = [_row(name, columns, status, used.reports(name)) for name, columns in columns_of.items()]
    tables = [one for one in rows if not one["model"]]
    read_models = [one for one in rows if one["model"]]
    if answers.wants_json(request):
        as_of = here.reader.as_of() if here.settings.read.on_source else status.as_of
        return answers.tagged(request, here.reader, {"as_of": as_of, "tables": tables, "models": read_models}, rows)
    inputs = {name: one.inputs for name, one in models(status).items()}
    return answers.as_html(
        "tables.html", **here.head(request, "Tables"), tables=tables, models=read_models, graph=graph.drawn(inputs)
    )


def relations(here: site.Site) -> dict[str, list[str]]:
    """The names of all tables and models that a query may name, each with its columns."""

    def work(store: Store) -> dict[str, list[str]]:
        return {quoting.join_name(*name): columns for name, columns in store.relations().items()}

    return here.reader.once(("relations",), work)


def _row(name: str, columns: list[str], status: Status, users: list[dict[str, str]]) -> dict[str, Any]:
    known = next((one for one in status.tables if one.table == name), None)
    model = models(status).get(name)
    table = known or model
    return {
        "name": name, "model": quoting.split_name(name)[0] == _MODELS, "columns": len(columns),
        "rows": table.rows if table else None, "as_of": table.as_of if table else status.as_of,
        "mode": known.mode if known else model.kind if model else None, "bytes": table.bytes if table else None,
        "inputs": list(model.inputs) if model else [], "reports": users,
    }  # fmt: skip


def models(status: Status) -> dict[str, ModelStatus]:
    """What is known of each model, by the name that a query gives it."""
    return {quoting.join_name(_MODELS, one.model.removeprefix(f"{_MODELS}.")): one for one in status.models}


def one(request: Request) -> Response:
    """One table: columns, types, some rows."""
    here = site.of(request)
    here.freshen(request)
    name = request.path_params["name"].removesuffix(".json")
    if name not in relations(here):
        raise errors.MissingTable(f"there is no table {name!r} in the reporting file", hint="see the list of tables")
    shape = _described(here, name)
    sample = asked.held(here.reader, Question(name, f"FROM {_quoted(name)} LIMIT {_SAMPLE}")).result
    reports = uses.of(here).reports(name)
    if answers.wants_json(request):
        data = {**shape, "as_of": sample.as_of, "reports": reports, "sample": sample.records()}
        return answers.tagged(request, here.reader, data, reports)
    return answers.as_html(
        "table.html", **here.head(request, name), table=shape, reports=reports, heads=looks.heads(sample),
        rows=looks.rows(sample), query=answers.address("/sql", {"q": f"FROM {_quoted(name)} LIMIT 100"}),
    )  # fmt: skip


ROUTES = (Route("/tables", listing), Route("/tables.json", listing), Route("/tables/{name:path}", one))


def _quoted(name: str) -> str:
    return quoting.qualified(*quoting.split_name(name))


def _described(here: site.Site, name: str) -> dict[str, Any]:
    """Its columns with their types on both sides, and how it is kept."""
    shaped = _shape(here, name)
    described = here.reader.once(("describe", name), lambda store: store.query(f"DESCRIBE {_quoted(name)}").rows)
    known: Mapping[str, Any] = {one.table: one for one in here.status().tables}
    model = models(here.status()).get(name)
    rows = shaped.rows if shaped else model.rows if model else None
    source = {one.name: one.postgresql for one in shaped.columns} if shaped else {}
    return {
        "name": name, "rows": rows, "kept": known.get(name), "model": model,
        "columns": [{"name": row[0], "type": row[1], "postgresql": source.get(row[0])} for row in described],
    }  # fmt: skip


def _shape(here: site.Site, name: str) -> Any:
    """What is known of a copied table; None for a model."""
    if name not in {one.table for one in here.status().tables}:
        return None
    key = ("shape", name, here.reader.version())
    try:
        return here.reader.cached(key, lambda: shape.of_table(here.job, name))
    except errors.UsageError:
        return None
