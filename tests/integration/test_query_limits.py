"""What one query may use: time, rows, memory, room on the disk. Whatever it needs beyond that is told as such."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app import errors
from app.reporting import opening
from app.reporting.store import Limits
from tests.support import shopfile

ENDLESS = [
    "SELECT count(*) FROM range(10000000000) AS a, range(10000000000) AS b",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    "SELECT * FROM range(10000000000) AS a, range(10000000000) AS b WHERE a.range + b.range = -1",
    "EXPLAIN ANALYZE SELECT count(*) FROM range(10000000000) AS a, range(10000000000) AS b",
]
# One piece of work to DuckDB: it takes a minute, and heeds nothing meanwhile.
UNHEEDING = "SELECT levenshtein(repeat('ab', 50000), repeat('ba', 50000))"
SHORT = timedelta(seconds=0.3)


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return shopfile.build(tmp_path)


@pytest.fixture(autouse=True)
def spills(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where queries put what they can't hold; nothing of it is left at the end."""
    folder = tmp_path_factory.mktemp("spills")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("sql", ENDLESS)
def test_a_query_ends_in_time_and_the_next_one_runs(link: Path, sql: str) -> None:
    with opening.open(link, limits=Limits(timeout=SHORT)) as store:
        began = time.monotonic()
        with pytest.raises(errors.QueryTooBig, match=r"longer than 0\.3 s") as caught:
            store.query(sql)
        assert time.monotonic() - began < 2
        assert "[query] timeout" in str(caught.value.hint)
        assert store.query("SELECT 1").rows == [(1,)]


def test_a_query_that_heeds_nothing_is_left_behind(link: Path) -> None:
    began = time.monotonic()
    with opening.open(link, limits=Limits(timeout=SHORT)) as store:
        with pytest.raises(errors.QueryTooBig):
            store.query(UNHEEDING.replace("50000", "20000"))
        assert store.lost
    assert time.monotonic() - began < 3


def test_a_result_of_too_many_rows_is_refused_without_making_all_of_them(link: Path) -> None:
    with opening.open(link, limits=Limits(max_rows=20_000, timeout=timedelta(seconds=2))) as store:
        assert len(store.query("FROM range(20000)").rows) == 20_000
        with pytest.raises(errors.QueryTooBig, match="more than 20,000 rows") as caught:
            store.query("FROM range(10000000000)")
        assert "[query] max_rows" in str(caught.value.hint)


def test_what_does_not_fit_into_memory_goes_to_a_folder_of_its_own_as_far_as_that_may(link: Path, spills: Path) -> None:
    distinct = "SELECT count(*) FROM (SELECT DISTINCT md5(i::VARCHAR) FROM range(1500000) AS t(i))"
    with opening.open(link, limits=Limits(memory_limit="30MB")) as store:
        [folder] = spills.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert store.query(distinct).rows == [(1_500_000,)]
    with opening.open(link, limits=Limits(memory_limit="30MB", temp_limit="1MB")) as store:
        with pytest.raises(errors.QueryTooBig, match="1MB") as caught:
            store.query(distinct)
        assert "[query] temp_limit" in str(caught.value.hint)


def test_what_needs_too_much_memory_is_told_as_such(link: Path) -> None:
    with opening.open(link, limits=Limits(memory_limit="60MB")) as store:
        with pytest.raises(errors.QueryTooBig, match="60MB") as caught:
            store.query("SELECT len(list(i)) FROM range(50000000) AS t(i)")
        assert "[query] memory_limit" in str(caught.value.hint)


BEYOND = {
    "one value": "SELECT length(repeat('x', 1500000000))",
    "many values": "SELECT length(repeat('x', 1000000) || i) FROM range(100000) AS t(i)",
    "a list": "SELECT len(range(200000000))",
    "the result": "SELECT repeat('x', 1000000) FROM range(20000) AS t(i)",
}


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", BEYOND)
def test_memory_that_duckdb_does_not_count_is_bounded_all_the_same(link: Path, kind: str) -> None:
    """In a process of its own, as DuckDB may not give up what it is at."""
    code = (
        "import os, resource, sys; from pathlib import Path\n"
        "from app import errors; from app.reporting import opening, store\n"
        "with opening.open(Path(sys.argv[1]), limits=store.Limits(memory_limit='20MB')) as opened:\n"
        "    try:\n"
        "        opened.query(sys.argv[2])\n"
        "    except errors.QueryTooBig as error:\n"
        "        print(error.message, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, sep='|', flush=True)\n"
        "        opened.close(); os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, link, BEYOND[kind]], capture_output=True, text=True, check=True, timeout=60
    )
    message, _, peak = done.stdout.partition("|")
    assert "more memory than 20MB" in message
    assert int(peak) < 4_000_000


def test_nobody_else_s_error_is_a_bug_of_ours(link: Path) -> None:
    """What the client can't take or give is an error of the query's, too."""
    with opening.open(link) as store:
        for params in ([object()], [2**300], ["\ud800"], {"a": 1}, [[1, "x", object()]]):
            with pytest.raises(errors.QueryFailed):
                store.query("SELECT ?", params)
        assert store.query("SELECT ?", [[1, 2]]).rows == [([1, 2],)]
