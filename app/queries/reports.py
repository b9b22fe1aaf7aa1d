"""Reports: a `.sql` file in `sql/reports/` is one, found by being there.

Its head says what it is; the rest is one statement that uses every declared parameter as `$name`:

    -- title: Sales per month
    -- description: Orders, gross sales, returns and net sales of every month.
    -- include: _sales
    -- param: from date = none | first day counted
    -- param: months integer = 3 | width of the moving average

`include` puts the common table expressions of another file in front; a file that begins with `_` is only for that.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable

from app import errors, reporting, statements
from app.queries import parameters

_SUFFIX = ".sql"


@dataclass(frozen=True)
class Report:
    """One report; `sql` is the whole statement, with what it includes."""

    name: str
    title: str
    description: str
    parameters: tuple[parameters.Parameter, ...]
    sql: str


def catalogue() -> list[Report]:
    """All reports, by name. Raises `errors.Bug` for a malformed head."""
    return list(_all().values())


def get(name: str) -> Report:
    """One report. Raises `errors.UnknownReport` with the nearest names."""
    try:
        return _all()[name]
    except KeyError:
        near = difflib.get_close_matches(name, _all(), n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "run `neaptide report` for the list"
        raise errors.UnknownReport(f"there is no report {name!r}", hint=hint) from None


def run(store: reporting.Store, name: str, given: Mapping[str, str] | None = None) -> reporting.Result:
    """Run a report with parameters given as text; the others have their defaults, `today` is the day of `as_of`.

    Raises `errors.UnknownReport`, `errors.BadParameter`, and what `Store.query` raises.
    """
    report = get(name)
    bound = parameters.values(report.parameters, given or {}, store.as_of.date())
    return store.query(report.sql, bound)


@cache
def _all() -> dict[str, Report]:
    return found_in(statements.folder("reports"))


def found_in(folder: Traversable) -> dict[str, Report]:
    """The reports of a folder, sorted by name."""
    files = {file.name.removesuffix(_SUFFIX): file for file in folder.iterdir() if file.name.endswith(_SUFFIX)}
    texts = {name: file.read_text(encoding="utf-8") for name, file in sorted(files.items())}
    return {name: parse(name, text, texts) for name, text in texts.items() if not name.startswith("_")}


def parse(name: str, text: str, texts: Mapping[str, str]) -> Report:
    """Read one file; `texts` holds those it may include, by name."""
    where = f"sql/reports/{name}{_SUFFIX}"
    head, body = _split(text, where)
    included = [_included(other, texts, where) for other in _of(head, "include")]
    return Report(
        name=name,
        title=_one(head, "title", where),
        description=_one(head, "description", where),
        parameters=tuple(parameters.parse(line, where=where) for line in _of(head, "param")),
        sql="\n".join([*included, body]),
    )


def _split(text: str, where: str) -> tuple[list[tuple[str, str]], str]:
    """The `-- key: value` lines at the top, and the statement below them."""
    head: list[tuple[str, str]] = []
    lines = text.strip().splitlines()
    while lines and lines[0].startswith("--"):
        key, colon, value = lines.pop(0).removeprefix("--").partition(":")
        if not colon or key.strip() not in ("title", "description", "include", "param"):
            raise errors.Bug(f"{where}: the head has a line that is no title, description, include or param")
        head.append((key.strip(), value.strip()))
    body = "\n".join(lines).strip().removesuffix(";")
    if not body:
        raise errors.Bug(f"{where}: there is no statement")
    return head, body


def _included(name: str, texts: Mapping[str, str], where: str) -> str:
    if name not in texts:
        raise errors.Bug(f"{where}: includes {name}, which is not there")
    return texts[name].strip()


def _of(head: Iterable[tuple[str, str]], key: str) -> list[str]:
    return [value for name, value in head if name == key]


def _one(head: Iterable[tuple[str, str]], key: str, where: str) -> str:
    found = _of(head, key)
    if len(found) != 1 or not found[0]:
        raise errors.Bug(f"{where}: the head needs one line `-- {key}: …`")
    return found[0]
