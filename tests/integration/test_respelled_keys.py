"""Rows whose key becomes an equal one of another spelling, of every type that may be a key and in every mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from psycopg.rows import tuple_row

from jobs import quoting
from jobs.source.connection import Source
from jobs.verify import verify
from tests.support import keytypes, targets
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

MODES: dict[str, dict[str, Any]] = {
    "tombstone": {"watermark": "xid"},
    "stamped": {"watermark": "updated_at"},
    "compare": {"watermark": "xid", "deletes": "compare", "max_delete_share": 1},
    "soft": {"watermark": "xid", "deletes": "soft", "soft_column": "gone"},
    "none": {"watermark": "none"},
    "logged": {"feed": "wal"},
}
# What a writer's session may have set: two values then read alike, or one otherwise.
MESS = (
    "SET extra_float_digits = -15; SET intervalstyle = 'sql_standard'; SET datestyle = 'German'; SET timezone = 'UTC-5'"
)
# `{old}` and `{new}` are spellings of one key, the same where it has no other.
STEPS = (
    "UPDATE {t} SET k = {new}, n = n + 1 WHERE k = {old}",
    "DELETE FROM {t} WHERE k = {old}; INSERT INTO {t} VALUES ({new}, 3)",
    "UPDATE {t} SET n = 4 WHERE k = {old}",
    "DELETE FROM {t} WHERE k = {new}; INSERT INTO {t} VALUES ({old}, 5); UPDATE {t} SET k = {new} WHERE k = {old}",
    "INSERT INTO {t} VALUES ({new}, 6) ON CONFLICT (k) DO UPDATE SET k = excluded.k, n = 6",
    "UPDATE {t} SET gone = true, k = {new} WHERE k = {old}",
    "UPDATE {t} SET gone = NULL WHERE k = {old}",
)
KINDS = {**keytypes.VALUES, "text COLLATE caseless": ("a", "A", "b")}
# One of each kind of reason; the others take longer.
FEW = ("double precision", "numeric", "interval", "citext", "regclass", "interval[]", "text COLLATE caseless")


@dataclass(frozen=True)
class Place:
    """A table for one mode and type; `classes` are its keys, each a list of spellings in SQL."""

    mode: str
    kind: str
    classes: list[list[str]]

    @property
    def name(self) -> str:
        return f"public.{quoting.identifier(f'{self.mode} {self.kind}')}"


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    found = Lab(empty_db, tmp_path, [])
    found.run(*keytypes.SETUP.split(";"), *keytypes.OBJECTS.split(";"))
    return found


def spelled(conn: psycopg.Connection[Any], kind: str) -> list[list[str]]:
    """The type's values, those that PostgreSQL holds equal together."""
    classes: list[list[str]] = []
    for text in KINDS[kind]:
        value = keytypes.value(kind.partition(" COLLATE")[0], text)
        collated = f"{value} COLLATE caseless" if "COLLATE" in kind else value
        for known in classes:
            if conn.execute(f"SELECT {collated} = {known[0]}".encode()).fetchone() == (True,):
                known.append(value)
                break
        else:
            classes.append([value])
    return classes


def places(lab: Lab, kinds: Sequence[str], modes: Sequence[str]) -> Iterator[Place]:
    with lab.connect() as conn:
        try:
            conn.execute(keytypes.CASELESS.encode())
        except psycopg.errors.FeatureNotSupported:
            kinds = [kind for kind in kinds if "COLLATE" not in kind]
        for kind in kinds:
            classes = spelled(conn, kind)
            for mode in modes if any(len(found) > 1 for found in classes) else ("tombstone",):
                yield Place(mode, kind, classes)


