"""A project's reports: run one, list all, write a new one, try them."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app import errors
from app.face import completion, given, show
from app.face.base import (
    Face,
    chart_option,
    engine_option,
    format_options,
    live_option,
    pass_face,
    refuse_chart,
    staleness_option,
)

if TYPE_CHECKING:
    from app.queries.parameters import Value
    from app.queries.report_file import Report
    from app.queries.reports import Catalogue
    from app.reporting.store import Store

_EXAMPLES = (
    "neaptide report",
    "neaptide report sales_monthly --help",
    "neaptide report sales_monthly -p months=6",
    "neaptide report top_products --max-staleness 10s --format csv",
    "neaptide report top_products -o products.xlsx",
    "neaptide report sales_monthly --chart",
    "neaptide report sales_monthly -o sales.html",
    "neaptide report new orders_by_status",
    "neaptide report --check",
)
_START = """\
-- title: {title}
-- description: What it shows, in one sentence.
-- param: limit integer >= 1 = 20 | how many rows
SELECT *
FROM {table}
LIMIT $limit
"""


@click.command("report", cls=given.ReportCommand, examples=_EXAMPLES)
@click.argument("name", required=False, shell_complete=completion.reports)
@click.argument("new_name", required=False, metavar="")
@click.option(
    "-p",
    "settings",
    type=given.Setting(),
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter; may be repeated.",
    callback=given.as_values,
    shell_complete=given.parameters,
)
@click.option("--check", is_flag=True, help="Try every report, or this one, and say what is wrong.")
@format_options
@chart_option
@staleness_option
@live_option
@engine_option
@pass_face
@click.pass_context
def command(
    ctx: click.Context,
    face: Face,
    *,
    name: str | None,
    new_name: str | None,
    settings: dict[str, str],
    check: bool,
    kind: str,
    output: Path | None,
    as_chart: bool,
    max_staleness: timedelta | None,
    live: bool,
    engine: str,
) -> int:
    """Run a report; without a name, list them.

    Reports are the .sql files of the folder [reports] path, and read the reporting file. `report new NAME` writes one
    to begin with, `report NAME --help` shows its parameters.
    """
    from app import bootstrap

    if name == given.NEW and new_name is not None:
        return _write_new(face, new_name)
    if new_name is not None:
        given.refuse_second(name or "", new_name)
    if (output is not None or as_chart) and (name is None or check):
        raise errors.UsageError("-o and --chart show the result of a report: name one")
    refuse_chart(as_chart, kind, output)
    catalogue = bootstrap.reports(face.settings)
    if check:
        return _check(face, catalogue, name, kind, engine)
    if name is None:
        return _list(face, catalogue, kind, engine)
    report = catalogue.get(name)
    if "report help" in ctx.meta:
        return _explain(report, kind)
    if output is not None:
        _export(face, report, given=settings, output=output, max_staleness=max_staleness, live=live, engine=engine)
    else:
        shown = "chart" if as_chart else kind
        _run(face, report, given=settings, kind=shown, max_staleness=max_staleness, live=live, engine=engine)
    return 0


def _export(
    face: Face,
    report: Report,
    *,
    given: dict[str, str],
    output: Path,
    max_staleness: timedelta | None,
    live: bool,
    engine: str,
) -> None:
    from app.face import export
    from app.queries import reports

    def question(store: Store) -> tuple[str, dict[str, Value]]:
        return reports.question(store, report, given)

    export.write(
        face, output, question, title=report.title, chart=report.chart, max_staleness=max_staleness, live=live,
        engine=engine,
    )  # fmt: skip


def _run(
    face: Face,
    report: Report,
    *,
    given: dict[str, str],
    kind: str,
    max_staleness: timedelta | None,
    live: bool,
    engine: str,
) -> None:
    from app.face import plots, tables
    from app.queries import reports

    with face.store(max_staleness=max_staleness, live=live, engine=engine) as store:
        result = reports.run(store, report, given)
    if kind == "chart":
        plots.write(result, report.chart, report.title, sys.stdout, face.now())
    elif kind == "table":
        show.report(result, report.title, face.now())
    else:
        tables.write(result, kind, sys.stdout, sys.stderr, now=face.now())


def _list(face: Face, catalogue: Catalogue, kind: str, engine: str) -> int:
    """Those that the file can answer, and below them the others with the reason."""
    wrong = _misfits(face, catalogue, engine)
    fit = [report for name, report in catalogue.reports.items() if name not in wrong]
    if kind != "table":
        show.as_json(
            [_described(one, wrong.get(one.name)) for one in catalogue.reports.values()]
            + [{"name": name, "error": error.message} for name, error in catalogue.bad.items()]
        )
        return 0
    if fit:
        show.table(
            ("report", "what it shows", "parameters"),
            [(one.name, one.description or one.title, _names(one)) for one in fit],
        )
    for name, reason in (wrong | {name: error.message for name, error in catalogue.bad.items()}).items():
        face.say(f"left out: {name}: {reason}")
    if not catalogue.reports and not catalogue.bad:
        face.say(f"there are no reports in {catalogue.folder}; write one with `neaptide report new NAME`")
    return 0


def _misfits(face: Face, catalogue: Catalogue, engine: str) -> dict[str, str]:
    """Why reports can't be answered by the file, by name; nothing is known of them where there is no file yet."""
    from app.queries import reports

    try:
        with face.store(engine=engine) as store:
            reasons = {name: reports.misfit(store, report) for name, report in catalogue.reports.items()}
    except errors.NoReportingFile:
        return {}
    return {name: reason for name, reason in reasons.items() if reason}


