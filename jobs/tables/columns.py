"""Which columns of a table are copied, under which names, and in what form. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from app import config, errors
from jobs import quoting
from jobs.tables import commits, modes
from jobs.types import column_plan, masks
from jobs.types.column_plan import ColumnInfo, ColumnPlan

# What a history says of a version, beside the table's columns.
HISTORY = ("valid_from", "valid_to", "is_current", "operation", "ended_by")
# DuckLake takes a column of this name in a file for where its rows come from.
LAKES_OWN = "_ducklake_internal_row_id"


def choose(
    spec: config.Table, name: str, infos: Sequence[ColumnInfo], key: Sequence[str], *, parquet: bool = False
) -> tuple[tuple[ColumnInfo, ...], tuple[ColumnPlan, ...]]:
    """The copied columns of the source and, in the same order, their plans.

    Raises `errors.ConfigError` where the entry names a column that isn't there, leaves out or blurs the key, or makes
    two names that DuckDB can't tell apart. `name` is the table's, for the message.
    """
    _check_names(spec, name, infos)
    copied = tuple(info for info in infos if _is_wanted(spec, info.name))
    if not copied:
        raise errors.ConfigError(f"{name}: no column is left to copy", hint="see columns and exclude_columns")
    _check_key(spec, name, copied, key)
    _check_casts(spec, name, infos, key)
    plans = tuple(_plan(spec, info, key, parquet=parquet) for info in copied)
    _check_case(name, (plan.name for plan in plans))
    if parquet:
        _check_lakes_own(name, [plan.name for plan in plans])
    if spec.history:
        _check_history(name, [plan.name for plan in plans], key)
    if spec.history == commits.COMMITS:
        commits.check(spec, name, copied)
    return copied, plans


def _check_history(name: str, columns: Sequence[str], key: Sequence[str]) -> None:
    if not key:
        raise errors.ConfigError(
            f"{name}: history tells the versions of a row by its key, and the table has none",
            hint="give it a primary key, name columns that are one by key = [...], or leave history out",
        )
    taken = next((column for column in columns if quoting.fold(column) in HISTORY), None)
    if taken is not None:
        raise errors.ConfigError(
            f"{name}: its history has a column {quoting.fold(taken)} of its own",
            hint=f'give the table\'s another name: rename_columns = {{ {quoting.identifier(taken)} = "…" }}',
        )


def _check_lakes_own(name: str, columns: Iterable[str]) -> None:
    taken = next((column for column in columns if quoting.fold(column) == LAKES_OWN), None)
    if taken is not None:
        raise errors.ConfigError(
            f"{name}: DuckLake keeps numbers of its own under the name {taken}, and could not read the table",
            hint=f'give the column another name: rename_columns = {{ {quoting.identifier(taken)} = "…" }}',
        )


def _check_names(spec: config.Table, name: str, infos: Sequence[ColumnInfo]) -> None:
    there = {info.name for info in infos}
    named = {
        "key": spec.key or (), "columns": spec.columns or (), "exclude_columns": spec.exclude_columns,
        "rules": spec.rules, "mask": spec.mask, "rename_columns": spec.rename_columns,
        "soft_column": [spec.soft_column] if spec.soft_column else (),
    }  # fmt: skip
    for place, columns in named.items():
        for column in columns:
            if column not in there:
                raise errors.ConfigError(
                    f"{name}: the table has no column {column!r}, which {place} names",
                    hint="correct the table's entry in config.toml",
                )


def _is_wanted(spec: config.Table, column: str) -> bool:
    return column in spec.columns if spec.columns is not None else column not in spec.exclude_columns


def _check_key(spec: config.Table, name: str, copied: Iterable[ColumnInfo], key: Sequence[str]) -> None:
    names = {info.name for info in copied}
    for column in key:
        if column not in names:
            raise errors.ConfigError(f"{name}: the key's column {column!r} must be copied", hint="or mask it by hash")
        if spec.mask.get(column, "hash") != "hash":
            raise errors.ConfigError(
                f'{name}: the key\'s column {column!r} can only be masked by "hash"', hint="rows would lose their key"
            )
        if spec.rules.get(column) in _BLURS:
            raise errors.ConfigError(
                f"{name}: the key's column {column!r} can't have the rule \"{spec.rules[column]}\"",
                hint='rows would lose their key: use "text", "decimal" or "fail"',
            )


# Rules that may make one value of two.
_BLURS = ("null", "double")


def _check_casts(spec: config.Table, name: str, infos: Sequence[ColumnInfo], key: Sequence[str]) -> None:
    """Values are written down by their types' own functions. What else is to be done with one may take a cast.

    A recorded key is read back by one, and the condition of an entry may name one. That it is somebody's own function
    is not to be seen there, and it would run as the role that reads.
    """
    recast = [info.name for info in infos if column_plan.recast(info)]
    read_back = [column for column in recast if column in key]
    mode = modes.WATERMARKS[spec.watermark]
    if read_back and (mode.from_log or (mode.stamped and modes.DELETES[spec.deletes].recorded)):
        raise errors.ConfigError(
            f"{name}: the type of the key's column {read_back[0]!r} has a cast by a function of somebody's own",
            hint='DROP CAST on the source, or set deletes = "compare"',
        )
    if recast and spec.where is not None:
        raise errors.ConfigError(
            f"{name}: the type of {recast[0]!r} has a cast by a function of somebody's own, which where might call",
            hint="DROP CAST on the source, or do without where",
        )


def _plan(spec: config.Table, info: ColumnInfo, key: Sequence[str], *, parquet: bool) -> ColumnPlan:
    new = spec.rename_columns.get(info.name, info.name)
    plan = _planned(spec, info, key, parquet=parquet)
    if new != info.name:
        # What runs in PostgreSQL reads the column by its old name, what runs in DuckDB by the new one.
        theirs = _planned(spec, replace(info, name=new), key, parquet=parquet, original=info.name)
        plan = replace(plan, name=new, target_sql=theirs.target_sql, exact_sql=theirs.exact_sql)
    return masks.masked(plan, spec.mask[info.name]) if info.name in spec.mask else plan


def _planned(
    spec: config.Table, info: ColumnInfo, key: Sequence[str], *, parquet: bool, original: str | None = None
) -> ColumnPlan:
    name = original or info.name
    if name not in key:
        return column_plan.plan_column(info, spec.rules.get(name), spec.on_value, parquet=parquet)
    # A key that became NULL would be nobody's.
    on_value = "fail" if spec.on_value == "null" else spec.on_value
    return column_plan.plan_column(info, spec.rules.get(name), on_value, key=True, parquet=parquet)


def _check_case(name: str, columns: Iterable[str]) -> None:
    names = list(columns)
    counts = Counter(map(quoting.fold, names))
    twins = [column for column in names if counts[quoting.fold(column)] > 1]
    if twins:
        raise errors.ConfigError(
            f"{name}: DuckDB can't tell the columns {' and '.join(map(repr, twins))} apart",
            hint=f'give one another name: rename_columns = {{ {quoting.identifier(twins[-1])} = "…" }}',
        )