def made(lab: Lab, kinds: Sequence[str], modes: Sequence[str]) -> list[Place]:
    """The tables, filled and synced."""
    found = list(places(lab, kinds, modes))
    lab.specs = [{"name": place.name, **MODES[place.mode]} for place in found]
    with lab.connect() as conn:
        for place in found:
            conn.execute(f"CREATE TABLE {place.name} (k {place.kind} PRIMARY KEY, n int, gone boolean)".encode())
            if place.mode == "stamped":
                conn.execute(f"ALTER TABLE {place.name} ADD updated_at timestamptz NOT NULL DEFAULT now()".encode())
            for spellings in place.classes:
                conn.execute(f"INSERT INTO {place.name} VALUES ({spellings[0]}, 1)".encode())
    lab.track()
    lab.sync()
    return found


def assert_equal(lab: Lab, found: Sequence[Place], step: str) -> None:
    """Each row once, by the key's text where the file keeps that, and by what stands beside it."""
    with Source.of(lab.job).open("neaptide test") as conn, lab.published() as file:
        conn.row_factory = tuple_row
        for place in found:
            theirs, ours = rows_of(conn, file, place)
            assert ours == theirs, (place.name, step)


def rows_of(
    conn: psycopg.Connection[Any], file: duckdb.DuckDBPyConnection, place: Place
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    [(kind,)] = file.execute(f"SELECT column_type FROM (DESCRIBE {place.name}) WHERE column_name = 'k'").fetchall()
    key = "k::text" if kind == "VARCHAR" and place.kind not in ("regproc", "regoper") else "n"
    where = "WHERE gone IS NOT TRUE" if place.mode == "soft" else ""
    theirs = conn.execute(f"SELECT {key}, n FROM {place.name} {where}".encode()).fetchall()
    ours = file.execute(f"SELECT {key}, n FROM {place.name}").fetchall()
    return sorted(theirs), sorted(ours)


def change(lab: Lab, found: Sequence[Place], number: int, step: str) -> None:
    """Every key of every table moves on by one spelling."""
    with lab.connect() as conn:
        conn.execute(MESS.encode())
        for place in found:
            for spellings in place.classes:
                old, new = (spellings[(number + ahead) % len(spellings)] for ahead in (0, 1))
                conn.execute(step.format(t=place.name, old=old, new=new).encode())


def check(lab: Lab, kinds: Sequence[str], modes: Sequence[str]) -> None:
    found = made(lab, kinds, modes)
    for number, step in enumerate(STEPS):
        change(lab, found, number, step)
        assert [(t.table, t.error) for t in lab.sync(force_deletes=True).failed] == []
        assert_equal(lab, found, step)
    assert_mended(lab, found)
    change(lab, [place for place in found if place.mode != "soft"], len(STEPS), "DELETE FROM {t} WHERE k = {old}")
    assert [(t.table, t.error) for t in lab.sync(force_deletes=True).failed] == []
    assert_equal(lab, found, "deleted")
    assert [table for table in verify.verify(lab.job).tables if not table.equal] == []


def assert_mended(lab: Lab, found: Sequence[Place]) -> None:
    """A row that is not as it should be is found, named and mended, whatever its key is."""
    # What is compared whole in each run is mended before anybody looks.
    found = [place for place in found if place.mode != "none" and not place.kind.startswith(("reg", "place"))]
    with targets.writing(lab.job) as file:
        for place in found:
            file.execute(f"UPDATE {place.name} SET n = -1")
    checked = verify.verify(lab.job, repair=True)
    wrong = {table.table for table in checked.tables if 0 < table.different == len(table.differences)}
    assert wrong == {quoting.join_name("public", f"{place.mode} {place.kind}") for place in found}
    assert_equal(lab, found, "mended")


@pytest.mark.long
def test_a_key_that_is_spelled_anew_is_one_row(lab: Lab) -> None:
    check(lab, FEW, [mode for mode in MODES if mode != "stamped"])


@pytest.mark.long
@pytest.mark.of_files("as many runs of as many tables take minutes in a lake, which has the few types above")
def test_a_key_of_any_type_that_is_spelled_anew_is_one_row(lab: Lab) -> None:
    # With the log it is the same for every type, and there are tables enough.
    check(lab, list(KINDS), [mode for mode in MODES if mode != "logged"])
