"""Several sources in one file: each has its snapshot, watermarks and moment; one that is away keeps no other."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from app import errors
from jobs import results
from jobs.run import dryrun
from jobs.sessions import OpenSessions
from jobs.status import report
from jobs.targets import pauses
from jobs.targets.file import freshness
from jobs.tracking import each
from jobs.verify import verify
from tests.support import cluster, several, strangers
from tests.support.several import Sources

NOBODY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def lab(postgres: cluster.Cluster, tmp_path: Path) -> Iterator[Sources]:
    """Two databases, each with a table of ten rows, tracked."""
    with several.two(postgres, tmp_path) as found:
        yield found


def left(lab: Sources, source: str) -> Sources:
    """The same where one source can't be reached."""
    return Sources(lab.urls | {source: NOBODY}, lab.folder, lab.specs, keep=lab.keep)


def changed(run: results.Run) -> list[str]:
    """The sources of which the run wrote anything."""
    return [one.source for one in run.sources if one.changed]


def moments(lab: Sources) -> dict[str, Any]:
    """As of when the tables of each source are, as `status` says it."""
    return {one.source: one.as_of for one in report.read_status(lab.job).sources}


def test_each_source_is_copied_and_followed(lab: Sources) -> None:
    first = lab.sync()
    assert [one.source for one in first.sources] == ["crm", "web"]
    lab.assert_equal()
    lab.run("crm", "UPDATE item SET name = 'new' WHERE id = 1", "DELETE FROM item WHERE id = 2")
    assert changed(lab.sync()) == ["crm"]
    lab.assert_equal()
    lab.run("web", "INSERT INTO item VALUES (11, 'more')")
    assert changed(lab.sync()) == ["web"]
    lab.assert_equal()
    assert not lab.sync().changed
    found = verify.verify(lab.job)
    assert found.equal
    assert {one.table for one in found.tables} == {"crm.item", "web.item"}


def write(lab: Sources, source: str, draw: random.Random) -> None:
    """One to three statements, each of which may insert, change, move or delete rows."""
    for _ in range(draw.randrange(1, 4)):
        key, other = draw.randrange(40), draw.randrange(40)
        lab.run(
            source,
            draw.choice(
                (
                    f"INSERT INTO item VALUES ({key}, 'n{other}') ON CONFLICT (id) DO UPDATE SET cents = {other}",
                    f"UPDATE item SET cents = cents + {other} WHERE id % 7 = {key % 7}",
                    f"DELETE FROM item WHERE id IN ({key}, {other})",
                    f"DELETE FROM item WHERE id % 11 = {key % 11}",
                )
            ),
        )


@pytest.mark.long
@pytest.mark.parametrize(("seed", "kept"), [(1, False), (2, True)])
def test_random_writes_on_both_are_followed_exactly(lab: Sources, seed: int, kept: bool) -> None:
    draw = random.Random(seed)
    lab.keep = OpenSessions() if kept else None
    lab.sync()
    for turn in range(12):
        for source in draw.sample(["crm", "web"], draw.randrange(3)):
            write(lab, source, draw)
        # Now and then one is away, so that the files of both turns lag differently.
        (left(lab, draw.choice(["crm", "web"])) if turn % 4 == 1 else lab).sync()
        if turn % 4 != 1:
            lab.assert_equal()
    lab.sync()
    lab.assert_equal()
    assert verify.verify(lab.job).equal


def test_a_source_that_is_away_leaves_the_other_going(lab: Sources) -> None:
    lab.sync()
    assert not lab.sync().changed
    lab.run("crm", "UPDATE item SET name = 'later' WHERE id = 3")
    before, web = moments(lab), lab.of_file("web")
    away = left(lab, "web")
    found = away.sync()
    assert [one.table for one in found.failed] == ["web.item"]
    assert "source web: " in (found.failed[0].error or "")
    assert found.as_of == before["web"] == freshness.as_of(lab.job.files)
    lab.assert_equal("crm")
    assert lab.of_file("web") == web
    after = report.read_status(away.job)
    assert after.is_bad
    assert any("source web" in problem for problem in after.problems)
    assert after.as_of == before["web"]
    assert moments(lab)["crm"] > before["crm"]
    # It comes back, and is read since where it was left.
    lab.run("web", "DELETE FROM item WHERE id = 4")
    assert changed(lab.sync()) == ["web"]
    lab.assert_equal()
    assert not report.read_status(lab.job).is_bad


