"""How a report's file is read. It is one SELECT, which uses every declared parameter as `$name`; a head is optional:

    -- title: Sales per month
    -- description: Orders, gross sales, returns and net sales of every month.
    -- include: _sales
    -- param: from date = none | first day counted
    -- param: months integer >= 1 = 3 | width of the moving average
    -- chart: line x=month y=net

`include` puts the text of another file in front, or in its place below the head: common table expressions that several
reports share. A file that begins with `_` is only for that.
Other comments may stand between these lines. `docs/reports.md` explains each.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app import errors
from app.charts import chart
from app.queries import parameters

KEYS = ("title", "description", "include", "param", "chart")
_INCLUDE = re.compile(r"^-- include: *(?P<name>\w+) *$", re.MULTILINE)
_CHART = re.compile(r"-- *chart:")
# As near as `parm` is to `param`, and farther than a remark is that happens to have a colon.
_NEAR = 0.75


@dataclass(frozen=True)
class Report:
    """One report; `sql` is the whole statement, with what it includes. `chart` is None where the head says nothing."""

    name: str
    title: str
    description: str
    parameters: tuple[parameters.Parameter, ...]
    sql: str
    chart: chart.Chart | None = None


def parse(name: str, text: str, texts: Mapping[str, str], *, where: str) -> Report:
    """Read one file; `texts` holds those it may include, by name. Raises `errors.BadReport` that names `where`."""
    head, body = _split(text, where)
    included = [_included(other, texts, where) for other in _of(head, "include")]
    body = _INCLUDE.sub(lambda found: _included(found["name"], texts, where), body)
    return Report(
        name=name,
        title=_one(head, "title", where) or name.replace("_", " ").capitalize(),
        description=_one(head, "description", where),
        parameters=tuple(parameters.parse(line, where=where) for line in _of(head, "param")),
        sql="\n".join([*included, body]),
        chart=chart.parse(_one(head, "chart", where), where=where),
    )


def chart_of(text: str) -> chart.Chart | None:
    """What the head of any statement says of its picture. Raises `errors.BadReport`."""
    lines = text.strip().splitlines()
    head = itertools.takewhile(lambda line: not line.strip() or line.startswith("--"), lines)
    found = [line.removeprefix("--").strip().removeprefix("chart:") for line in head if _CHART.match(line)]
    return chart.parse(found[0] if found else "", where="the query")


def _split(text: str, where: str) -> tuple[list[tuple[str, str]], str]:
    """The `-- key: value` lines at the top, and the statement below them."""
    head: list[tuple[str, str]] = []
    lines = text.removeprefix("\N{BYTE ORDER MARK}").strip().splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith("--")):
        key, colon, value = (part.strip() for part in lines.pop(0).removeprefix("--").partition(":"))
        if colon and key in KEYS:
            head.append((key, value))
        elif colon:
            _refuse_misspelled(key, where)
    body = "\n".join(lines).strip().removesuffix(";")
    if not body:
        raise errors.BadReport(f"{where}: there is no statement", hint="write one SELECT below the head")
    return head, body


def _refuse_misspelled(key: str, where: str) -> None:
    near = difflib.get_close_matches(key.lower(), KEYS, n=1, cutoff=_NEAR)
    if near:
        raise errors.BadReport(f"{where}: the head has no line `-- {key}: …`", hint=f"did you mean {near[0]}?")


def _included(name: str, texts: Mapping[str, str], where: str) -> str:
    if name not in texts:
        raise errors.BadReport(f"{where}: includes {name}, which is not there", hint=f"add {name}.sql beside it")
    return texts[name].strip()


def _of(head: Iterable[tuple[str, str]], key: str) -> list[str]:
    return [value for name, value in head if name == key]


def _one(head: Iterable[tuple[str, str]], key: str, where: str) -> str:
    found = _of(head, key)
    if len(found) > 1:
        raise errors.BadReport(f"{where}: the head has {len(found)} lines `-- {key}: …`", hint="keep one of them")
    return found[0] if found else ""
