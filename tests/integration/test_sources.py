"""Several sources in one file: each has its snapshot, watermarks and moment; one that is away keeps no other."""

from __future__ import annotations

import random
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
from tests.support.several import Sources

NOBODY = "postgresql://nobody@127.0.0.1:1/none"


def left(two: Sources, source: str) -> Sources:
    """The same where one source can't be reached."""
    return Sources(two.urls | {source: NOBODY}, two.folder, two.specs, keep=two.keep)


def changed(run: results.Run) -> list[str]:
    """The sources of which the run wrote anything."""
    return [one.source for one in run.sources if one.changed]


def moments(two: Sources) -> dict[str, Any]:
    """As of when the tables of each source are, as `status` says it."""
    return {one.source: one.as_of for one in report.read_status(two.job).sources}


def test_each_source_is_copied_and_followed(two: Sources) -> None:
    first = two.sync()
    assert [one.source for one in first.sources] == ["crm", "web"]
    two.assert_equal()
    two.run("crm", "UPDATE item SET name = 'new' WHERE id = 1", "DELETE FROM item WHERE id = 2")
    assert changed(two.sync()) == ["crm"]
    two.assert_equal()
    two.run("web", "INSERT INTO item VALUES (11, 'more')")
    assert changed(two.sync()) == ["web"]
    two.assert_equal()
    assert not two.sync().changed
    found = verify.verify(two.job)
    assert found.equal
    assert {one.table for one in found.tables} == {"crm.item", "web.item"}


