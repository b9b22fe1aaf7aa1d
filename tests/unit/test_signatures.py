"""What a file keeps of a table's shape comes back as it was: else the table would be copied anew in every run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from app import config
from jobs import changes, columns, triggers
from jobs.tables import Table
from jobs.triggers import Function, Trigger
from jobs.types import ColumnInfo, TypeInfo

INT, TEXT, STAMP = (TypeInfo(oid, "pg_catalog", name, name) for oid, name in enumerate(("int4", "text", "timestamptz")))
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


def table(**entry: Any) -> Table:
    """A table of all that a signature is made of, under this entry of the config."""
    spec = config.Table(name="public.t", **entry)
    copied, plans = columns.choose(spec, "public.t", INFOS, ("id",))
    return Table(
        spec=spec, schema="public", relation="t", target=("public", "t"), relid=7, kind="p", source_key=("id",),
        infos=INFOS, copied=copied, columns=plans, triggers=(TRIGGER,), parts=("8:9:x", "10:11:y"), storage="12 now",
        labels={"97": {"1": "ok", "2": "so so"}}, type_states={97: "1 ok"}, mask_version="abc",
    )  # fmt: skip


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"watermark": "none"},
        {"watermark": "xid"},
        {"mask": {"name": "hash"}},
        {"mask": {"updated_at": "null", "name": "partial", "id": "hash"}},
        {"deletes": "soft", "soft_column": "name", "where": "id > 3\n-- ü", "stamp": "updated_at"},
        {"rules": {"name": "text"}, "rename": "other.place", "rename_columns": {"id": "the id"}},
        {"columns": ["id", "pairs"]},
    ],
    ids=json.dumps,
)
def test_a_signature_is_equal_to_itself_after_json(entry: dict[str, Any]) -> None:
    signature = table(**entry).signature
    assert json.loads(json.dumps(signature)) == signature
    assert changes.describe(json.loads(json.dumps(signature)), signature) == []


def test_a_mask_that_changes_is_noticed() -> None:
    before, after = (table(mask={"name": how}).signature for how in ("redact", "null"))
    assert "its entry in the config changed" in changes.describe(json.loads(json.dumps(before)), after)
