"""The reports of `sql/reports/`."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from app.face import show
from app.face.base import FORMATS, Command, Face, live_option, pass_face, staleness_option

if TYPE_CHECKING:
    from app.queries.reports import Report

_EXAMPLES = (
    "neaptide report",
    "neaptide report sales_monthly -p months=6",
    "neaptide report top_products --max-staleness 10s --format csv",
)


class Setting(click.ParamType[tuple[str, str]]):
    """`key=value`."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, equals, text = str(value).partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is not KEY=VALUE", param, ctx)
        return key.strip(), text


@click.command("report", cls=Command, examples=_EXAMPLES)
@click.argument("name", required=False)
@click.option(
    "-p", "settings", type=Setting(), multiple=True, metavar="KEY=VALUE", help="A parameter; may be repeated."
)
@click.option("--format", "kind", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--json", "kind", flag_value="json", help="The same as --format json.")
@staleness_option
@live_option
@pass_face
def command(
    face: Face,
    *,
    name: str | None,
    settings: tuple[tuple[str, str], ...],
    kind: str,
    max_staleness: timedelta | None,
    live: bool,
) -> None:
    """Run a report; without a name, list them.

    Reports read the reporting file, and say which moment of PostgreSQL it shows.
    """
    from app.queries import reports

    if name is None:
        _list(reports.catalogue(), kind)
        return
    report = reports.get(name)
    _run(face, report, given=dict(settings), kind=kind, max_staleness=max_staleness, live=live)


def _run(
    face: Face, report: Report, *, given: dict[str, str], kind: str, max_staleness: timedelta | None, live: bool
) -> None:
    from app.face import tables
    from app.queries import reports

    with face.store(max_staleness=max_staleness, live=live) as store:
        result = reports.run(store, report.name, given)
    if kind == "table":
        show.report(result, report.title)
    else:
        tables.write(result, kind, sys.stdout, sys.stderr)


def _list(found: list[Report], kind: str) -> None:
    if kind == "table":
        show.table(
            ("report", "what it shows", "parameters"), [(one.name, one.description, _names(one)) for one in found]
        )
    else:
        show.as_json([_described(one) for one in found])


def _names(report: Report) -> str:
    return " ".join(one.name for one in report.parameters)


def _described(report: Report) -> dict[str, Any]:
    parameters = [
        {"name": one.name, "type": one.type, "default": one.default, "help": one.help} for one in report.parameters
    ]
    return {
        "name": report.name,
        "title": report.title,
        "description": report.description,
        "parameters": parameters,
    }
