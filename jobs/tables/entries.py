"""Which entry of the config means a table of the file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app import config
from jobs import quoting
from jobs.job import Job
from jobs.tables import patterns


class Entries:
    """The entries by the names that their tables have in the file; one for a table wins over a pattern."""

    def __init__(self, specs: Iterable[config.Table]) -> None:
        given = list(specs)
        self._wild = [spec for spec in given if spec.is_pattern]
        self._plain = {(spec.source or "", _folded(spec.rename or spec.name)): spec for spec in given}

    def find(self, table: str, source: str = "") -> config.Table | None:
        """The entry of this source for a table that is called so in the file; None where it has none any more."""
        plain = self._plain.get((source, _folded(table)))
        if plain is not None and not plain.is_pattern:
            return plain
        name = quoting.split_name(table)
        wild = (spec for spec in self._wild if (spec.source or "") == source)
        return next((spec for spec in wild if patterns.claims(spec, *name)), None)


def _folded(name: str) -> tuple[str, str]:
    schema, table = quoting.split_name(name)
    return quoting.fold(schema), quoting.fold(table)


def sources_of(name: str, parts: Mapping[str, config.Settings]) -> list[str]:
    """The sources that have a table of this name: in the file, or else among their own."""
    given = quoting.split_name(name)
    for wild in (False, True):
        of = {source: [spec for spec in one.tables if spec.is_pattern == wild] for source, one in parts.items()}
        in_file = [source for source, specs in of.items() if any(patterns.claims(spec, *given) for spec in specs)]
        there = [source for source, specs in of.items() if any(_is_called(spec, given) for spec in specs)]
        if in_file or there:
            return in_file or there
    return []


def _is_called(spec: config.Table, given: tuple[str, str]) -> bool:
    return patterns.Pattern.parse(spec.name).matches(*given)


def paused(job: Job) -> frozenset[str]:
    """`job.paused`; of one of several sources its own: a name may be one table's there and another's in the file."""
    names = job.paused
    if not names or job.whole is None or job.parts:
        return names
    parts, own = job.whole.parts, {spec.name for spec in job.settings.tables if spec.paused}
    return frozenset(name for name in names if name in own or job.part in sources_of(name, parts))
