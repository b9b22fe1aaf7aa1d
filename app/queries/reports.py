"""The reports of a project: every `.sql` file of its folder is one, found by being there.

A file that can't be read, or doesn't fit the reporting file, spoils only itself: it is named with the reason, and the
others go on.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path

from app import errors, statements
from app.queries import parameters, report_file
from app.queries.report_file import Instead, Report
from app.reporting import store as reporting
from app.reporting.result import Result

_SUFFIX = ".sql"


@dataclass(frozen=True)
class Catalogue:
    """What one folder holds: `reports` by name, and why the others can't be read, `bad`, by name as well."""

    folder: str
    reports: Mapping[str, Report] = field(default_factory=dict)
    bad: Mapping[str, errors.BadReport] = field(default_factory=dict)

    def get(self, name: str) -> Report:
        """One report. Raises `errors.BadReport` where its file is wrong, `errors.UnknownReport` with the nearest."""
        if name in self.bad:
            raise self.bad[name]
        if name not in self.reports:
            raise errors.UnknownReport(f"there is no report {name!r} in {self.folder}", hint=self._nearest(name))
        return self.reports[name]

    def _nearest(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.reports, n=3, cutoff=0.4)
        if near:
            return f"did you mean {' or '.join(near)}?"
        return "run `neaptide report` for the list" if self.reports else "write one with `neaptide report new NAME`"


def run(store: reporting.Store, report: Report, given: Mapping[str, str] | None = None) -> Result:
    """Run a report with parameters given as text; the others have their defaults, `today` is the day of `as_of`.

    Raises `errors.BadParameter`, and what `Store.query` raises.
    """
    return store.query(*question(store, report, given))


def question(
    store: reporting.Store, report: Report, given: Mapping[str, str] | None = None
) -> tuple[str, dict[str, parameters.Value]]:
    """The statement that answers a report, and its parameters: of read models, where these can and are there."""
    return statement(report, bound(store, report, given), store.models)


def statement(
    report: Report, values: Mapping[str, parameters.Value], models: frozenset[str]
) -> tuple[str, dict[str, parameters.Value]]:
    """The same for a file that has these models, and the values that the statement takes."""
    if report.instead is None or not _fits(report.instead, values, models):
        return report.sql, dict(values)
    used = {name: value for name, value in values.items() if re.search(rf"\${name}\b", report.instead.sql)}
    return report.instead.sql, used


def _fits(instead: Instead, values: Mapping[str, parameters.Value], models: frozenset[str]) -> bool:
    """Whether the parameters are those that models can answer, and the file has these models."""
    if any(str("none" if values[name] is None else values[name]) != wanted for name, wanted in instead.values):
        return False
    return instead.models <= models


def bound(
    store: reporting.Store, report: Report, given: Mapping[str, str] | None = None
) -> dict[str, parameters.Value]:
    """The values of a report's parameters. Raises `errors.BadParameter`."""
    return parameters.values(report.parameters, given or {}, store.as_of.date())


def misfit(store: reporting.Store, report: Report) -> str:
    """Why this file can't answer the report, in one line; empty where it can. Nothing is run."""
    bound = parameters.stand_ins(report.parameters, store.as_of.date())
    try:
        store.bind(report.sql, bound)
    except errors.NeaptideError as error:
        return error.message.split("\n")[0]
    return ""


def found_in(folder: Traversable) -> Catalogue:
    """The reports of a folder, sorted by name; none where there is no such folder."""
    texts: dict[str, str] = {}
    bad: dict[str, errors.BadReport] = {}
    for file in sorted(folder.iterdir(), key=lambda one: one.name) if folder.is_dir() else ():
        if file.name.endswith(_SUFFIX):
            _read(file, texts, bad)
    reports: dict[str, Report] = {}
    for name, text in texts.items():
        if not name.startswith("_"):
            _parse(folder, name, text, texts, reports, bad)
    return Catalogue(_shown(folder), reports, bad)


@cache
def shop() -> Catalogue:
    """The demo's own."""
    return found_in(statements.folder("reports"))


def _read(file: Traversable, texts: dict[str, str], bad: dict[str, errors.BadReport]) -> None:
    name = file.name.removesuffix(_SUFFIX)
    try:
        texts[name] = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        bad[name] = errors.BadReport(f"{_shown(file)} can't be read: {error}", hint="it has to be text in UTF-8")


def _parse(
    folder: Traversable,
    name: str,
    text: str,
    texts: Mapping[str, str],
    reports: dict[str, Report],
    bad: dict[str, errors.BadReport],
) -> None:
    try:
        reports[name] = report_file.parse(name, text, texts, where=f"{_shown(folder)}/{name}{_SUFFIX}")
    except errors.BadReport as error:
        bad[name] = error


def _shown(place: Traversable) -> str:
    """A path as seen from where one stands, where it lies below."""
    path = Path(str(place))
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
