"""Several sources on servers of their own, one of which stops; the daemon over both, and a lake that holds both."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from app.reporting import opening
from jobs import migrate
from jobs.daemon import monitor
from jobs.status import report
from jobs.targets.file import freshness
from jobs.verify import verify
from tests.support import cluster, daemons, lakelab, several
from tests.support.several import Sources

pytestmark = pytest.mark.long


def names(path: Path, source: str) -> set[str]:
    """What the published file has under `name`."""
    with duckdb.connect(str(path), read_only=True) as file:
        return {row[0] for row in file.execute(f"SELECT name FROM {source}.item").fetchall()}


def shows(two: Sources, source: str, name: str) -> None:
    """Wait until readers see it."""
    daemons.wait_until(lambda: name in names(two.file, source), what=lambda: f"{name} of {source}")


def test_a_daemon_wakes_for_each_source_and_goes_on_without_one(
    postgres: cluster.Cluster, tmp_path: Path, open_folder: Path
) -> None:
    with several.two(postgres, tmp_path) as two, cluster.running(open_folder / "second") as second:
        two.urls["web"] = second.create_database()
        two.run("web", *several.ITEM)
        two.track()
        cli = two.cli()
        config = tmp_path / "config.toml"
        config.write_text(f'{config.read_text()}\n[schedule]\nevery = "1h"\n')
        with daemons.running(config) as daemon:
            daemon.saw("run_done", changed=True)
            for turn, source in enumerate(("crm", "web", "crm")):
                two.run(source, f"UPDATE item SET name = 'turn {turn}' WHERE id = 1")
                shows(two, source, f"turn {turn}")
            second.close()
            second.server.stop()
            daemon.saw("source_unreachable", source="web")
            oldest = freshness.of(two.job.files, "web")["as_of"]
            two.run("crm", "UPDATE item SET name = 'alone' WHERE id = 2")
            shows(two, "crm", "alone")
            daemons.wait_until(lambda: freshness.read(two.job.files).get("away"))
            status = cli("status", "--json")
            assert status.code == 1
            assert [one["error"] is None for one in status.json["sources"]] == [True, False]
            assert freshness.of(two.job.files, "web")["as_of"] == oldest
            assert any("source web" in problem for problem in status.json["problems"])
            assert any("source web" in problem for problem in monitor.readiness(two.job)["problems"])
            second.server.start()
            two.run("web", "UPDATE item SET name = 'back' WHERE id = 3")
            shows(two, "web", "back")
            daemons.wait_until(lambda: not freshness.read(two.job.files).get("away"))
        two.sync()
        two.assert_equal()
        assert verify.verify(two.job).equal


def test_a_lake_holds_both(two: Sources, postgres: cluster.Cluster) -> None:
    catalog = postgres.create_database()
    two.target = {"url": lakelab.lake_url(catalog), "data": str(two.folder / "data")}
    two.sync()
    for turn in range(3):
        two.run(
            ("crm", "web")[turn % 2],
            "UPDATE item SET cents = cents + 5 WHERE id < 4",
            f"DELETE FROM item WHERE id = {turn + 5}",
        )
        two.sync()
        assert verify.verify(two.job).equal
    away = Sources(two.urls | {"web": "postgresql://nobody@127.0.0.1:1/none"}, two.folder, two.specs, two.target)
    two.run("crm", "UPDATE item SET name = 'alone'")
    assert [one.table for one in away.sync().failed] == ["web.item"]
    assert two.sync(full=True).as_of == report.read_status(two.job).as_of
    job = two.job
    with opening.open(job.settings.target_path, lake=job.settings.lake) as opened:
        for source in two.urls:
            rows: list[Any] = opened.query(f"SELECT id, name, cents FROM {source}.item ORDER BY id").rows
            with psycopg.connect(two.urls[source]) as conn:
                assert rows == conn.execute("SELECT id, name, cents FROM item ORDER BY id").fetchall()


def test_what_is_beside_the_file_may_be_lost(two: Sources) -> None:
    """The small files save time: the reporting file itself knows which source each table is of."""
    two.sync()
    two.run("crm", "UPDATE item SET cents = 3 WHERE id = 1")
    for path in two.folder.glob("reporting.duckdb.*"):
        path.unlink()
    two.sync()
    two.assert_equal()
    shutil.rmtree(two.folder / ".reporting.duckdb", ignore_errors=True)
    for path in two.folder.glob("reporting*"):
        path.unlink()
    two.sync()
    two.assert_equal()


def test_a_file_of_both_moves_into_a_lake(two: Sources, postgres: cluster.Cluster) -> None:
    two.sync()
    files, catalog = two.job.files, postgres.create_database()
    two.target = {"url": lakelab.lake_url(catalog), "data": str(two.folder / "data")}
    migrate.migrate(two.job, files)
    assert not two.sync().changed
    other = Sources(two.urls | {"web": postgres.create_database()}, two.folder, two.specs, two.target)
    other.run("web", *several.ITEM)
    other.track()
    assert "web: the file was made from database" in (other.sync().failed[0].error or "")
