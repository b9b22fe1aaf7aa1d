"""What `--engine spark` says before anything of Spark's is started."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from app import config, errors
from app.config.sections import Spark, java_size
from app.spark import cluster
from tests.support.cli import Cli

LAKE = 'url = "ducklake:postgres:dbname=nowhere host=127.0.0.1 port=1"\ndata = "the data"\n'


def _project(folder: Path, target: str) -> Cli:
    (folder / "config.toml").write_text(f'[target]\n{target}[reports]\npath = "reports"\n')
    (folder / "reports").mkdir()
    (folder / "reports" / "one.sql").write_text("SELECT 1")
    return Cli(folder)


def test_a_file_is_no_lake(tmp_path: Path) -> None:
    done = _project(tmp_path, 'path = "reporting.duckdb"\n')("report", "one", "--engine", "spark")
    assert done.code == 2
    assert "Spark reads a lake, and the target is a file" in done.err
    assert done.out == ""


def test_spark_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    done = _project(tmp_path, LAKE)("report", "one", "--engine", "spark")
    assert done.code == 2
    assert "pyspark" in done.err
    assert "neaptide[spark]" in done.err


def test_live_is_postgresql_and_not_spark(tmp_path: Path) -> None:
    done = _project(tmp_path, LAKE)("report", "one", "--engine", "spark", "--live")
    assert done.code == 2
    assert "leave one of them out" in done.err


def test_an_object_store_is_no_folder(tmp_path: Path) -> None:
    done = _project(tmp_path, LAKE.replace("the data", "s3://bucket/lake"))("report", "one", "--engine", "spark")
    assert done.code == 2
    assert "object store" in done.err


@pytest.mark.parametrize("master", ["local", "local[2]", "local[*]", "spark://a:7077", "spark://a:7077,b:7078"])
def test_a_master_that_is_known(master: str) -> None:
    assert Spark(master=master).master == master


@pytest.mark.parametrize("master", ["yarn", "k8s://a:1", "spark://a", "local[x]", "spark://u@a:1", "http://a:1", ""])
def test_another_master_is_refused(master: str) -> None:
    with pytest.raises(ValueError, match="spark://host:7077"):
        Spark(master=master)


@pytest.mark.parametrize(
    ("size", "java"), [("512MiB", "512m"), ("1GB", "953m"), ("2 GiB", "2048m"), ("1.5TiB", "1572864m")]
)
def test_a_size_as_java_has_it(size: str, java: str) -> None:
    assert java_size(size) == java


def test_too_little_memory_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="memory: an executor needs 450MiB"):
        Spark(memory="400MB")


def test_the_addresses_of_masters() -> None:
    found = cluster.Cluster("spark://a:7077,b:7078", "512m", timedelta(1), "512m")
    assert found.addresses == [("a", 7077), ("b", 7078)]
    assert not found.is_local


def test_a_master_that_nobody_is_costs_no_minute() -> None:
    place = cluster.Cluster("spark://127.0.0.1:1", "512m", timedelta(seconds=5), "512m")
    with pytest.raises(errors.SparkUnavailable, match=r"spark://127\.0\.0\.1:1 can't be reached"):
        cluster._reached(place)


def test_the_section_is_one_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[spark]\nmaster = "spark://a:7077"\nmemory = "2GB"\n')
    assert config.load(tmp_path / "config.toml").spark.java_memory == "1907m"