@pytest.mark.long
def test_the_moment_of_the_file_is_the_oldest_and_never_goes_back(lab: Sources) -> None:
    found = lab.sync()
    for turn in range(4):
        last = found.as_of
        lab.run(("crm", "web")[turn % 2], "UPDATE item SET cents = cents + 1")
        found = lab.sync()
        state = report.read_status(lab.job)
        assert found.as_of == state.as_of == min(moments(lab).values()) > last
        assert {one.table: one.source for one in state.tables} == {"crm.item": "crm", "web.item": "web"}


@pytest.mark.long
def test_the_oldest_moment_is_told_by_the_file_itself(lab: Sources) -> None:
    lab.sync()
    lab.run("crm", "UPDATE item SET cents = 7")
    lab.sync(tables=["crm.item"])
    oldest = moments(lab)["web"]
    with duckdb.connect(str(lab.file), read_only=True) as file:
        [(said,)] = file.execute("SELECT as_of FROM neaptide.freshness").fetchall()
    assert said == oldest == freshness.as_of(lab.job.files)


@pytest.mark.long
def test_a_run_of_some_tables_asks_only_their_sources(lab: Sources) -> None:
    lab.sync()
    lab.run("crm", "UPDATE item SET cents = 1")
    lab.run("web", "UPDATE item SET cents = 2")
    found = left(lab, "web").sync(tables=["crm.item"])
    assert [one.source for one in found.sources] == ["crm"]
    lab.assert_equal("crm")
    assert lab.of_file("web") != lab.of_source("web")
    assert lab.sync(tables=["web.item"], full=True).tables[0].action == "full"
    lab.assert_equal()
    with pytest.raises(errors.ConfigError, match=r"shop\.item is not among"):
        lab.sync(tables=["shop.item"])


@pytest.mark.long
def test_full_copies_all_of_both(lab: Sources) -> None:
    lab.sync()
    assert [table.action for table in lab.sync(full=True).tables] == ["full", "full"]
    lab.assert_equal()
    # One that is away stays as it is, in the file that the other is copied into.
    lab.run("crm", "DELETE FROM item WHERE id < 4")
    web = lab.of_file("web")
    left(lab, "web").sync(full=True)
    lab.assert_equal("crm")
    assert lab.of_file("web") == web
    lab.sync()
    lab.assert_equal()


def restored(lab: Sources, postgres: cluster.Cluster, source: str) -> Sources:
    """The same, where one source is another database now, with other rows."""
    found = Sources(lab.urls | {source: postgres.create_database()}, lab.folder, lab.specs)
    found.run(source, *several.ITEM, "DELETE FROM item WHERE id > 5")
    found.track()
    return found


@pytest.mark.long
@pytest.mark.parametrize("way", ["repair", "full"])
def test_another_database_under_one_name_is_refused_for_that_one_alone(
    lab: Sources, postgres: cluster.Cluster, way: str
) -> None:
    lab.sync()
    other = restored(lab, postgres, "web")
    web = lab.of_file("web")
    other.run("crm", "UPDATE item SET cents = 99")
    found = other.sync()
    assert [one.table for one in found.failed] == ["web.item"]
    assert "source web: the file was made from database" in (found.failed[0].error or "")
    other.assert_equal("crm")
    assert lab.of_file("web") == web
    if way == "repair":
        assert not verify.verify(other.job, repair=True).equal
    else:
        other.sync(full=True)
    other.assert_equal()
    assert verify.verify(other.job).equal
    other.run("web", "INSERT INTO item VALUES (77, 'new')")
    assert not other.sync().failed
    other.assert_equal()


@pytest.mark.long
@pytest.mark.parametrize("source", ["crm", "web"])
def test_repair_mends_a_file_that_another_program_wrote_to(lab: Sources, source: str) -> None:
    lab.sync()
    with duckdb.connect(str(lab.file.resolve())) as file:
        file.execute(f"UPDATE {source}.item SET name = 'not so' WHERE id = 5")
    found = verify.verify(lab.job)
    assert {one.table: one.different for one in found.tables} == {"crm.item": 0, "web.item": 0} | {f"{source}.item": 1}
    found = verify.verify(lab.job, repair=True)
    assert not found.equal
    assert {one.table: one.different for one in found.tables} == {"crm.item": 0, "web.item": 0} | {f"{source}.item": 1}
    lab.assert_equal()
    assert verify.verify(lab.job).equal


