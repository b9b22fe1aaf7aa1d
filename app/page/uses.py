"""Which reports read which tables, as the parser says that runs them: with a schema, without one, by way of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from app import errors
from app.page import site
from app.queries.report_file import Report
from app.reporting.store import Store
from jobs import quoting

_Names = frozenset[tuple[str, str]]
# Where a name without a schema is looked for.
_PATH = ("main", "public")


@dataclass(frozen=True)
class Uses:
    """The tables that each report names, folded."""

    named: Mapping[str, tuple[str, _Names]]

    def reports(self, table: str) -> list[dict[str, str]]:
        """Name and title of each report that reads the table."""
        schema, name = map(quoting.fold, quoting.split_name(table))
        wanted = {(schema, name), *([("", name)] if schema in _PATH else [])}
        return [{"name": report, "title": title} for report, (title, names) in self.named.items() if wanted & names]


def of(here: site.Site) -> Uses:
    """Of the catalogue as it is; parsed once for each run."""
    reports = here.catalogue().reports

    def work(store: Store) -> Uses:
        return Uses({name: (report.title, _named(store, report)) for name, report in reports.items()})

    key = tuple((name, report.title, report.sql) for name, report in reports.items())
    return here.reader.once(("uses", key), work)


def _named(store: Store, report: Report) -> _Names:
    """What it names either way; nothing where it can't be asked."""
    names: set[tuple[str, str]] = set()
    for sql in _ways(report):
        with suppress(errors.NeaptideError):
            names |= store.reads(sql)
    return frozenset(names)


def _ways(report: Report) -> Iterator[str]:
    yield report.sql
    if report.instead is not None:
        yield report.instead.sql
