"""What a config says of several sources, and what becomes of their tables when it says something else."""

from __future__ import annotations

import duckdb
import pytest

from jobs.status import report
from jobs.targets import pauses
from tests.support.several import Sources


@pytest.mark.long
def test_two_tables_of_one_name_are_told(two: Sources) -> None:
    two.sync(tables=["crm.item"])
    two.specs = [
        {"name": "public.*", "source": "crm", "rename": "pair.*"},
        {"name": "public.*", "source": "web", "rename": "pair.*"},
    ]
    found = two.sync()
    assert [one.table for one in found.failed] == ["public.*"]
    assert "source web: pair.item is in the file already: pair.item of source crm" in (found.failed[0].error or "")
    # What the first had under its old name is gone, and its new name is its own.
    two.specs[1]["rename"] = "web.*"
    assert not two.sync().failed
    for source in two.urls:
        name = {"crm": "pair.item", "web": "web.item"}[source]
        two.specs = [{"name": "public.item", "source": source, "rename": name}]
        two.assert_equal(source)


@pytest.mark.long
def test_a_table_that_moves_to_another_source_is_copied_anew(two: Sources) -> None:
    two.sync()
    two.run("web", "DELETE FROM item WHERE id > 3")
    two.specs = [
        {"name": "public.item", "source": "web", "rename": "crm.item"},
        {"name": "public.item", "source": "crm", "rename": "other.item"},
    ]
    two.sync()
    two.assert_equal()
    two.run("web", "INSERT INTO item VALUES (50, 'x')")
    two.sync()
    two.assert_equal()
    with duckdb.connect(str(two.file), read_only=True) as file:
        names = file.execute("SELECT schema_name FROM duckdb_tables() WHERE table_name = 'item' ORDER BY 1").fetchall()
    assert names == [("crm",), ("other",)]


@pytest.mark.long
def test_a_source_that_leaves_the_config_takes_its_tables_along(two: Sources) -> None:
    two.sync()
    two.specs = two.specs[:1]
    found = two.sync()
    assert [table.table for table in found.tables if table.action == "removed"] == ["web.item"]
    two.assert_equal("crm")
    assert not two.sync().changed


@pytest.mark.long
def test_the_unnamed_source_and_named_ones_share_a_file(two: Sources) -> None:
    """A file of one source, as every version has written it, goes on as the file of several."""
    one = Sources({"": two.urls["crm"]}, two.folder, [{"name": "public.item"}])
    one.sync()
    both = Sources({"": two.urls["crm"], "web": two.urls["web"]}, two.folder, [*one.specs, two.specs[1]])
    found = both.sync()
    assert [one.source for one in found.sources if one.changed] == ["web"]
    both.assert_equal()
    both.run("", "DELETE FROM item WHERE id = 2")
    both.run("web", "DELETE FROM item WHERE id = 3")
    both.sync()
    both.assert_equal()
    one.run("", "DELETE FROM item WHERE id = 5")
    assert [table.table for table in one.sync().tables if table.action == "removed"] == ["web.item"]
    one.assert_equal()


@pytest.mark.long
def test_a_source_with_another_name_has_its_tables_copied_under_that(two: Sources) -> None:
    two.sync()
    two.urls = {"crm": two.urls["crm"], "shop": two.urls.pop("web")}
    two.specs = [two.specs[0], {**two.specs[1], "source": "shop"}]
    two.run("shop", "DELETE FROM item WHERE id = 3")
    assert {one.table: one.action for one in two.sync().tables} == {"crm.item": "none", "web.item": "full"}
    two.assert_equal()
    assert [one.source for one in report.read_status(two.job).sources] == ["crm", "shop"]
    two.run("shop", "DELETE FROM item WHERE id = 4")
    assert {one.table: one.action for one in two.sync().tables} == {"crm.item": "none", "web.item": "delta"}
    two.assert_equal()


@pytest.mark.long
def test_a_name_of_two_sources_means_the_one_in_the_file(two: Sources) -> None:
    """`public.item` is what both have at their servers, and what one of them has in the file."""
    two.specs = [{**two.specs[0], "deletes": "compare"}, {"name": "public.item", "source": "web"}]
    two.sync()
    pauses.pause(two.job, ["public.item"])
    for source in two.urls:
        two.run(source, "UPDATE item SET cents = 8")
    before, found = two.of_file("web"), two.sync()
    assert [one.table for one in found.tables if one.action == "paused"] == ["public.item"]
    two.assert_equal("crm")
    assert two.of_file("web") == before
    status = {one.table: one for one in report.read_status(two.job).tables}
    assert {name: (one.last_action == "paused", one.deletes) for name, one in status.items()} == {
        "crm.item": (False, "compare"),
        "public.item": (True, "tombstone"),
    }
    pauses.resume(two.job, [])
    assert [one.source for one in two.sync(tables=["public.item"]).sources] == ["web"]
    two.assert_equal()
    two.specs[1]["rename"] = "web.item"
    assert [one.source for one in two.sync(tables=["public.item"]).sources] == ["crm", "web"]
    two.specs[0]["paused"] = True
    two.sync()
    status = {one.table: one for one in report.read_status(two.job).tables}
    assert {name: one.last_action == "paused" for name, one in status.items()} == {"crm.item": True, "web.item": False}
    refused = two.cli()("backfill", "public.item", "--where", "id = 1")
    assert refused.code == 2
    assert "public.item is a table of source crm and of source web" in refused.err
