"""A range read anew: what differs in it is mended, nothing else is touched, and a kill costs no more than its part."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import errors
from jobs import faults
from jobs.backfill import backfill
from jobs.tables.ranges import Range
from jobs.targets import targets as published
from tests.support.behind import KEYS, filled, rows, wrong
from tests.support.cli import Cli, Done
from tests.support.daemons import running, write_config
from tests.support.syncing import Lab

pytestmark = [pytest.mark.each_feed, pytest.mark.each_target(cases=1)]


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table of a hundred rows, in both files."""
    found = Lab(empty_db, tmp_path, [{"name": "public.u"}, {"name": "public.t"}])
    filled(found, "bigint")
    write_config(found)
    return found


def call(lab: Lab, *arguments: str) -> Done:
    return Cli(lab.folder)("backfill", *arguments)


@pytest.mark.long
@pytest.mark.parametrize("kind", KEYS)
def test_rows_that_changed_behind_the_triggers_are_mended_in_the_range_and_stay_mended(lab: Lab, kind: str) -> None:
    filled(lab, kind)
    order = 'id::text COLLATE "C"' if kind == "text" else "id"
    with lab.connect() as conn:
        keys = [row[0] for row in conn.execute(f"SELECT id FROM t ORDER BY {order}".encode())]
    wrong(lab, "UPDATE public.t SET v = 7", f"DELETE FROM public.t WHERE id = '{keys[9]}'")
    call(lab, "public.t", "--key-from", str(keys[5]), "--key-to", str(keys[14])).ok()
    mended = {*keys[5:15]}
    for key in keys[20:23]:
        assert {one for one, v in rows(lab).items() if v == 1} == mended
        lab.run(f"UPDATE t SET v = 1 WHERE id = '{key}'")
        lab.sync()
        mended.add(key)
    call(lab, "public.t", "--key-to", str(keys[49])).ok()
    call(lab, "public.t", "--key-from", str(keys[3]), "--chunk", "40").ok()
    lab.assert_equal()
    lab.sync()
    lab.assert_equal()


def test_rows_that_only_the_file_has_go_from_the_range_and_from_nowhere_else(lab: Lab) -> None:
    wrong(lab, "INSERT INTO public.t SELECT id + 1000, 5, now() FROM public.t")
    done = call(lab, "public.t", "--key-from", "1031", "--key-to", "1050", "--json").ok().json
    assert (done["rows_in"], done["rows_out"]) == (0, 20)
    assert rows(lab).keys() == {*range(1, 101), *range(1001, 1031), *range(1051, 1101)}
    call(lab, "public.t", "--key-from", "1000").ok()
    lab.assert_equal()


def test_a_condition_chooses_rows_and_leaves_all_others(lab: Lab) -> None:
    wrong(lab, "UPDATE public.t SET v = 5", "DELETE FROM public.t WHERE id = 20")
    done = call(lab, "public.t", "--where", "id % 10 = 0 -- every tenth", "--json").ok().json
    assert (done["table"], done["rows_in"]) == ("public.t", 10)
    assert {key for key, v in rows(lab).items() if v == 1} == {*range(10, 101, 10)}
    assert rows(lab).keys() == {*range(1, 101)}
    call(lab, "public.t", "--where", "true").ok()
    lab.assert_equal()


