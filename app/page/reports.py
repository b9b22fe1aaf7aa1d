"""The reports: all of them, and one with its form, picture, table, SQL and files."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import errors
from app.page import answers, shown, site
from app.page.asked import Question
from app.queries import parameters, reports
from app.queries.parameters import Parameter
from app.queries.report_file import Report
from app.queries.reports import Catalogue
from app.reporting.store import Store

_FIELDS = {"date": "date", "integer": "number", "decimal": "number"}


def listing(request: Request) -> Response:
    """All reports, and why some can't be answered."""
    here = site.of(request)
    here.freshen(request)
    catalogue = here.catalogue()
    wrong = {**_misfits(here, catalogue), **{name: error.message for name, error in catalogue.bad.items()}}
    fit = [report for name, report in catalogue.reports.items() if name not in wrong]
    if answers.wants_json(request):
        data = {
            "as_of": here.reader.as_of(),
            "reports": [{"name": one.name, "title": one.title, "description": one.description,
                         "parameters": [one.name for one in one.parameters]} for one in fit],
            "wrong": wrong,
        }  # fmt: skip
        return answers.tagged(request, here.reader, data, catalogue.reports, wrong)
    return answers.as_html(
        "reports.html", **here.head(request, "Reports"), reports=fit, wrong=wrong, folder=catalogue.folder
    )


def _misfits(here: site.Site, catalogue: Catalogue) -> Mapping[str, str]:
    """Why reports can't be answered by the file; looked for once for each run, and again when a file changes."""

    def work(store: Store) -> dict[str, str]:
        reasons = {name: reports.misfit(store, report) for name, report in catalogue.reports.items()}
        return {name: reason for name, reason in reasons.items() if reason}

    try:
        return here.reader.once(("misfits", tuple((one.name, one.sql) for one in catalogue.reports.values())), work)
    except errors.NoReportingFile:
        return {}


def one(request: Request) -> Response:
    """One report, or its result as a file."""
    here = site.of(request)
    name, _, kind = request.path_params["name"].rpartition(".")
    if not name or kind not in shown.ENDINGS:
        name, kind = request.path_params["name"], ""
    report = here.catalogue().get(name)
    here.freshen(request, frozenset(parameter.name for parameter in report.parameters))
    given = _given(request, report)
    if not kind and answers.wants_json(request):
        kind = "json"
    if kind:
        return shown.file(request, here, _asked(request, here, report, given), kind)
    return _page(request, here, report, given)


ROUTES = (Route("/reports", listing), Route("/reports.json", listing), Route("/reports/{name:path}", one))


def _given(request: Request, report: Report) -> dict[str, str]:
    """What the address gives; a field that was left empty means the default. Raises `errors.BadParameter`."""
    known = {parameter.name for parameter in report.parameters}
    names = [key for key, _ in request.query_params.multi_items()]
    twice = next((name for name in names if name in known and names.count(name) > 1), None)
    if twice:
        raise errors.BadParameter(f"the parameter {twice} is given {names.count(twice)} times", hint="give it once")
    given = {
        key: value
        for key, value in request.query_params.items()
        if not key.startswith("_") and (key in known or key != "max_staleness")
    }
    defaults = {parameter.name: parameter.default for parameter in report.parameters}
    return {key: value for key, value in given.items() if value.strip() or (key in defaults and defaults[key] is None)}


def _asked(request: Request, here: site.Site, report: Report, given: Mapping[str, str]) -> shown.Asked:
    as_of = here.reader.as_of()
    if as_of is None:
        raise errors.NoReportingFile("there is no reporting file yet", hint="run `neaptide sync`")
    bound = parameters.values(report.parameters, given, as_of.date())
    models = here.reader.models() if report.instead else frozenset()
    question = Question(report.title, *reports.statement(report, bound, models))
    path = request.url.path
    for ending in shown.ENDINGS:
        path = path.removesuffix(f".{ending}") if not path.endswith(f"/{report.name}") else path
    return shown.read(request, question, path, given, report.chart)


def _page(request: Request, here: site.Site, report: Report, given: Mapping[str, str]) -> Response:
    head = {**here.head(request, report.title), "report": report, "sql": report.sql}
    fields = [_field(parameter, given, head["as_of"]) for parameter in report.parameters]
    try:
        asked = _asked(request, here, report, given)
        data = shown.data(here, asked)
    except (errors.UsageError, errors.QueryFailed) as error:
        wrong = {"error": error.message, "hint": _on_a_page(error.hint)}
        return answers.as_html(
            "report.html", code=answers.code_of(error), **head, fields=fields, wrong=wrong, found=None
        )
    tag = answers.etag(here.reader, request, head["as_of"], report.sql, report.title)
    known = answers.fresh(request, tag)
    context = {**head, "sql": asked.question.sql}
    return known or answers.as_html("report.html", tag, **context, fields=fields, wrong=None, found=data)


def _on_a_page(hint: str | None) -> str | None:
    """A hint that names an option of the command line says nothing here."""
    return "fill in its field" if hint and hint.startswith("give it with -p") else hint


def _field(one: Parameter, given: Mapping[str, str], as_of: Any) -> dict[str, Any]:
    """One field of the form, with what was asked for in it."""
    default = "" if one.default in (None, parameters.NONE) else str(one.default)
    if (one.type, default) == ("date", parameters.TODAY):
        default = (as_of.date() if as_of else date.today()).isoformat()
    choices = list(one.choices) or (["true", "false"] if one.type == "boolean" else [])
    if choices and one.default == parameters.NONE:
        choices = ["", *choices]
    return {
        "name": one.name, "label": one.name.replace("_", " "), "help": one.help.replace("`", ""),
        "type": _FIELDS.get(one.type, "text"),
        "value": given.get(one.name, default), "required": one.default is None, "choices": choices,
        "lowest": one.lowest, "highest": one.highest, "step": "any" if one.type == "decimal" else None,
        "zones": _zones() if one.type == "timezone" else [],
    }  # fmt: skip


@cache
def _zones() -> list[str]:
    """All zones by name: to find them takes as long as the rest of a page."""
    return sorted(zoneinfo.available_timezones())
