"""Which entry means a table of the file, where names differ there and sources have namesakes."""

from __future__ import annotations

import pytest

from app.config import Table
from jobs.tables.entries import Entries

ENTRIES = Entries(
    [
        Table(name="public.item", source="crm", rename="crm.item", paused=True),
        Table(name="public.item", source="web"),
        Table(name="public.*", source="web", deletes="compare"),
        Table(name="sales.*", rename="old.*", deletes="ignore"),
    ]
)


@pytest.mark.parametrize(
    ("table", "source", "told"),
    [
        ("crm.item", "crm", ("public.item", "tombstone")),
        ("CRM.Item", "crm", ("public.item", "tombstone")),
        ("public.item", "crm", None),
        ("public.item", "web", ("public.item", "tombstone")),
        ("public.other", "web", ("public.*", "compare")),
        ("old.day", "", ("sales.*", "ignore")),
        ("sales.day", "", None),
        ("old.day", "web", None),
    ],
)
def test_an_entry_is_found_by_the_name_in_the_file_and_the_source(
    table: str, source: str, told: tuple[str, str] | None
) -> None:
    found = ENTRIES.find(table, source)
    assert (found and (found.name, found.deletes)) == told
