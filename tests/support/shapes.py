"""Tables as the catalogue tells of them, made without a server: for the rules that are pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app import config
from jobs.tables import columns, triggers
from jobs.tables.table import Table
from jobs.tables.triggers import Function, Trigger
from jobs.types.column_plan import ColumnInfo, TypeInfo

INT, TEXT, STAMP, BOOL, XID = (
    TypeInfo(oid, "pg_catalog", name, name)
    for oid, name in enumerate(("int4", "text", "timestamptz", "bool", "xid8"), start=1)
)
NUMERIC = TypeInfo(6, "pg_catalog", "numeric", "numeric(8,2)", typmod=(8 << 16) + 2 + 4)
PAIR = TypeInfo(99, "public", "pair", "pair", typtype="c", attributes=(("a", INT), ("b", TEXT)))
LIST = replace(PAIR, oid=98, name="_pair", type_name="pair[]", element=PAIR)
INFOS = (
    ColumnInfo("id", 1, INT, not_null=True),
    ColumnInfo("name", 2, TEXT, collation="C"),
    ColumnInfo("twice", 3, INT, generated="s", default="(id * 2)"),
    ColumnInfo("pairs", 4, LIST),
    ColumnInfo("updated_at", 5, STAMP),
)
TRIGGER = Trigger("zz", triggers.ROW | triggers.BEFORE, Function(triggers.OURS, "row_5", ""), "1:2:3:4")


def with_column(place: int, infos: Sequence[ColumnInfo] = INFOS, **changes: Any) -> tuple[ColumnInfo, ...]:
    """The columns with one of them changed, by its number."""
    return tuple(replace(info, **changes) if info.attnum == place else info for info in infos)


def table(infos: Sequence[ColumnInfo] = INFOS, facts: dict[str, Any] | None = None, **entry: Any) -> Table:
    """A table of all that a signature is made of, under this entry of the config; `facts` are the catalogue's."""
    spec = config.Table(name="public.t", **entry)
    copied, plans = columns.choose(spec, "public.t", infos, ("id",))
    known: dict[str, Any] = {
        "relid": 7, "kind": "p", "triggers": (TRIGGER,), "parts": ("8:9:x", "10:11:y"), "storage": "12 now",
        "labels": {"97": {"1": "ok", "2": "so so"}}, "type_states": {97: "1 ok"}, "mask_version": "abc",
    }  # fmt: skip
    return Table(
        spec=spec, schema="public", relation="t", target=("public", "t"), source_key=("id",),
        infos=tuple(infos), copied=copied, columns=plans, **(known | (facts or {})),
    )  # fmt: skip