@pytest.mark.long
def test_two_tables_of_one_name_are_told(lab: Sources) -> None:
    lab.sync(tables=["crm.item"])
    lab.specs = [
        {"name": "public.*", "source": "crm", "rename": "pair.*"},
        {"name": "public.*", "source": "web", "rename": "pair.*"},
    ]
    found = lab.sync()
    assert [one.table for one in found.failed] == ["public.*"]
    assert "source web: pair.item is in the file already: pair.item of source crm" in (found.failed[0].error or "")
    # What the first had under its old name is gone, and its new name is its own.
    lab.specs[1]["rename"] = "web.*"
    assert not lab.sync().failed
    for source in lab.urls:
        name = {"crm": "pair.item", "web": "web.item"}[source]
        lab.specs = [{"name": "public.item", "source": source, "rename": name}]
        lab.assert_equal(source)


@pytest.mark.long
def test_a_table_that_moves_to_another_source_is_copied_anew(lab: Sources) -> None:
    lab.sync()
    lab.run("web", "DELETE FROM item WHERE id > 3")
    lab.specs = [
        {"name": "public.item", "source": "web", "rename": "crm.item"},
        {"name": "public.item", "source": "crm", "rename": "other.item"},
    ]
    lab.sync()
    lab.assert_equal()
    lab.run("web", "INSERT INTO item VALUES (50, 'x')")
    lab.sync()
    lab.assert_equal()
    with duckdb.connect(str(lab.file), read_only=True) as file:
        names = file.execute("SELECT schema_name FROM duckdb_tables() WHERE table_name = 'item' ORDER BY 1").fetchall()
    assert names == [("crm",), ("other",)]


@pytest.mark.long
def test_a_source_that_leaves_the_config_takes_its_tables_along(lab: Sources) -> None:
    lab.sync()
    lab.specs = lab.specs[:1]
    found = lab.sync()
    assert [table.table for table in found.tables if table.action == "removed"] == ["web.item"]
    lab.assert_equal("crm")
    assert not lab.sync().changed


@pytest.mark.long
def test_the_unnamed_source_and_named_ones_share_a_file(lab: Sources) -> None:
    """A file of one source, as every version has written it, goes on as the file of several."""
    one = Sources({"": lab.urls["crm"]}, lab.folder, [{"name": "public.item"}])
    one.sync()
    both = Sources({"": lab.urls["crm"], "web": lab.urls["web"]}, lab.folder, [*one.specs, lab.specs[1]])
    found = both.sync()
    assert changed(found) == ["web"]
    both.assert_equal()
    both.run("", "DELETE FROM item WHERE id = 2")
    both.run("web", "DELETE FROM item WHERE id = 3")
    both.sync()
    both.assert_equal()
    one.run("", "DELETE FROM item WHERE id = 5")
    assert [table.table for table in one.sync().tables if table.action == "removed"] == ["web.item"]
    one.assert_equal()


@pytest.mark.long
def test_a_model_over_two_sources_follows_both(lab: Sources) -> None:
    (lab.folder / "models").mkdir()
    (lab.folder / "models" / "totals.sql").write_text(
        "SELECT c.id, c.cents + w.cents AS cents FROM crm.item AS c JOIN web.item AS w USING (id)"
    )
    assert not lab.sync().failed_models
    for turn in range(3):
        lab.run(("crm", "web")[turn % 2], f"UPDATE item SET cents = {turn + 5} WHERE id < 4")
        assert not lab.sync().failed_models
        found = verify.verify(lab.job)
        assert found.equal
        assert [model.model for model in found.models] == ["totals"]
    assert not left(lab, "web").sync().failed_models


@pytest.mark.long
def test_a_history_of_each_goes_on_whichever_is_written(lab: Sources) -> None:
    lab.specs = [
        {**spec, "rename": f"{spec['source']}.{name}", "history": True}
        for spec, name in zip(lab.specs, "cw", strict=True)
    ]
    lab.sync()
    for turn in range(4):
        lab.run(("crm", "web")[turn % 2], f"UPDATE item SET cents = {turn + 50} WHERE id = 1")
        lab.sync()
    assert verify.verify(lab.job).equal
    with duckdb.connect(str(lab.file), read_only=True) as file:
        for name, last in (("c", (50, 52)), ("w", (51, 53))):
            rows = file.execute(f"SELECT cents FROM history.{name} WHERE id = 1 ORDER BY valid_from").fetchall()
            assert rows == [(1,), *((cents,) for cents in last)]
            assert file.execute(f"SELECT count(*) FROM history.{name} WHERE is_current").fetchall() == [(10,)]