def write(two: Sources, source: str, draw: random.Random) -> None:
    """One to three statements, each of which may insert, change, move or delete rows."""
    for _ in range(draw.randrange(1, 4)):
        key, other = draw.randrange(40), draw.randrange(40)
        two.run(
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
def test_random_writes_on_both_are_followed_exactly(two: Sources, seed: int, kept: bool) -> None:
    draw = random.Random(seed)
    two.keep = OpenSessions() if kept else None
    two.sync()
    for turn in range(12):
        for source in draw.sample(["crm", "web"], draw.randrange(3)):
            write(two, source, draw)
        # Now and then one is away, so that the files of both turns lag differently.
        (left(two, draw.choice(["crm", "web"])) if turn % 4 == 1 else two).sync()
        if turn % 4 != 1:
            two.assert_equal()
    two.sync()
    two.assert_equal()
    assert verify.verify(two.job).equal


def test_a_source_that_is_away_leaves_the_other_going(two: Sources) -> None:
    two.sync()
    assert not two.sync().changed
    two.run("crm", "UPDATE item SET name = 'later' WHERE id = 3")
    before, web = moments(two), two.of_file("web")
    away = left(two, "web")
    found = away.sync()
    assert [one.table for one in found.failed] == ["web.item"]
    assert "source web: " in (found.failed[0].error or "")
    assert found.as_of == before["web"] == freshness.as_of(two.job.files)
    two.assert_equal("crm")
    assert two.of_file("web") == web
    after = report.read_status(away.job)
    assert after.is_bad
    assert any("source web" in problem for problem in after.problems)
    assert after.as_of == before["web"]
    assert moments(two)["crm"] > before["crm"]
    # It comes back, and is read since where it was left.
    two.run("web", "DELETE FROM item WHERE id = 4")
    assert changed(two.sync()) == ["web"]
    two.assert_equal()
    assert not report.read_status(two.job).is_bad


@pytest.mark.long
def test_the_moment_of_the_file_is_the_oldest_and_never_goes_back(two: Sources) -> None:
    found = two.sync()
    for turn in range(4):
        last = found.as_of
        two.run(("crm", "web")[turn % 2], "UPDATE item SET cents = cents + 1")
        found = two.sync()
        state = report.read_status(two.job)
        assert found.as_of == state.as_of == min(moments(two).values()) > last
        assert {one.table: one.source for one in state.tables} == {"crm.item": "crm", "web.item": "web"}


@pytest.mark.long
def test_the_oldest_moment_is_told_by_the_file_itself(two: Sources) -> None:
    two.sync()
    two.run("crm", "UPDATE item SET cents = 7")
    two.sync(tables=["crm.item"])
    oldest = moments(two)["web"]
    with duckdb.connect(str(two.file), read_only=True) as file:
        [(said,)] = file.execute("SELECT as_of FROM neaptide.freshness").fetchall()
    assert said == oldest == freshness.as_of(two.job.files)


@pytest.mark.long
def test_a_run_of_some_tables_asks_only_their_sources(two: Sources) -> None:
    two.sync()
    two.run("crm", "UPDATE item SET cents = 1")
    two.run("web", "UPDATE item SET cents = 2")
    found = left(two, "web").sync(tables=["crm.item"])
    assert [one.source for one in found.sources] == ["crm"]
    two.assert_equal("crm")
    assert two.of_file("web") != two.of_source("web")
    assert two.sync(tables=["web.item"], full=True).tables[0].action == "full"
    two.assert_equal()
    with pytest.raises(errors.ConfigError, match=r"shop\.item is not among"):
        two.sync(tables=["shop.item"])


@pytest.mark.long
def test_full_copies_all_of_both(two: Sources) -> None:
    two.sync()
    assert [table.action for table in two.sync(full=True).tables] == ["full", "full"]
    two.assert_equal()
    # One that is away stays as it is, in the file that the other is copied into.
    two.run("crm", "DELETE FROM item WHERE id < 4")
    web = two.of_file("web")
    left(two, "web").sync(full=True)
    two.assert_equal("crm")
    assert two.of_file("web") == web
    two.sync()
    two.assert_equal()


@pytest.mark.long
def test_a_model_over_two_sources_follows_both(two: Sources) -> None:
    (two.folder / "models").mkdir()
    (two.folder / "models" / "totals.sql").write_text(
        "SELECT c.id, c.cents + w.cents AS cents FROM crm.item AS c JOIN web.item AS w USING (id)"
    )
    assert not two.sync().failed_models
    for turn in range(3):
        two.run(("crm", "web")[turn % 2], f"UPDATE item SET cents = {turn + 5} WHERE id < 4")
        assert not two.sync().failed_models
        found = verify.verify(two.job)
        assert found.equal
        assert [model.model for model in found.models] == ["totals"]
    assert not left(two, "web").sync().failed_models


@pytest.mark.long
def test_a_history_of_each_goes_on_whichever_is_written(two: Sources) -> None:
    two.specs = [
        {**spec, "rename": f"{spec['source']}.{name}", "history": True}
        for spec, name in zip(two.specs, "cw", strict=True)
    ]
    two.sync()
    for turn in range(4):
        two.run(("crm", "web")[turn % 2], f"UPDATE item SET cents = {turn + 50} WHERE id = 1")
        two.sync()
    assert verify.verify(two.job).equal
    with duckdb.connect(str(two.file), read_only=True) as file:
        for name, last in (("c", (50, 52)), ("w", (51, 53))):
            rows = file.execute(f"SELECT cents FROM history.{name} WHERE id = 1 ORDER BY valid_from").fetchall()
            assert rows == [(1,), *((cents,) for cents in last)]
            assert file.execute(f"SELECT count(*) FROM history.{name} WHERE is_current").fetchall() == [(10,)]


@pytest.mark.long
def test_deleted_keys_of_every_source_are_purged(two: Sources) -> None:
    two.sync()
    for source in two.urls:
        two.run(source, "DELETE FROM item WHERE id < 4", "UPDATE neaptide.tombstone SET deleted_at = '2020-01-01'")
    two.sync()
    for source in two.urls:
        with psycopg.connect(two.urls[source]) as conn:
            assert conn.execute("SELECT count(*) FROM neaptide.tombstone").fetchall() == [(0,)]
    two.assert_equal()


@pytest.mark.long
def test_a_table_of_one_source_is_paused(two: Sources) -> None:
    two.sync()
    pauses.pause(two.job, ["web.item"])
    before = two.of_file("web")
    for source in two.urls:
        two.run(source, "UPDATE item SET cents = 8")
    found = two.sync()
    assert [one.table for one in found.tables if one.action == "paused"] == ["web.item"]
    two.assert_equal("crm")
    assert two.of_file("web") == before
    pauses.resume(two.job, [])
    two.sync()
    two.assert_equal()


@pytest.mark.long
def test_a_dry_run_tells_of_each(two: Sources) -> None:
    two.sync()
    two.run("crm", "UPDATE item SET cents = 5 WHERE id < 4")
    found = dryrun.dry_run(left(two, "web").job)
    assert {one.table: (one.rows, one.error is None) for one in found.tables} == {
        "crm.item": (3, True),
        "web.item": (0, False),
    }


@pytest.mark.long
def test_track_and_untrack_are_for_the_sources_of_the_tables(two: Sources) -> None:
    assert each.track(two.job, []) == []
    each.untrack(two.job, ["web.item"])
    assert [one.table for one in two.sync().failed] == ["web.item"]
    assert each.script(two.job, ["web.item"]).startswith("-- For the database of source web.\n")
    each.track(two.job, ["web.item"])
    assert not two.sync().failed
    two.assert_equal()


@pytest.mark.long
def test_where_all_are_away_the_first_is_named(two: Sources) -> None:
    two.sync()
    before = two.file.resolve()
    with pytest.raises(errors.SourceUnavailable, match="source crm: "):
        left(left(two, "web"), "crm").sync()
    assert two.file.resolve() == before


@pytest.mark.long
def test_a_wrong_password_is_one_sources_trouble_and_shown_nowhere(two: Sources) -> None:
    two.sync()
    two.run("crm", "UPDATE item SET cents = 5")
    user, _, rest = two.urls["web"].partition("@")
    wrong = "hunter2secret"
    away = Sources(two.urls | {"web": f"{user.rpartition(':')[0]}:{wrong}@{rest}"}, two.folder, two.specs)
    cli = away.cli()
    for words in (("sync",), ("sync", "--json"), ("status",), ("verify",), ("doctor",), ("track",), ("feed", "status")):
        done = cli(*words)
        assert done.code == 1, words
        assert "source web" in done.out + done.err, words
        assert wrong not in done.out + done.err, words
    assert not any(wrong in path.read_bytes().decode(errors="replace") for path in two.folder.glob("reporting*"))
    two.assert_equal("crm")
    assert cli("sync", "--dry-run").code in (0, 1)


@pytest.mark.long
def test_postgresql_itself_answers_for_the_tables_of_one_source(two: Sources) -> None:
    two.sync()
    two.run("web", "UPDATE item SET cents = 77 WHERE id = 1")
    cli, ask = two.cli(), ("sql", "--format", "json", "SELECT cents FROM web.item WHERE id = 1")
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
