"""`report --engine spark` as people type it, on a project that was synced into a lake; and what goes wrong."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from psycopg.conninfo import conninfo_to_dict

from app import errors
from app.demo import seeded
from app.oltp import engine
from tests.support import cli, pages, sparklab
from tests.support.cli import ROOT, Cli
from tests.support.cluster import Cluster
from tests.support.sparkcluster import StandaloneCluster

PAGE = ROOT / "docs" / "spark.md"
LINES = [line for block in pages.blocks(PAGE) for line in block.commands() if line.startswith("neaptide ")]


@dataclass(frozen=True)
class Project:
    """A shop that was synced into a lake, and the password of its catalog."""

    cli: Cli
    folder: Path
    password: str


@pytest.fixture(scope="module")
def project(
    postgres: Cluster, standalone: StandaloneCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("a project")
    url, catalog = postgres.create_database(postgres.shop_template()), postgres.create_database()
    made = engine.create(url)
    seeded.place(made, 200)
    made.dispose()
    more = (
        f'[target]\nurl = "ducklake:postgres:{catalog}"\ndata = "the data"\n'
        f'[models]\npath = "{ROOT / "sql" / "models"}"\n'
        f'[spark]\nmaster = "{standalone.url}"\nmemory = "512MiB"\npatience = "2m"\n'
    )
    there = cli.config(folder, url, more=more)
    there("track").ok()
    there("sync").ok()
    made = engine.create(url)
    seeded.place(made, 50)
    made.dispose()
    there("sync").ok()
    yield Project(there, folder, str(conninfo_to_dict(catalog)["password"]))
    postgres.drop_database(url)
    postgres.drop_database(catalog)


@pytest.mark.parametrize("line", LINES)
def test_the_page_can_be_typed(project: Project, line: str) -> None:
    """As a process of its own, which leaves none behind, and says nothing of Java's."""
    words = shlex.split(line)[1:]
    done = project.cli.process(*words, SPARK_LOCAL_IP="127.0.0.1").ok()
    assert "WARN" not in done.err
    assert "Exception" not in done.out + done.err
    assert project.password not in done.out + done.err
    if "-o" not in words and "--check" not in words:
        plain = project.cli(*(word for word in words if word not in ("--engine", "spark"))).ok()
        assert _body(done.out) == _body(plain.out)
    assert not _children()


def _body(text: str) -> list[str]:
    """What a table says, but for its age."""
    return [line for line in text.splitlines() if "as of" not in line.lower()]


def _children() -> list[str]:
    command = ["ps", "-o", "args=", "--ppid", str(os.getpid())]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return [line for line in found.stdout.splitlines() if "SparkSubmit" in line]


def test_a_file_of_spark_is_that_of_duckdb(project: Project) -> None:
    for name in ("here", "there"):
        engine_of = ("--engine", "spark") if name == "there" else ()
        project.cli("report", "sales_by_country", "-o", str(project.folder / f"{name}.parquet"), *engine_of).ok()
    rows = [duckdb.sql(f"FROM '{project.folder}/{name}.parquet'").fetchall() for name in ("here", "there")]
    assert rows[0] == rows[1]
    assert rows[0]


def test_neither_driver_nor_workers_learn_a_password(project: Project, standalone: StandaloneCluster) -> None:
    """Not by what they are started with, nor by what they write."""
    seen: list[str] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            for place in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    command = (place / "cmdline").read_bytes()
                    if b"spark" in command and b"pytest" not in command and b"app.cli" not in command:
                        seen.append(((place / "environ").read_bytes() + command).decode(errors="replace"))
            time.sleep(0.2)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        env = {"SPARK_LOCAL_IP": "127.0.0.1", "PGPASSWORD": project.password, "NEAPTIDE_HTTP__TOKEN": project.password}
        project.cli.process("report", "order_status", "--engine", "spark", **env).ok()
    finally:
        ended.set()
        watcher.join()
    assert [text for text in seen if "CoarseGrainedExecutorBackend" in text]
    assert [text for text in seen if "SparkSubmit" in text]
    assert not [text for text in seen if project.password in text]
    files = [path for path in standalone.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if project.password.encode() in path.read_bytes()]


