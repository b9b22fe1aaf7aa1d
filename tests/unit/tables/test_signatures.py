"""What a file keeps of a table's shape comes back as it was: else the table would be copied anew in every run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from app import config
from jobs.source import catalogue
from jobs.tables import drift
from jobs.tables.table import Filtering
from jobs.tables.triggers import Function, Trigger
from jobs.types import masks
from jobs.types.column_plan import ColumnInfo
from tests.support.shapes import BOOL, INFOS, INT, TEXT, TRIGGER, XID, table, with_column


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
    assert drift.describe(json.loads(json.dumps(signature)), signature) == []


def test_a_mask_that_changes_is_noticed() -> None:
    before, after = (table(mask={"name": how}).signature for how in ("redact", "null"))
    assert "its entry in the config changed" in drift.describe(json.loads(json.dumps(before)), after)


def test_a_mask_key_that_changes_is_noticed() -> None:
    """The hashes that the file holds are those of the old key, and no row is written for it."""
    spec, keys = config.Table(name="public.t", mask={"name": "hash"}), ("one key of sixteen", "another of sixteen")
    before, after = (
        table(mask=spec.mask, facts={"mask_version": catalogue._mask_version(spec, settings(key))}).signature
        for key in keys
    )
    assert drift.describe(json.loads(json.dumps(before)), after) == ["its entry in the config changed"]
    assert masks.version(keys[0]) != masks.version(keys[1])
    assert not any(key in json.dumps(before) for key in keys)
    # Nothing is hashed, so the key changes nothing.
    assert catalogue._mask_version(config.Table(name="public.t", mask={"name": "redact"}), settings(keys[0])) == ""


def settings(key: str) -> config.Settings:
    return config.Settings(source={"url": "postgresql://host/db"}, sync={"mask_key": key})


def theirs(source: str) -> Trigger:
    return replace(TRIGGER, function=Function("public", "f", source))


REGION = ColumnInfo("region", 6, TEXT)
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nothing": ({}, {}, []),
    "a column is added": ({}, {"infos": (*INFOS, REGION)}, ["column region added"]),
    "a column is dropped": ({}, {"infos": INFOS[:3] + INFOS[4:]}, ["column pairs dropped"]),
    "a column is made again": (
        {"infos": (*INFOS, REGION)},
        {"infos": (*INFOS, replace(REGION, attnum=7))},
        ["column region dropped", "column region added"],
    ),
    "a column is renamed": ({}, {"infos": with_column(2, name="n")}, ["column name renamed to n"]),
    "a column has another type": ({}, {"infos": with_column(2, type=INT)}, ["column name: text became int4"]),
    "columns exchange places": ({}, {"infos": (INFOS[1], INFOS[0], *INFOS[2:])}, ["columns in another order"]),
    "an expression": ({}, {"infos": with_column(3, default="(id * 3)")}, ["column twice: its expression changed"]),
    "a default is none": ({}, {"infos": with_column(2, default="'x'")}, []),
    "a collation": ({}, {"infos": with_column(2, collation="de")}, ["column name: its collation changed"]),
    "a label": ({}, {"facts": {"labels": {"97": {"1": "fine", "2": "so so"}}}}, ["label ok renamed to fine"]),
    "a label is added": ({}, {"facts": {"labels": {"97": {"1": "ok", "2": "so so", "3": "new"}}}}, []),
    "the table": ({}, {"facts": {"relid": 8}}, ["the table was made anew"]),
    "a partition": ({}, {"facts": {"parts": ("8:9:x",)}}, ["partitions changed"]),
    "the storage": ({}, {"facts": {"storage": "13 now"}}, ["storage changed"]),
    "a trigger": ({}, {"facts": {"triggers": (replace(TRIGGER, version="1:9"),)}}, ["triggers changed"]),
    "somebody's trigger": ({}, {"facts": {"triggers": (TRIGGER, theirs("NEW.name := 1"))}}, []),
    "somebody's stamp": (
        {},
        {"facts": {"triggers": (TRIGGER, theirs("NEW.updated_at := now()"))}},
        ["triggers changed"],
    ),
    "a trigger of what is compared whole": (
        {"watermark": "none"},
        {"watermark": "none", "facts": {"triggers": ()}},
        [],
    ),
    "the entry": ({}, {"where": "id > 3"}, ["its entry in the config changed"]),
    "a stamp that is not copied": (
        {"columns": ["id"]},
        {"columns": ["id"], "infos": with_column(5, version="9")},
        ["a column of its key or its stamp was altered"],
    ),
    "an xid that is not copied": (
        {"columns": ["id"], "watermark": "xid", "infos": (*INFOS, ColumnInfo("sync_xid", 6, XID))},
        {"columns": ["id"], "watermark": "xid", "infos": (*INFOS, ColumnInfo("sync_xid", 6, XID, version="9"))},
        ["a column of its key or its stamp was altered"],
    ),
    "another column's version": ({}, {"infos": with_column(2, version="9")}, []),
    "a stamp of what is compared whole": (
        {"watermark": "none"}, {"watermark": "none", "infos": with_column(5, version="9")}, []
    ),
    "a mark": (
        {"columns": ["id", "updated_at"], "deletes": "soft", "soft_column": "gone",
         "infos": (*INFOS, ColumnInfo("gone", 6, BOOL))},
        {"columns": ["id", "updated_at"], "deletes": "soft", "soft_column": "gone",
         "infos": (*INFOS, ColumnInfo("gone", 6, TEXT))},
        ["column gone: bool became text"],
    ),
    "what where names": (
        {"columns": ["id", "updated_at"], "where": "\"name\" > 'x'"},
        {"columns": ["id", "updated_at"], "where": "\"name\" > 'x'", "infos": with_column(2, attnum=8)},
        ["column name dropped", "column name added"],
    ),
    "what where does not name": (
        {"columns": ["id", "updated_at"], "where": "surname > 'x'"},
        {"columns": ["id", "updated_at"], "where": "surname > 'x'", "infos": with_column(2, attnum=8)},
        [],
    ),
    "a row that where takes as a whole": (
        {"columns": ["id", "updated_at"], "where": "f(T)"},
        {"columns": ["id", "updated_at"], "where": "f(T)", "infos": with_column(4, attnum=8)},
        ["column pairs dropped", "column pairs added"],
    ),
    "what decides nothing where all is compared": (
        {"columns": ["id"], "watermark": "none", "where": "name > 'x'"},
        {"columns": ["id"], "watermark": "none", "where": "name > 'x'", "infos": with_column(2, attnum=8)},
        [],
    ),
    "where looks at another column": (
        {"columns": ["id", "updated_at"], "where": "name > 'x'"},
        {"columns": ["id", "updated_at"], "where": "twice > 1"},
        ["its entry in the config changed"],
    ),
    "a function": (
        {"where": "f(name)", "facts": {"filtering": Filtering(("f",), "1")}},
        {"where": "f(name)", "facts": {"filtering": Filtering(("f",), "2")}},
        ["a function that where may call changed"],
    ),
    "a function that is users' no more": (
        {"where": "f(name)", "facts": {"filtering": Filtering(("f",), "1")}},
        {"where": "f(name)", "facts": {"filtering": Filtering(("f",), "")}},
        ["a function that where may call changed"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_changed_is_told_in_words(case: str) -> None:
    before, after, told = CASES[case]
    old, new = table(**before).signature, table(**after).signature
    assert drift.describe(json.loads(json.dumps(old)), new) == told
    assert drift.describe(json.loads(json.dumps(new)), new) == []


@pytest.mark.parametrize(
    ("case", "of_schema"),
    [("a column is added", True), ("the table", True), ("a label", True), ("storage", False), ("a partition", False),
     ("a stamp that is not copied", False), ("a function", False), ("the entry", False)],
)  # fmt: skip
def test_what_on_schema_change_is_about_is_the_tables_own_shape(case: str, of_schema: bool) -> None:
    before, after, told = CASES["the storage" if case == "storage" else case]
    found = drift.of_schema(table(**before).signature, table(**after).signature)
    assert found == (told if of_schema else [])


def test_a_file_of_an_earlier_version_is_told_apart() -> None:
    """Its signatures lack what was not looked at then."""
    new = table(columns=["id"], where="name > 'x'").signature
    old = {part: value for part, value in new.items() if part != "deciding"}
    assert drift.describe(old, new) == ["column name added"]
    assert drift.describe({}, new) != []
