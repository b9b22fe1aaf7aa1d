"""Which source a table is asked of, and when its name is another's: pure rules."""

from __future__ import annotations

from typing import Any

import pytest

from app import config, errors
from jobs.plan import sources
from jobs.tables import patterns

SOURCES = [{"name": name, "url": f"postgresql://{name}/db"} for name in ("crm", "web")]


def whole(*tables: dict[str, Any]) -> config.Settings:
    return config.Settings(source={"url": "postgresql://old/db"}, sources=SOURCES, tables=list(tables))


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        (["crm.item"], {"crm": ("crm.item",)}),
        (["web.item"], {"web": ("web.item",)}),
        # The name that it has in its database is both's.
        (["public.item"], {"crm": ("public.item",), "web": ("public.item",)}),
        (["public.note"], {"": ("public.note",)}),
        # An entry of its own wins over a pattern, and the name in the file over that of the source.
        (["log.day"], {"": ("log.day",)}),
        (["log.hour"], {"web": ("log.hour",)}),
        (["log.hour", "crm.item"], {"crm": ("crm.item",), "web": ("log.hour",)}),
    ],
)
def test_a_table_is_asked_of_the_source_that_means_it(wanted: list[str], asked: dict[str, Any]) -> None:
    settings = whole(
        {"name": "public.note"},
        {"name": "log.day"},
        {"name": "public.item", "source": "crm", "rename": "crm.item"},
        {"name": "public.item", "source": "web", "rename": "web.item"},
        {"name": "logs.*", "source": "web", "rename": "log.*"},
    )
    assert sources.allotted(wanted, settings.parts) == asked


def test_a_table_that_none_means_is_told_with_the_nearest() -> None:
    settings = whole({"name": "public.item", "source": "crm", "rename": "crm.item"})
    with pytest.raises(errors.ConfigError, match=r"crm\.itme is not among") as caught:
        sources.allotted(["crm.itme"], settings.parts)
    assert "crm.item" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("spec", "name", "means"),
    [
        ({"name": "a.b"}, ("a", "b"), True),
        ({"name": "a.b"}, ("A", "B"), True),
        ({"name": "b"}, ("public", "b"), True),
        ({"name": "a.b", "rename": "c.d"}, ("a", "b"), False),
        ({"name": "a.b", "rename": "c.d"}, ("c", "d"), True),
        ({"name": "a.*"}, ("a", "anything"), True),
        ({"name": "a.x*"}, ("a", "y"), False),
        ({"name": "a.x*", "rename": "c.*"}, ("c", "xy"), True),
        ({"name": "a.x*", "rename": "c.*"}, ("a", "xy"), False),
        ({"name": "a.*", "rename": '"c.c".*'}, ("c.c", "y"), True),
    ],
)
def test_an_entry_claims_the_names_that_its_tables_have_in_the_file(
    spec: dict[str, Any], name: tuple[str, str], means: bool
) -> None:
    assert patterns.claims(config.Table(**spec), *name) is means
