"""How a report's file is read. It is one SELECT, which uses every declared parameter as `$name`; a head is optional:

    -- title: Sales per month
    -- description: Orders, gross sales, returns and net sales of every month.
    -- include: _sales
    -- instead: _models_sales when timezone = UTC
    -- param: from date = none | first day counted
    -- param: months integer >= 1 = 3 | width of the moving average
    -- chart: line x=month y=net

`include` puts the text of another file in front, or in its place below the head: common table expressions that several
reports share. A file that begins with `_` is only for that. `instead` puts one file in front in place of all these,
where the parameters have the values named, and the file has every read model that it names.
Other comments may stand between these lines. `docs/reports.md` explains each.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from app import errors, heads
from app.charts import chart
from app.queries import parameters

KEYS = ("title", "description", "include", "instead", "param", "chart")
_INCLUDE = re.compile(r"^-- include: *(?P<name>\w+) *$", re.MULTILINE)
_INSTEAD = re.compile(r"(?P<name>\w+) +when +(?P<values>\w+ *= *\S+(?: *, *\w+ *= *\S+)*)")
_MODEL = re.compile(r"\bmodels\.(\w+)")
_CHART = re.compile(r"-- *chart:")


@dataclass(frozen=True)
class Instead:
    """The same report of read models: `sql` is the whole statement, for parameters of these values, as text."""

    sql: str
    values: tuple[tuple[str, str], ...]

    @property
    def models(self) -> frozenset[str]:
        """The models that it reads."""
        return frozenset(_MODEL.findall(self.sql))


@dataclass(frozen=True)
class Report:
    """One report; `sql` is the whole statement, with what it includes. `instead` is one of read models.

    `chart` is None where the head says nothing.
    """

    name: str
    title: str
    description: str
    parameters: tuple[parameters.Parameter, ...]
    sql: str
    chart: chart.Chart | None = None
    instead: Instead | None = None


def parse(name: str, text: str, texts: Mapping[str, str], *, where: str) -> Report:
    """Read one file; `texts` holds those it may include, by name. Raises `errors.BadReport` that names `where`."""
    head = heads.split(text, KEYS, where, errors.BadReport)
    included = [_included(other, texts, where) for other in head.all("include")]
    body = _INCLUDE.sub(lambda match: _included(match["name"], texts, where), head.body)
    declared = tuple(parameters.parse(line, where=where) for line in head.all("param"))
    sql = "\n".join([*included, body])
    _refuse_unused(declared, sql, where)
    return Report(
        name=name,
        title=heads.one(head, "title", where, errors.BadReport) or name.replace("_", " ").capitalize(),
        description=heads.one(head, "description", where, errors.BadReport),
        parameters=declared,
        sql=sql,
        chart=chart.parse(heads.one(head, "chart", where, errors.BadReport), where=where),
        instead=_instead(head, body, {one.name for one in declared}, texts, where),
    )


def _refuse_unused(declared: tuple[parameters.Parameter, ...], sql: str, where: str) -> None:
    """DuckDB takes no value that a statement has no place for."""
    for one in declared:
        if not re.search(rf"\${one.name}\b", sql):
            message = f"{where}: the parameter {one.name} is declared, and no ${one.name} stands in the SQL"
            raise errors.BadReport(message, hint="use it, or take its line out of the head")


def _instead(head: heads.Head, body: str, declared: set[str], texts: Mapping[str, str], where: str) -> Instead | None:
    text = heads.one(head, "instead", where, errors.BadReport)
    if not text:
        return None
    match = _INSTEAD.fullmatch(text)
    if match is None:
        hint = "write it like -- instead: _models_sales when timezone = UTC, from = none"
        raise errors.BadReport(f"{where}: instead: {text!r} can't be read", hint=hint)
    pairs = [part.partition("=") for part in match["values"].split(",")]
    values = tuple((name.strip(), value.strip()) for name, _, value in pairs)
    if unknown := next((name for name, _ in values if name not in declared), None):
        raise errors.BadReport(f"{where}: instead: there is no parameter {unknown}", hint="declare it with -- param")
    return Instead("\n".join([_included(match["name"], texts, where), body]), values)


def chart_of(text: str) -> chart.Chart | None:
    """What the head of any statement says of its picture. Raises `errors.BadReport`."""
    lines = text.strip().splitlines()
    head = itertools.takewhile(lambda line: not line.strip() or line.startswith("--"), lines)
    charts = [line.removeprefix("--").strip().removeprefix("chart:") for line in head if _CHART.match(line)]
    return chart.parse(charts[0] if charts else "", where="the query")


def _included(name: str, texts: Mapping[str, str], where: str) -> str:
    if name not in texts:
        raise errors.BadReport(f"{where}: includes {name}, which is not there", hint=f"add {name}.sql beside it")
    return texts[name].strip()
