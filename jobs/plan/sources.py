"""Which source a table is of, where there are several: one name in the file is one table's, and one source's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app import config, errors, nearest
from jobs import quoting
from jobs.job import Job
from jobs.record.state import Saved, State
from jobs.tables import entries, patterns
from jobs.tables.table import Table


def taken(tables: Iterable[Table], state: State, whole: config.Settings | None) -> dict[str, errors.NeaptideError]:
    """The tables whose names another source's have in the file, which still means them; by name.

    What the other's entries no longer mean was given to this one, and is copied anew.
    """
    if whole is None or not state.others:
        return {}
    held = [saved for saved in state.others.values() if _is_meant(saved, whole)]
    names = {quoting.fold(saved.table): saved for saved in held}
    schemas = {quoting.fold(_schema(saved.table)): saved for saved in held}
    failures: dict[str, errors.NeaptideError] = {}
    for table in tables:
        same, beside = names.get(quoting.fold(table.name)), schemas.get(quoting.fold(_schema(table.name)))
        if same is not None:
            failures[table.name] = _taken(table, f"{same.table} of {_called(same.source)}")
        elif beside is not None and _schema(beside.table) != _schema(table.name):
            failures[table.name] = _taken(table, f"the schema {_schema(beside.table)} of {_called(beside.source)}")
    return failures


def _taken(table: Table, other: str) -> errors.ConfigError:
    return errors.ConfigError(
        f"{table.name} is in the file already: {other}",
        hint=f'give one another name there: rename = "…" in the entry of {table.source_name}',
    )


def _is_meant(saved: Saved, whole: config.Settings) -> bool:
    schema, name = quoting.split_name(saved.table)
    mine = (spec for spec in whole.tables if (spec.source or "") == saved.source)
    return any(patterns.claims(spec, schema, name) for spec in mine)


def _schema(name: str) -> str:
    return quoting.split_name(name)[0]


def _called(source: str) -> str:
    return f"source {source}" if source else "[source]"


def meant(job: Job, tables: Sequence[str]) -> list[tuple[Job, tuple[str, ...]]]:
    """The jobs of the sources that these tables are of, each with its own; without tables, all.

    Raises `errors.ConfigError` for a table that no entry of several sources means.
    """
    if not (job.parts and tables):
        return [(one, tuple(tables)) for one in job.each]
    asked = allotted(tables, {one.part: one.settings for one in job.parts})
    return [(one, asked[one.part]) for one in job.parts if one.part in asked]


def allotted(wanted: Sequence[str], parts: Mapping[str, config.Settings]) -> dict[str, tuple[str, ...]]:
    """Which of these tables are to be asked of which sources, by the names that they have there or in the file.

    An entry for a table wins over a pattern. Raises `errors.ConfigError` for one that no entry means.
    """
    by_source: dict[str, list[str]] = {}
    for name in wanted:
        asked = entries.sources_of(name, parts)
        if not asked:
            raise patterns.unknown(name, (spec.rename or spec.name for one in parts.values() for spec in one.tables))
        for source in asked:
            by_source.setdefault(source, []).append(name)
    return {source: tuple(names) for source, names in by_source.items()}


def only(job: Job, table: str) -> Job:
    """The job of the one source that this table is of. Raises `errors.UsageError` where several have one."""
    [(part, _), *others] = meant(job, [table])
    if others:
        named = [part.called, *(one.called for one, _ in others)]
        raise errors.UsageError(
            f"{table} is a table of {' and of '.join(named)}", hint="give the name that it has in the file"
        )
    return part


def chosen(job: Job, part: str | None) -> Job:
    """The one of several sources that is asked by itself. Raises `errors.UsageError` for another name, and for none."""
    names = [one.part for one in job.parts if one.part]
    if part in names:
        return next(one for one in job.parts if one.part == part)
    if part is not None:
        message = f"there is no source {part} with tables in the config"
        raise errors.UsageError(message, hint=nearest.name(part, names) or "it has no [[sources]]: leave --source out")
    message = "PostgreSQL itself answers from one database, and the config has several sources"
    way = f"name one, --source {names[0]}, for what is asked of its tables alone; " if names else ""
    raise errors.UsageError(
        message, hint=f"{way}or leave --live out: --max-staleness 0s brings the file up to date first"
    )
