"""What becomes of a column: the expressions that carry its values over, its DuckDB type, and the rule for misfits.

`source_sql` runs in PostgreSQL, its result crosses the wire in the binary form that DuckDB's extension reads exactly,
and `target_sql` turns that into the stored value in DuckDB. Which type takes which way stands in `jobs.types.forms`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from app import errors
from jobs import quoting
from jobs.types import forms, output
from jobs.types.info import ColumnInfo, Known, TypeInfo, read_columns, read_columns_many

__all__ = [
    "READER_SETTINGS",
    "ColumnInfo",
    "ColumnPlan",
    "Known",
    "TypeInfo",
    "plan_column",
    "read_columns",
    "read_columns_many",
    "recast",
]

Rule = Literal["text", "null", "fail", "double", "decimal", "bytes"]

# A value's text must be the same in every session that reads it. lc_monetary is left as the database has it: money
# counts the smallest unit, and only the locale it was written under knows how many of them make one.
READER_SETTINGS = {
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "array_nulls": "on",
    "quote_all_identifiers": "off",
    # Names of relations and types are then always written with their schema, and casts can't be hijacked.
    "search_path": "pg_catalog, pg_temp",
}


@dataclass(frozen=True)
class ColumnPlan:
    """How one column is carried over. `name` is the column's on the wire and in the file.

    `lossless`: what the file holds is exact; False under the rules `null` and `double`. `rule` is the one in force
    where the type has values that DuckDB's can't hold, else None: under `fail` PostgreSQL refuses such a row while
    it is read, under `null` it becomes NULL. `lossy_sql` is a PostgreSQL condition, true for such a row, None where
    there can be none. `exact_sql` is a DuckDB expression over the stored column that differs whenever the values do
    (for DuckDB 1 month equals 30 days, and -0 equals 0). `same_equality` is False where DuckDB tells values apart that
    PostgreSQL holds equal (citext, unscaled numeric): in a key, a change from one to the other has to be seen as a
    change of key. What a plan for a key keeps is never equal for DuckDB where it isn't for PostgreSQL.
    `key_text_sql` is a PostgreSQL expression for the value's text.
    """

    name: str
    source_sql: str
    target_sql: str
    duckdb_type: str
    lossless: bool
    note: str
    rule: Rule | None
    lossy_sql: str | None
    exact_sql: str
    key_text_sql: str
    same_equality: bool


def recast(info: ColumnInfo) -> bool:
    """Whether somebody made a cast for the column's type, or for one in it, with a function of their own."""
    return output.recast(info.type)


# Digits after the point under the rule "decimal" where the type names none; 20 are left before it.
_FREE_SCALE = 18


def plan_column(
    info: ColumnInfo,
    rule: Rule | None = None,
    on_value: Rule | None = None,
    *,
    key: bool = False,
    parquet: bool = False,
) -> ColumnPlan:
    """Decide how a column is carried over. `rule` is the column's in the config, `on_value` the table's.

    A column of the `key` is kept so that DuckDB holds no two keys equal that PostgreSQL tells apart. With `parquet` it
    is kept as Parquet can hold it.

    `text` as a column's rule makes any column VARCHAR; as a table's, only those whose values might not fit. `bytes`
    makes it a BLOB of its text as the server has it, which need be no text for anybody else. `double`
    and `decimal` are for numerics, and then `on_value` says what becomes of NaN and the like. Raises
    `errors.ConfigError` for a rule that the type can't follow.
    """
    kind = info.type.resolved
    form = forms.form_of(kind, info.dims, key=key)
    if parquet:
        form = forms.in_parquet(form)
    if rule in ("double", "decimal"):
        form, rule = _as_number(info, kind, rule), "null" if on_value == "null" else "fail"
    elif rule == "bytes":
        form, rule = _as_bytes(form, info), None
    elif rule == "text" or (rule is None and on_value == "text" and form.lossy):
        form, rule = _in_full(form, info), "text"
    if not info.deterministic:
        form = replace(form, same=False)
    if rule != "text":
        rule = (rule or on_value or "fail") if form.lossy else None
    return _plan(info.name, kind, form, rule)