def test_a_report_that_spark_cant_do_is_named_with_its_line(project: Project, tmp_path: Path) -> None:
    config = (project.folder / "config.toml").read_text()
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "spread.sql").write_text(
        "-- title: Spread\nSELECT currency,\n  quantile_cont(total, 0.9) AS p90\nFROM shop.orders\nGROUP BY currency\n"
    )
    (tmp_path / "reports" / "fine.sql").write_text("SELECT currency, max(total) AS most FROM shop.orders GROUP BY 1")
    text = config.replace(str(ROOT / "sql" / "reports"), str(tmp_path / "reports"))
    (tmp_path / "config.toml").write_text(text.replace('"the data"', f'"{project.folder / "the data"}"'))
    there = Cli(tmp_path)
    done = there("report", "spread", "--engine", "spark")
    assert done.code == 1
    assert "quantile_cont" in done.err
    assert "quantile_cont(total, 0.9) AS p90" in done.err
    assert "leave --engine spark out" in done.err
    listed = there("report", "--engine", "spark").ok()
    assert "fine" in listed.out
    assert "left out: spread: quantile_cont" in listed.err


@contextmanager
def _mute() -> Iterator[str]:
    """A port that takes calls and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"spark://127.0.0.1:{server.getsockname()[1]}"


def test_a_master_that_is_none_is_told_in_time(project: Project) -> None:
    with _mute() as url:
        began = time.monotonic()
        done = project.cli.process(
            "report", "order_status", "--engine", "spark", NEAPTIDE_SPARK__MASTER=url, NEAPTIDE_SPARK__PATIENCE="15s",
            SPARK_LOCAL_IP="127.0.0.1",
        )  # fmt: skip
    assert done.code == 1
    assert f"{url} did not answer within 15 s" in done.err
    assert len(done.err.strip().splitlines()) <= 3, done.err
    assert time.monotonic() - began < 120


def test_a_cluster_without_room_is_told(project: Project) -> None:
    done = project.cli.process(
        "report", "order_status", "--engine", "spark", NEAPTIDE_SPARK__MEMORY="4GB", NEAPTIDE_SPARK__PATIENCE="1m",
        SPARK_LOCAL_IP="127.0.0.1",
    )  # fmt: skip
    assert done.code == 1
    assert "has a core and 3814m of memory to spare" in done.err
    assert len(done.err.strip().splitlines()) <= 3, done.err


def test_a_snapshot_that_is_cleaned_away_is_reopened_once_and_then_told(
    postgres: Cluster, standalone: StandaloneCluster, tmp_path: Path
) -> None:
    tables = ("CREATE SCHEMA s", "CREATE TABLE s.t (i INTEGER)", "INSERT INTO s.t SELECT range FROM range(100)")
    with sparklab.made(postgres, tmp_path, *tables) as lab, sparklab.on_spark(lab, standalone.url) as (_, spark):
        _move_on(lab, "DELETE FROM s.t WHERE i < 10")
        # It had answered nothing yet, so it goes on with what is there now.
        assert spark.query("SELECT count(*) FROM s.t").rows == [(90,)]
        _move_on(lab, "DELETE FROM s.t WHERE i < 20")
        with pytest.raises(errors.SnapshotGone):
            spark.query("SELECT count(*) FROM s.t")


def _move_on(lab: sparklab.LakeOnly, change: str) -> None:
    lab.run(
        change,
        "CALL ducklake_rewrite_data_files('reporting', delete_threshold => 0.01)",
        "CALL ducklake_expire_snapshots('reporting', older_than => now())",
        "CALL ducklake_cleanup_old_files('reporting', cleanup_all => true)",
    )


def test_limits_are_those_of_every_query(postgres: Cluster, standalone: StandaloneCluster, tmp_path: Path) -> None:
    tables = ("CREATE SCHEMA s", "CREATE TABLE s.t (i INTEGER)", "INSERT INTO s.t SELECT range FROM range(3000)")
    with sparklab.made(postgres, tmp_path, *tables) as lab, sparklab.on_spark(lab, standalone.url, max_rows=50) as both:
        _, spark = both
        assert len(spark.query("SELECT i FROM s.t ORDER BY i LIMIT 50").rows) == 50
        with pytest.raises(errors.QueryTooBig, match="more than 50 rows"):
            spark.query("SELECT i FROM s.t")
        with pytest.raises(errors.UsageError):
            spark.query("DELETE FROM s.t")
        with pytest.raises(errors.QueryFailed):
            spark.query("SELECT * FROM read_csv('/etc/passwd')")
