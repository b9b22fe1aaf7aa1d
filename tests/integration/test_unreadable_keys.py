"""Keys of deleted rows that their type refuses by the time they are read, and keys that name an object."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from jobs.run import dryrun
from jobs.verify import verify
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

_CHECK = "ALTER DOMAIN code ADD CHECK (value > 0) NOT VALID"
# Each: types, the key's type, the key that is deleted, one that stays, and what happens to the type then.
REFUSED: dict[str, tuple[str, str, str, str, str]] = {
    "a check": ("CREATE DOMAIN code AS text", "code", "", "a", "ALTER DOMAIN code ADD CHECK (value <> '') NOT VALID"),
    "a check on elements": (
        "CREATE DOMAIN code AS numeric(9, 2)", "code[]", "{-1}", "{1}", _CHECK,
    ),
    "a check inside": (
        "CREATE DOMAIN code AS int; CREATE TYPE pair AS (a code, b text)", "pair", "(-1,x)", "(1,x)",
        _CHECK,
    ),
    "a check below an array": (
        "CREATE DOMAIN code AS int[]", "code[]", '{"{-1}"}', '{"{1}"}', _CHECK.replace("value", "value[1]"),
    ),
}  # fmt: skip
COMPARED = ("a check inside", "a check below an array")


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    return Lab(empty_db, tmp_path, [])


def deleted(lab: Lab, case: str) -> None:
    """A synced table from which a row is deleted whose key no new row could have."""
    made, kind, gone, left, change = REFUSED[case]
    lab.specs = [{"name": "public.t"} | ({} if lab.sync_options else {"watermark": "xid"})]
    lab.run(*made.split("; "), f"CREATE TABLE t (k {kind} PRIMARY KEY, n int)")
    lab.run(f"INSERT INTO t VALUES ('{gone}'::{kind}, 1), ('{left}'::{kind}, 2)")
    lab.track()
    lab.sync()
    lab.run(f"DELETE FROM t WHERE k = '{gone}'::{kind}", change)


def rows(lab: Lab, query: str) -> list[tuple[Any, ...]]:
    with lab.published() as file:
        return file.execute(query).fetchall()


def numbers(lab: Lab) -> list[int]:
    return [row[0] for row in rows(lab, "SELECT n FROM public.t ORDER BY n")]


def arrives(lab: Lab, case: str) -> None:
    """The delete is in the next run, and hinders none after it."""
    [run] = lab.sync().tables
    assert (run.error, run.rows_out, "all were compared" in str(run.notes)) == (None, 1, case in COMPARED)
    assert numbers(lab) == [2]
    # Each of the two files is brought past it once.
    for number in (3, 4):
        lab.run(f"UPDATE t SET n = {number}")
        [run] = lab.sync().tables
    assert (run.action, run.notes, numbers(lab)) == ("delta", (), [4])


@pytest.mark.few(1)
@pytest.mark.parametrize("case", REFUSED)
def test_a_delete_arrives_though_no_row_could_have_its_key_any_more(lab: Lab, case: str) -> None:
    deleted(lab, case)
    [plan] = dryrun.dry_run(lab.job).tables
    assert (plan.error, plan.rows, plan.deletes) == (None, 0, 1)
    arrives(lab, case)


@pytest.mark.long
@pytest.mark.parametrize("feed", ["wal"], indirect=True)
@pytest.mark.parametrize("case", ["a check", *COMPARED])
def test_it_arrives_from_the_log_too(lab: Lab, case: str) -> None:
    deleted(lab, case)
    arrives(lab, case)


@pytest.mark.long
@pytest.mark.parametrize("feed", ["wal"], indirect=True)
def test_a_key_whose_object_is_gone_by_the_time_it_is_read(lab: Lab) -> None:
    lab.specs = [{"name": "public.t"}]
    lab.run("CREATE TABLE one ()", "CREATE TABLE t (k regclass PRIMARY KEY, n int)", "INSERT INTO t VALUES ('one', 1)")
    lab.run("CREATE TABLE other ()", "INSERT INTO t VALUES ('other', 2)")
    lab.track()
    lab.sync()
    lab.run("DELETE FROM t WHERE n = 1", "DROP TABLE one")
    for number in (3, 4):
        assert lab.sync().failed == ()
        assert numbers(lab) == [number - 1]
        lab.run(f"UPDATE t SET n = {number}")


def test_a_table_with_such_a_key_is_compared_and_mended(lab: Lab) -> None:
    deleted(lab, "a check inside")
    [table] = verify.verify(lab.job, repair=True).tables
    assert table.equal
    assert numbers(lab) == [2]


# Types of names: one object, and what it is called later.
NAMED = {
    "regclass": ("public.one", "ALTER TABLE one RENAME TO two"),
    "regclass[]": ("{public.one}", "ALTER TABLE one RENAME TO two"),
    "regclass[][]": ("{{public.one}}", "ALTER TABLE one RENAME TO two"),
    "place": ("public.one", "ALTER TABLE one RENAME TO two"),
    "pair": ("(1,public.one)", "ALTER TABLE one RENAME TO two"),
    "regproc": ("public.done", "ALTER FUNCTION done() RENAME TO finished"),
    "regtype": ("public.mood", "ALTER TYPE mood RENAME TO feeling"),
    "regnamespace": ("old", "ALTER SCHEMA old RENAME TO new"),
}
OBJECTS = (
    "CREATE TABLE one (x int)",
    "CREATE FUNCTION done() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE mood AS ENUM ('ok')",
    "CREATE SCHEMA old",
    "CREATE DOMAIN place AS regclass",
    "CREATE TYPE pair AS (a int, b regclass)",
)
ENTRIES: dict[str, dict[str, Any]] = {
    "tombstone": {"watermark": "xid"},
    "compare": {"watermark": "xid", "deletes": "compare", "max_delete_share": 1},
    "masked": {"watermark": "xid", "mask": {"k": "hash"}},
    "none": {"watermark": "none"},
    "logged": {"feed": "wal"},
}


def assert_named(lab: Lab, names: Iterable[str]) -> None:
    """After a run the file's rows are the source's, by the names that objects have now."""
    assert lab.sync(force_deletes=True).failed == ()
    with lab.connect() as conn:
        conn.execute("SET search_path = pg_catalog")
        for name in names:
            kind = next(kind for kind in NAMED if name.endswith(f' {kind}"'))
            shown = "k::regprocedure" if kind == "regproc" else "k"
            there = conn.execute(f"SELECT {shown}::text, n FROM {name}".encode()).fetchall()
            here = rows(lab, f"SELECT k::VARCHAR, n FROM {name}")
            if "masked" in name:
                assert [row[1] for row in here] == [row[1] for row in there]
            else:
                assert [(row[0].replace("[", "{").replace("]", "}"), row[1]) for row in here] == there


@pytest.mark.long
def test_an_object_is_renamed_and_dropped_and_its_row_is_updated_and_deleted(lab: Lab) -> None:
    lab.run(*OBJECTS)
    lab.sync_options["mask_key"] = "a key of the tests, long enough"
    both = [
        (entry, kind)
        for entry in ENTRIES
        for kind in NAMED
        if entry in ("tombstone", "logged") or kind.startswith("regclass")
    ]
    names = {f'public."{entry} {kind}"': kind for entry, kind in both}
    lab.specs = [
        {"name": f"public.{entry} {kind}", **({} if entry == "logged" else {"watermark": "xid"}), **ENTRIES[entry]}
        for entry, kind in both
    ]
    lab.run(*(f"CREATE TABLE {name} (k {kind} PRIMARY KEY, n int)" for name, kind in names.items()))
    lab.run(*(f"INSERT INTO {name} VALUES ('{NAMED[kind][0]}', 1)" for name, kind in names.items()))
    lab.track()
    lab.sync()
    lab.run(*dict.fromkeys(change for _, change in NAMED.values()))
    # By nothing but a new name of another object, or its end.
    assert_named(lab, names)
    lab.run("DROP TABLE two")
    assert_named(lab, names)
    for change in ("UPDATE {} SET n = 2", "DELETE FROM {}"):
        lab.run(*(change.format(name) for name in names))
        assert_named(lab, names)
    assert verify.verify(lab.job).equal