def _check(face: Face, catalogue: Catalogue, name: str | None, kind: str, engine: str) -> int:
    """Run each with the defaults of its parameters; exit code 1 where one fails."""

    wanted = [catalogue.get(name)] if name else list(catalogue.reports.values())
    with face.store(engine=engine) as store:
        results = {report.name: _tried(store, report) for report in wanted}
    if name is None:
        results |= {bad: error.message for bad, error in catalogue.bad.items()}
    if kind == "table":
        show.table(("report", "result"), [(one, reason or "ok") for one, reason in results.items()])
    else:
        show.as_json([{"name": one, "ok": not reason, "error": reason or None} for one, reason in results.items()])
    return 1 if any(results.values()) else 0


def _tried(store: Store, report: Report) -> str:
    """What is wrong with it, in one line. One that needs a parameter is not run, but bound to the file's tables."""
    from app.charts import choice
    from app.queries import reports

    if any(one.default is None for one in report.parameters):
        return reports.misfit(store, report)
    try:
        choice.chosen(reports.run(store, report), report.chart, where=report.name)
    except errors.NeaptideError as error:
        return error.message.split("\n")[0]
    return ""


def _explain(report: Report, kind: str) -> int:
    if kind != "table":
        show.as_json(_described(report))
        return 0
    click.echo(report.title)
    if report.description:
        click.echo(report.description)
    click.echo()
    rows = [(one.name, one.type, "must be given" if one.default is None else one.default, one.help)
            for one in report.parameters]  # fmt: skip
    if rows:
        show.table(("parameter", "type", "default", "what it does"), rows)
    else:
        click.echo("It has no parameters.")
    click.echo(f"\nExample:\n  {_example(report)}")
    return 0


def _example(report: Report) -> str:
    """A command line that works: what must be given, or else the first parameter."""
    from app.queries import parameters

    wanted = [one for one in report.parameters if one.default is None] or report.parameters[:1]
    return " ".join(["neaptide report", report.name, *(f"-p {one.name}={parameters.example(one)}" for one in wanted)])


def _write_new(face: Face, name: str) -> int:
    """A file to begin with, on a table that is there."""
    path = face.settings.reports_path / f"{name}.sql"
    if not name.isidentifier() or name == given.NEW or name.startswith("_"):
        raise errors.UsageError(f"{name!r} is no name for a report", hint="use letters, digits and _, like open_orders")
    if path.exists():
        raise errors.UsageError(f"{path} exists", hint="name the new report otherwise")
    table, title = _some_table(face), name.replace("_", " ").capitalize()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_START.format(title=title, table=table), encoding="utf-8")
    except OSError as error:
        raise errors.UsageError(f"{path} can't be written: {error.strerror}") from error
    face.say(f"wrote {_from_here(path)}; edit it, then: neaptide report {name}")
    return 0


def _some_table(face: Face) -> str:
    """A table of the file, as SQL names it; of the config where there is no file yet."""
    from jobs import quoting

    try:
        with face.store() as store:
            # A table of one's own rather than a model of it.
            rows = sorted(store.tables(), key=lambda row: row[0] == "models")
    except errors.NoReportingFile:
        rows = [quoting.split_name(one.rename or one.name) for one in face.settings.tables if not one.is_pattern]
    return quoting.readable(*rows[0]) if rows else "public.my_table"


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _names(report: Report) -> str:
    return " ".join(one.name for one in report.parameters)


def _described(report: Report, reason: str | None = None) -> dict[str, Any]:
    described = {
        "name": report.name, "title": report.title, "description": report.description,
        "parameters": [_parameter(one) for one in report.parameters],
    }  # fmt: skip
    return described | ({"error": reason} if reason else {})


def _parameter(one: Any) -> dict[str, Any]:
    return {
        "name": one.name, "type": one.type, "default": one.default, "help": one.help, "lowest": one.lowest,
        "highest": one.highest, "choices": list(one.choices),
    }  # fmt: skip