@pytest.mark.long
def test_deleted_keys_of_every_source_are_purged(lab: Sources) -> None:
    lab.sync()
    for source in lab.urls:
        lab.run(source, "DELETE FROM item WHERE id < 4", "UPDATE neaptide.tombstone SET deleted_at = '2020-01-01'")
    lab.sync()
    for source in lab.urls:
        with psycopg.connect(lab.urls[source]) as conn:
            assert conn.execute("SELECT count(*) FROM neaptide.tombstone").fetchall() == [(0,)]
    lab.assert_equal()


def zeroed(lab: Sources) -> None:
    """The published file is no file of DuckDB's any more."""
    path = lab.file.resolve()
    path.chmod(0o600)
    path.write_bytes(bytes(path.stat().st_size))


def altered(lab: Sources) -> None:
    """Another program wrote to it."""
    strangers.writes(lab.file.resolve(), "DELETE FROM web.item WHERE id < 5")


def rotten(lab: Sources) -> None:
    """Blocks of both files are not what was written, which shows once they are read."""
    for version in lab.job.files.versions():
        seal, stat = version.path, version.path.stat()
        content = bytearray(seal.read_bytes())
        for at in range(20_000, len(content) - 100, 5_000):
            content[at] ^= 0xFF
        seal.chmod(0o600)
        seal.write_bytes(content)
        os.utime(seal, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.long
@pytest.mark.parametrize("damage", [zeroed, altered, rotten], ids=lambda how: how.__name__)
def test_a_damaged_file_is_built_anew_of_all_sources(lab: Sources, damage: Callable[[Sources], None]) -> None:
    lab.sync()
    for source in lab.urls:
        lab.run(source, "UPDATE item SET cents = 3 WHERE id = 1")
    lab.sync()
    damage(lab)
    for source in lab.urls:
        lab.run(source, "UPDATE item SET cents = 4 WHERE id = 1", "DELETE FROM item WHERE id = 10")
    lab.sync()
    lab.assert_equal()
    assert verify.verify(lab.job).equal
    lab.run("web", "UPDATE item SET cents = 5 WHERE id = 1")
    lab.sync()
    lab.assert_equal()


@pytest.mark.long
def test_a_table_of_one_source_is_paused(lab: Sources) -> None:
    lab.sync()
    pauses.pause(lab.job, ["web.item"])
    before = lab.of_file("web")
    for source in lab.urls:
        lab.run(source, "UPDATE item SET cents = 8")
    found = lab.sync()
    assert [one.table for one in found.tables if one.action == "paused"] == ["web.item"]
    lab.assert_equal("crm")
    assert lab.of_file("web") == before
    pauses.resume(lab.job, [])
    lab.sync()
    lab.assert_equal()


@pytest.mark.long
def test_a_dry_run_tells_of_each(lab: Sources) -> None:
    lab.sync()
    lab.run("crm", "UPDATE item SET cents = 5 WHERE id < 4")
    found = dryrun.dry_run(left(lab, "web").job)
    assert {one.table: (one.rows, one.error is None) for one in found.tables} == {
        "crm.item": (3, True),
        "web.item": (0, False),
    }


@pytest.mark.long
def test_track_and_untrack_are_for_the_sources_of_the_tables(lab: Sources) -> None:
    assert each.track(lab.job, []) == []
    each.untrack(lab.job, ["web.item"])
    assert [one.table for one in lab.sync().failed] == ["web.item"]
    assert each.script(lab.job, ["web.item"]).startswith("-- For the database of source web.\n")
    each.track(lab.job, ["web.item"])
    assert not lab.sync().failed
    lab.assert_equal()


@pytest.mark.long
def test_where_all_are_away_the_first_is_named(lab: Sources) -> None:
    lab.sync()
    before = lab.file.resolve()
    with pytest.raises(errors.SourceUnavailable, match="source crm: "):
        left(left(lab, "web"), "crm").sync()
    assert lab.file.resolve() == before


@pytest.mark.long
def test_a_source_with_another_name_has_its_tables_copied_under_that(lab: Sources) -> None:
    lab.sync()
    lab.urls = {"crm": lab.urls["crm"], "shop": lab.urls.pop("web")}
    lab.specs = [lab.specs[0], {**lab.specs[1], "source": "shop"}]
    lab.run("shop", "DELETE FROM item WHERE id = 3")
    assert {one.table: one.action for one in lab.sync().tables} == {"crm.item": "none", "web.item": "full"}
    lab.assert_equal()
    assert [one.source for one in report.read_status(lab.job).sources] == ["crm", "shop"]
    lab.run("shop", "DELETE FROM item WHERE id = 4")
    assert {one.table: one.action for one in lab.sync().tables} == {"crm.item": "none", "web.item": "delta"}
    lab.assert_equal()


@pytest.mark.long
def test_a_name_of_two_sources_means_the_one_in_the_file(lab: Sources) -> None:
    """`public.item` is what both have at their servers, and what one of them has in the file."""
    lab.specs = [{**lab.specs[0], "deletes": "compare"}, {"name": "public.item", "source": "web"}]
    lab.sync()
    pauses.pause(lab.job, ["public.item"])
    for source in lab.urls:
        lab.run(source, "UPDATE item SET cents = 8")
    before, found = lab.of_file("web"), lab.sync()
    assert [one.table for one in found.tables if one.action == "paused"] == ["public.item"]
    lab.assert_equal("crm")
    assert lab.of_file("web") == before
    status = {one.table: one for one in report.read_status(lab.job).tables}
    assert {name: (one.last_action == "paused", one.deletes) for name, one in status.items()} == {
        "crm.item": (False, "compare"),
        "public.item": (True, "tombstone"),
    }
    pauses.resume(lab.job, [])
    assert [one.source for one in lab.sync(tables=["public.item"]).sources] == ["web"]
    lab.assert_equal()
    lab.specs[1]["rename"] = "web.item"
    assert [one.source for one in lab.sync(tables=["public.item"]).sources] == ["crm", "web"]
    lab.specs[0]["paused"] = True
    lab.sync()
    status = {one.table: one for one in report.read_status(lab.job).tables}
    assert {name: one.last_action == "paused" for name, one in status.items()} == {"crm.item": True, "web.item": False}
    refused = lab.cli()("backfill", "public.item", "--where", "id = 1")
    assert refused.code == 2
    assert "public.item is a table of source crm and of source web" in refused.err


@pytest.mark.long
def test_a_wrong_password_is_one_sources_trouble_and_shown_nowhere(lab: Sources) -> None:
    lab.sync()
    lab.run("crm", "UPDATE item SET cents = 5")
    user, _, rest = lab.urls["web"].partition("@")
    wrong = "hunter2secret"
    away = Sources(lab.urls | {"web": f"{user.rpartition(':')[0]}:{wrong}@{rest}"}, lab.folder, lab.specs)
    cli = away.cli()
    for words in (("sync",), ("sync", "--json"), ("status",), ("verify",), ("doctor",), ("track",), ("feed", "status")):
        done = cli(*words)
        assert done.code == 1, words
        assert "source web" in done.out + done.err, words
        assert wrong not in done.out + done.err, words
    assert not any(wrong in path.read_bytes().decode(errors="replace") for path in lab.folder.glob("reporting*"))
    lab.assert_equal("crm")
    assert cli("sync", "--dry-run").code in (0, 1)


@pytest.mark.long
def test_postgresql_itself_answers_for_the_tables_of_one_source(lab: Sources) -> None:
    lab.sync()
    lab.run("web", "UPDATE item SET cents = 77 WHERE id = 1")
    cli, ask = lab.cli(), ("sql", "--format", "json", "SELECT cents FROM web.item WHERE id = 1")
    assert cli(*ask).json["rows"] == [{"cents": 1}]
    assert cli(*ask, "--live", "--source", "web").json["rows"] == [{"cents": 77}]
    for more, told in (
        (("--live",), "name one, --source crm"),
        (("--live", "--source", "wbe"), "did you mean web?"),
        (("--live", "--source", "crm"), "web.item"),
        (("--source", "web"), "--source goes with --live"),
    ):
        done = cli(*ask, *more)
        assert done.code in (1, 2), more
        assert told in done.err, more
    assert "--live" in cli("sql", "--help").out