def _plan(name: str, kind: TypeInfo, form: forms.Form, rule: Rule | None) -> ColumnPlan:
    column = quoting.identifier(name)
    text = output.text(kind, column)
    lossy = forms.filled(form.lossy, column) if form.lossy else None
    wire = forms.filled(form.source, _cast(output.spelled(kind, column), form.casts))
    return ColumnPlan(
        name=name,
        source_sql=_guarded(text, wire, form.casts[-1], lossy, rule) if lossy else wire,
        target_sql=forms.filled(form.target, column),
        duckdb_type=form.duckdb,
        lossless=form.lossless and rule != "null",
        note=f"{form.note}; {form.misfit} {_CONSEQUENCE[rule]}" if rule in _CONSEQUENCE else form.note,
        rule=rule,
        lossy_sql=lossy,
        exact_sql=forms.filled(form.exact, column),
        key_text_sql=text,
        same_equality=form.same,
    )


_CONSEQUENCE: dict[Rule | None, str] = {
    "fail": "fails the table, and the error names the row",
    "null": "becomes NULL and is counted",
}


def _guarded(text: str, wire: str, wire_type: str, lossy: str, rule: Rule | None) -> str:
    """`wire` unless the row is lossy. The cast of a sentence to the type is how plain SQL raises an error."""
    instead = f"CAST(left({text}, 40) || ' can''t be kept' AS {wire_type})"
    if rule == "null":
        instead = f"CAST(NULL AS {wire_type})"
    return f"CASE WHEN {lossy} THEN {instead} ELSE {wire} END"


def _cast(value: str, casts: tuple[str, ...]) -> str:
    return value + "".join(f"::{cast}" for cast in casts)


def _as_number(info: ColumnInfo, kind: TypeInfo, rule: Rule | None) -> forms.Form:
    """A numeric under the rule `double` or `decimal`."""
    if (kind.schema, kind.name) != ("pg_catalog", "numeric"):
        raise errors.ConfigError(
            f'column {info.name} is {info.type_name}: the rule "{rule}" is for numeric columns',
            hint='use "text", "null" or "fail", or leave the rule out',
        )
    if rule == "double":
        # PostgreSQL itself refuses the cast of a number beyond a double's range, on both ends.
        far = "abs({v}) < 'Infinity' AND {v} <> 0 AND NOT abs({v}) BETWEEN 1e-307 AND 1.79e308"
        misfit = "a number beyond a double's range"
        return forms.Form(
            ("float8",), "DOUBLE", lossy=f"({far})", misfit=misfit, note="rounded to a double", lossless=False
        )
    precision, scale = forms.digits(kind.typmod) if kind.typmod != -1 else (forms.MAX_DIGITS + 1, _FREE_SCALE)
    if precision <= forms.MAX_DIGITS:
        return forms.numeric(kind.typmod)
    scale = scale if scale <= forms.MAX_DIGITS else _FREE_SCALE
    beyond = f"abs({{v}}) >= 1e{forms.MAX_DIGITS - scale} OR {{v}} <> round({{v}}, {scale})"
    misfit = f"NaN or more than {forms.MAX_DIGITS - scale} digits before or {scale} after the point"
    return forms.decimal(forms.MAX_DIGITS, scale, f"({beyond})", misfit)


def _in_full(form: forms.Form, info: ColumnInfo) -> forms.Form:
    """The rule `text`: PostgreSQL's text form of any value, array bounds included."""
    if form.duckdb == "VARCHAR" and form.casts[-1] == "text":
        return form
    same = form.same and not form.lossy and form.exact == "{v}"
    return forms.as_text(f"{info.type_name} {forms.AS_TEXT}", same=same)


def _as_bytes(form: forms.Form, info: ColumnInfo) -> forms.Form:
    """The rule `bytes`: the bytes of a value's text in the server's encoding, or of a bytea."""
    if form.duckdb == "BLOB":
        return form
    whole = _in_full(form, info)
    note = f"{info.type_name}, the bytes of its text as the server has them"
    return replace(whole, source="convert_to({v}, 'SQL_ASCII')", duckdb="BLOB", note=note)