@pytest.mark.long
def test_a_range_in_parts_goes_on_where_it_was_cut_short_while_a_daemon_runs(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(lab, "UPDATE public.t SET v = 9")
    cut = []

    def third(name: str) -> None:
        cut.append(name)
        if name == "before_commit" and cut.count(name) == 3:
            raise KeyboardInterrupt

    with running(lab.folder / "config.toml") as daemon:
        daemon.saw("run_done")
        with monkeypatch.context() as patch:
            patch.setattr(faults, "point", third)
            with pytest.raises(KeyboardInterrupt):
                backfill.backfill(lab.job, "public.t", Range(low="1"), chunk=10)
        # A run of the daemon's comes in between, and writes the other file.
        lab.run("INSERT INTO t VALUES (500, 0)")
        daemon.saw("run_done", changed=True)
        other = call(lab, "public.t", "--key-from", "50")
        assert other.code == 2 and "from 1 to the last, was cut short after 20" in other.err
        done = call(lab, "public.t", "--key-from", "1", "--chunk", "10", "--json").ok().json
    assert done["resumed"] == "20" and done["parts"] >= 8
    lab.assert_equal()
    assert not lab.job.files.read("backfill")


def test_a_range_in_which_nothing_differs_writes_no_file(lab: Lab) -> None:
    wrong(lab, "UPDATE public.t SET v = 9 WHERE id = 15")
    before = published.of(lab.job).version()
    for arguments in (
        ("--key-from", "1", "--key-to", "14"),
        ("--where", "id < 15"),
        ("--key-from", "16", "--chunk", "9"),
    ):
        done = call(lab, "public.t", *arguments, "--json").ok().json
        assert (done["rows_in"], done["rows_out"], published.of(lab.job).version()) == (0, 0, before), arguments
    lab.run("UPDATE t SET v = 3 WHERE id = 40")
    done = call(lab, "public.t", "--key-to", "14", "--json").ok().json
    assert done["rows_in"] == 1
    assert rows(lab)[40] == 3
    call(lab, "public.t", "--key-to", "15").ok()
    lab.assert_equal()


def test_one_that_was_cut_short_can_be_forgotten(lab: Lab) -> None:
    left = {"table": "public.t", "where": "", "low": "3", "high": None, "done": "5"}
    lab.job.files.note("backfill", left)
    wrong(lab, "UPDATE public.t SET v = 9")
    assert call(lab, "public.t", "--key-from", "1").code == 2
    call(lab, "public.t", "--key-from", "1", "--restart").ok()
    lab.assert_equal()
    assert not lab.job.files.read("backfill")


@pytest.mark.few(2)
@pytest.mark.of_files("nothing is written, wherever to")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("public.tt", "--key-from", "1"), "did you mean public.t"),
        (("public.t",), "name the rows"),
        (("public.t", "--where", "true", "--key-to", "2"), "name the rows"),
        (("public.t", "--key-from", "9", "--key-to", "1"), "ends before it begins"),
        (("public.t", "--key-from", "nine"), "invalid input syntax"),
        (("public.t", "--where", "nothing = 1"), 'column "nothing" does not exist'),
        (("public.t", "--where", "id = 1; DROP TABLE t"), "PostgreSQL can't read the range"),
        (("public.t", "--key-to", "9.5"), "invalid input syntax"),
        (("public.t", "--key-to", ""), "invalid input syntax"),
        (("public.t", "--where", "id IN (SELECT 1)"), "a function or type"),
        (("public.t", "--where", "1 = 1)) OR ((1 = 1"), "PostgreSQL can't read the range"),
        (("public.t", "--where", "public.own(id)"), "a function or type"),
        (("public.t", "--key-from", "1", "--chunk", "0"), "--chunk"),
    ],
)
def test_what_names_no_rows_is_refused(lab: Lab, arguments: tuple[str, ...], told: str) -> None:
    before = published.of(lab.job).version()
    done = call(lab, *arguments)
    assert done.code == 2 and told in done.err
    assert published.of(lab.job).version() == before


def test_a_table_without_a_key_or_a_paused_one_is_refused(lab: Lab) -> None:
    lab.run("CREATE TABLE bare (v int)", "CREATE TABLE two (a int, b int, PRIMARY KEY (a, b))")
    lab.specs = [
        {"name": "public.t", "paused": True},
        {"name": "public.bare", "watermark": "none"},
        {"name": "public.two", "watermark": "none"},
    ]
    for name, told in (("public.bare", "has no key:"), ("public.two", "has no key of one column")):
        with pytest.raises(errors.UsageError, match=told):
            backfill.backfill(lab.job, name, Range(low="1"))
    with pytest.raises(errors.NeaptideError, match="paused"):
        backfill.backfill(lab.job, "public.t", Range(low="1"))
    backfill.backfill(lab.job, "public.two", Range(where="a > 1"))


def test_a_filter_and_a_renamed_key_are_the_file_s(empty_db: str, tmp_path: Path) -> None:
    spec = {"name": "public.t", "where": "id < 50", "rename_columns": {"id": "the id"}}
    lab = Lab(empty_db, tmp_path, [spec, {"name": "public.u"}])
    filled(lab, "bigint")
    wrong(lab, "UPDATE public.t SET v = 5", """INSERT INTO public.t SELECT "the id" + 49, 5, now() FROM public.t""")
    backfill.backfill(lab.job, "public.t", Range(low="41", high="60"))
    with lab.published() as file:
        found = file.execute('SELECT "the id", v FROM public.t WHERE "the id" > 38 ORDER BY 1').fetchall()
    assert found == [(39, 5), (40, 5), *((key, 1) for key in range(41, 50)), *((key, 5) for key in range(61, 99))]


def test_ends_of_a_range_mean_to_the_file_what_they_mean_to_postgresql(lab: Lab) -> None:
    lab.run(
        "DROP TABLE t", "CREATE TABLE t (id date PRIMARY KEY, v int, updated_at timestamptz NOT NULL DEFAULT now())"
    )
    lab.run("INSERT INTO t VALUES ('0044-03-15 BC'), ('0020-01-01 BC'), ('0030-01-01'), ('today'), ('infinity')")
    lab.track()
    lab.sync()
    wrong(lab, "UPDATE public.t SET v = 7")
    call(lab, "public.t", "--key-to", "0030-01-01 BC").ok()
    assert len(rows(lab)) == 5 and list(rows(lab).values()).count(7) == 4
    call(lab, "public.t", "--key-from", "today", "--key-to", "infinity").ok()
    assert list(rows(lab).values()).count(7) == 2
    call(lab, "public.t", "--key-from", "-infinity", "--chunk", "2").ok()
    lab.assert_equal("public.u")
    assert set(rows(lab).values()) == {None} and len(rows(lab)) == 5
