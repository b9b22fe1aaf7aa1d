"""What has to fit together where a config names several sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.config.sections import NamedSource
from app.config.table import Table


def check(sources: Sequence[NamedSource], tables: Sequence[Table], *, has_default: bool) -> None:
    """Raise `ValueError` for a name that stands twice or is unknown, and for two tables that would be one in the file.

    `has_default` is whether there is a [source] besides, which tables without the name of a source are of.
    """
    _check_names(sources)
    known = [one.name for one in sources]
    for table in tables:
        if table.source is not None and table.source not in known:
            there = f"there are {', '.join(known)}" if known else "there are no [[sources]]"
            raise ValueError(f"tables: {table.name} has source = {table.source!r}, and {there}")
        if sources and table.source is None and not has_default:
            raise ValueError(f"tables: {table.name} says no source: add source = one of {', '.join(known)}")
    _check_targets(tables)


def variable(source: str) -> str:
    """The variable of the environment that has a source's URL; that of [source] where it has no name."""
    return f"NEAPTIDE_SOURCES__{source.upper().replace('-', '_')}__URL" if source else "NEAPTIDE_SOURCE__URL"


def _check_names(sources: Sequence[NamedSource]) -> None:
    for one, count in Counter(one.variable for one in sources).items():
        if count > 1:
            alike = " and ".join(other.name for other in sources if other.variable == one)
            raise ValueError(f"sources: {alike} have one name: case, - and _ make no difference")


def _check_targets(tables: Sequence[Table]) -> None:
    """Patterns are compared by the runs, which know what they mean."""
    taken: dict[str, Table] = {}
    for table in tables:
        name = (table.rename or table.name).lower()
        other = taken.setdefault(name, table)
        if other.source != table.source and not table.is_pattern:
            of = " and ".join(one.source or "[source]" for one in (other, table))
            raise ValueError(
                f"tables: {of} would both have {table.rename or table.name} in the file: give one of them another name"
                ' there, rename = "…"'
            )
