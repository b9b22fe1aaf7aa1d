"""Whether the history of a table can be one of commits: what the log says of a row has to be read back exactly. Pure.

The log has a row's values as texts. PostgreSQL itself reads them back, in the session that reads the rows: so no text
may lead to code of others, which would run as the role that reads, and none may mean another value than it did.
"""

from __future__ import annotations

from collections.abc import Iterable

from app import config, errors
from jobs.types import forms
from jobs.types.column_plan import ColumnInfo, TypeInfo, recast

# What `history` says in an entry for it.
COMMITS = "commits"
_OTHERWISE = "history = true keeps what each run has seen"

# PostgreSQL's own types whose texts are the same in every session and at any time. What is left out: names of objects,
# which may be another's by now; money, whose text hangs on the locale; and what no text can be read back to.
_PLAIN = """
    bool int2 int4 int8 float4 float8 numeric oid xid cid xid8 text varchar bpchar name char bytea date time timetz
    timestamp timestamptz interval uuid json jsonb bit varbit int2vector oidvector inet cidr macaddr macaddr8 tsvector
    tsquery xml pg_lsn tid int4range int8range numrange daterange tsrange tstzrange int4multirange int8multirange
    nummultirange datemultirange tsmultirange tstzmultirange point line lseg box path polygon circle jsonpath refcursor
    pg_snapshot txid_snapshot
"""
_HIDING = ("hash", "partial")


def check(spec: config.Table, name: str, copied: Iterable[ColumnInfo]) -> None:
    """Raise `errors.ConfigError` where the table can't have one; `name` is the table's, for the message."""
    if spec.watermark != "wal":
        raise errors.ConfigError(
            f'{name}: history = "commits" is for tables whose changes come from the log',
            hint=f'set feed = "wal" for it, or leave the word out: {_OTHERWISE}',
        )
    for column in copied:
        lack = _lack(spec, column)
        if lack:
            raise errors.ConfigError(
                f'{name}: history = "commits" can\'t have {column.name}, {lack}',
                hint=f"leave it out by exclude_columns; or {_OTHERWISE}",
            )
    some = _some(spec)
    if some:
        raise errors.ConfigError(
            f'{name}: history = "commits" is for a file that has just the rows of its table, which {some} changes',
            hint=_OTHERWISE,
        )


def _some(spec: config.Table) -> str:
    """What of the entry has the file hold other rows than the table, so that the log doesn't tell all of them."""
    if spec.where is not None:
        return "where"
    return f'deletes = "{spec.deletes}"' if spec.deletes in ("soft", "ignore") or spec.soft_column else ""


def _lack(spec: config.Table, column: ColumnInfo) -> str:
    """Why the log can't say what the column was, as the end of a sentence; empty where it can."""
    if column.generated:
        return "which is generated: the log has no such values"
    if recast(column):
        return f"since {column.type_name} has a cast by a function of somebody's own"
    if spec.mask.get(column.name) in _HIDING:
        return f'which is masked by "{spec.mask[column.name]}": the clear value would have to leave PostgreSQL'
    if column.name not in spec.mask and not _is_read_back(column.type.resolved):
        return f"since the text of {column.type_name} in the log can't be read back safely"
    return ""


def _is_read_back(kind: TypeInfo) -> bool:
    """Whether texts of the type, which is no domain, can be read by PostgreSQL's own functions and mean the same."""
    if kind.element is not None:
        return _is_read_back(kind.element.resolved)
    if kind.schema == "pg_catalog":
        return kind.name in _PLAIN.split()
    if kind.typtype == "c":
        # To read a domain's value is to ask its CHECKs.
        return all(_is_plain_part(part) for _name, part in kind.attributes)
    return kind.typtype == "e" or forms.is_of_extension(kind)


def _is_plain_part(kind: TypeInfo) -> bool:
    """Which no domain is, whose type is its own, nor an array of one, whose element would be resolved."""
    element = kind.element
    return (element is None or element.base is None) and _is_read_back(kind)
