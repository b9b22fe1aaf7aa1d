"""A source that is not the one the file was made from is found out, refused, and gone on with when told to."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from app import errors
from jobs.init import choices
from jobs.verify import verify
from tests.support import servers
from tests.support.cluster import Cluster
from tests.support.othersource import WAYS, assert_goes_on, assert_refused, at, item_lab
from tests.support.servers import ask
from tests.support.syncing import Lab

RESTORED = "lost transactions that the last sync saw|saw transactions that the source doesn't know"
FROM_ELSEWHERE = "SELECT count(*) FROM neaptide.tombstone WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())"


@pytest.mark.each_feed
@pytest.mark.few(1)
@pytest.mark.parametrize("way", WAYS)
def test_a_database_that_was_dropped_and_made_anew_is_refused(postgres: Cluster, tmp_path: Path, way: str) -> None:
    lab = item_lab(postgres.create_database(), tmp_path)
    lab.sync()
    lab.run("INSERT INTO item VALUES (11, 'of the first database')")
    lab.sync()
    name = lab.url.rsplit("/", 1)[1]
    postgres.drop_database(lab.url)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    item_lab(lab.url, tmp_path)
    assert_refused(lab, "database")
    assert_goes_on(lab, way)
    postgres.drop_database(lab.url)


@pytest.mark.long
def test_a_dump_restored_in_another_cluster_is_refused(
    postgres: Cluster, empty_db: str, open_folder: Path, tmp_path: Path
) -> None:
    lab = item_lab(empty_db, tmp_path)
    lab.sync()
    lab.run("UPDATE item SET name = 'later' WHERE id = 1")
    lab.sync()
    # As of a server that has seen more transactions than the one it is restored to.
    lab.run("INSERT INTO neaptide.tombstone (relid, xid) VALUES ('item'::regclass, '999999999999')")
    with servers.primary(open_folder / "other") as other:
        dump = subprocess.run([postgres.bin("pg_dump"), lab.url], check=True, capture_output=True)
        subprocess.run([postgres.bin("psql"), "-qX", other.url()], input=dump.stdout, check=True, capture_output=True)
        lab = at(lab, other.url())
        assert_refused(lab, "cluster")
        assert verify.verify(lab.job).equal
        lab.run("DELETE FROM item WHERE id = 2")
        (found,) = verify.verify(lab.job).tables
        assert (found.extra, found.missing, found.different) == (1, 0, 0)
        # The restored triggers write down another table's oid.
        verify.verify(lab.job, repair=True)
        with pytest.raises(errors.NotTracked, match="made for another key or table"):
            lab.sync()
        lab.track()
        assert (
            ask(lab.url, "SELECT count(*) FROM neaptide.tombstone WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())")
            == 0
        )
        assert_goes_on(lab, "repair")


@pytest.mark.few(1)
@pytest.mark.parametrize(("mode", "way"), [("updated_at", "repair"), ("xid", "full")])
def test_an_older_copy_of_the_data_folder_is_refused(open_folder: Path, tmp_path: Path, mode: str, way: str) -> None:
    with servers.primary(open_folder / "first") as server:
        lab = item_lab(server.url(), tmp_path, mode)
        lab.sync()
        server.stop()
        servers.copy_stopped(server, open_folder / "copy")
        server.start()
        lab.run("INSERT INTO item VALUES (11, 'after the copy')", "UPDATE item SET name = 'too' WHERE id = 1")
        lab.sync()
        lab.assert_equal()
    with servers.started(servers.at(open_folder / "copy")) as copy:
        lab = at(lab, copy.url())
        assert_refused(lab, RESTORED)
        (found,) = verify.verify(lab.job).tables
        assert (found.extra, found.missing, found.different) == (1, 0, 1)
        assert_goes_on(lab, way)


@pytest.mark.long
def test_a_copy_that_went_on_beyond_the_last_sync_is_not_told_apart_but_verify_finds_what_differs(
    open_folder: Path, tmp_path: Path
) -> None:
    """Same system identifier, timeline and database, a longer log: nothing in PostgreSQL tells such a clone apart."""
    with servers.primary(open_folder / "first") as server:
        lab = item_lab(server.url(), tmp_path)
        lab.sync()
        server.stop()
        servers.copy_stopped(server, open_folder / "copy")
        server.start()
        for key in (11, 12):
            lab.run(f"INSERT INTO item VALUES ({key}, 'only in the first')")
            lab.sync()
    with servers.started(servers.at(open_folder / "copy")) as copy:
        lab = at(lab, copy.url())
        for turn in range(20):
            lab.run(f"INSERT INTO item VALUES ({100 + turn}, repeat('x', 500))")
        lab.sync()
        assert not verify.verify(lab.job).equal
        assert_goes_on(lab, "repair")


def test_tables_that_the_config_no_longer_names_do_not_stay_in_the_future(open_folder: Path, tmp_path: Path) -> None:
    with servers.primary(open_folder / "first") as server:
        lab = item_lab(server.url(), tmp_path)
        lab.specs.append({"name": "public.other", "watermark": "none"})
        lab.run("CREATE TABLE public.other (id int PRIMARY KEY)")
        server.stop()
        servers.copy_stopped(server, open_folder / "copy")
        server.start()
        lab.run("INSERT INTO public.other VALUES (1)")
        lab.sync()
    with servers.started(servers.at(open_folder / "copy")) as copy:
        lab = at(lab, copy.url())
        del lab.specs[1]
        assert_goes_on(lab, "repair")


def test_a_role_that_may_only_select_is_enough(postgres: Cluster, empty_db: str, tmp_path: Path) -> None:
    owner = item_lab(empty_db, tmp_path)
    role = f"plain_{empty_db.rsplit('/', 1)[1]}"
    owner.run(
        f"CREATE ROLE {role} LOGIN PASSWORD 'plain'",
        f"GRANT SELECT ON item TO {role}",
        f"GRANT USAGE ON SCHEMA neaptide TO {role}",
        f"GRANT SELECT ON neaptide.tombstone TO {role}",
    )
    host = empty_db.rsplit("@", 1)[1]
    lab = at(owner, f"postgresql://{role}:plain@{host}")
    lab.sync()
    owner.run("UPDATE item SET name = 'changed' WHERE id = 1", "DELETE FROM item WHERE id = 2")
    lab.sync()
    lab.assert_equal()
    assert verify.verify(lab.job).equal
    owner.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_subscriber_of_logical_replication_is_a_source_like_any_other(open_folder: Path, tmp_path: Path) -> None:
    with servers.primary(open_folder / "server") as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
            conn.execute("CREATE DATABASE subscriber")
        lab = item_lab(server.url("subscriber"), tmp_path)
        publisher = at(lab, server.url())
        publisher.run("CREATE TABLE public.item (id bigint PRIMARY KEY, name text, note text)")
        publisher.run("CREATE PUBLICATION p FOR TABLE item")
        publisher.run("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
        lab.run(
            "TRUNCATE item",
            f"CREATE SUBSCRIPTION s CONNECTION '{server.url()}' PUBLICATION p WITH (create_slot = false)",
        )
        # The apply worker fires row triggers only, which `track` knows of once there is a subscription.
        with pytest.raises(errors.NotTracked, match="record deleted rows"):
            lab.sync()
        choice = next(one for one in choices.propose(lab.job, track=True).choices if one.name == "public.item")
        assert any("Logical replication writes it" in reason for reason in choice.reasons)
        lab.track()
        publisher.run("INSERT INTO item SELECT g, 'published' FROM generate_series(1, 100) AS g")
        replicated(lab, publisher)
        lab.sync()
        lab.assert_equal()
        for change in (
            "UPDATE item SET name = 'changed' WHERE id <= 3",
            "DELETE FROM item WHERE id IN (4, 5)",
            "UPDATE item SET id = 1000 WHERE id = 6",
            "TRUNCATE item",
            "INSERT INTO item VALUES (7, 'again')",
        ):
            publisher.run(change)
            replicated(lab, publisher)
            lab.sync()
            lab.assert_equal()
        lab.run("ALTER SUBSCRIPTION s DISABLE", "ALTER SUBSCRIPTION s SET (slot_name = NONE)", "DROP SUBSCRIPTION s")


def replicated(lab: Lab, publisher: Lab) -> None:
    """Wait until the subscriber's table has the publisher's rows."""
    query = "SELECT coalesce(string_agg(id || name, ',' ORDER BY id), '') FROM item"
    servers.until(lambda: ask(lab.url, query) == ask(publisher.url, query), "the subscriber has the publisher's rows")
