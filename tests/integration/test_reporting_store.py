"""Opening the reporting file: how fresh it is, what happens while it is swapped, and files that aren't one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from app import errors
from app.reporting import opening
from tests.support import shopdata, shopfile
from tests.support.shopfile import AS_OF


def test_a_result_has_names_types_rows_and_the_moment(tmp_path: Path) -> None:
    with opening.open(shopfile.build(tmp_path)) as store:
        result = store.query("SELECT 1.50 AS a, DATE '2024-02-29' AS b, 'x' AS a")
    assert result.columns == ("a", "b", "a_1")
    assert result.types == ("DECIMAL(3,2)", "DATE", "VARCHAR")
    assert [str(value) for value in result.rows[0]] == ["1.50", "2024-02-29", "x"]
    assert result.as_of == AS_OF
    assert result.records()[0]["a_1"] == "x"


_IN_TOKYO = """
import sys
from pathlib import Path
from app import reporting
with reporting.open(Path(sys.argv[1])) as store:
    print(store.query("SELECT as_of, CAST(as_of AS VARCHAR) FROM neaptide.freshness").rows)
"""


def test_times_come_back_in_utc_whatever_zone_the_machine_has(tmp_path: Path) -> None:
    link = shopfile.build(tmp_path)
    told = subprocess.run(
        [sys.executable, "-c", _IN_TOKYO, str(link)],
        env={**os.environ, "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == str([(AS_OF, "2024-06-30 12:00:00+00")])


def test_a_run_that_changed_nothing_makes_the_file_fresher(tmp_path: Path) -> None:
    link = shopfile.build(tmp_path, run_id="run-7")
    later = AS_OF + timedelta(minutes=5)
    shopfile.check_again(link, as_of=later, run_id="run-7")
    with opening.open(link) as store:
        assert (store.as_of, store.run_id) == (later, "run-7")
        assert store.query("SELECT 1").as_of == later


@pytest.mark.parametrize("other", ["run-6", "earlier", "broken", "naive"])
def test_a_small_file_of_another_run_or_a_broken_one_is_left_aside(tmp_path: Path, other: str) -> None:
    link = shopfile.build(tmp_path, run_id="run-7")
    beside = tmp_path / "reporting.duckdb.freshness"
    if other == "run-6":
        shopfile.check_again(link, as_of=AS_OF + timedelta(days=1), run_id="run-6")
    elif other == "earlier":
        shopfile.check_again(link, as_of=AS_OF - timedelta(days=1), run_id="run-7")
    else:
        beside.write_text('{"run_id":' if other == "broken" else '{"run_id": "run-7", "as_of": "2030-01-01T00:00:00"}')
    with opening.open(link) as store:
        assert store.as_of == AS_OF


def test_no_file_is_said_with_the_next_step(tmp_path: Path) -> None:
    dangling = tmp_path / "dangling.duckdb"
    dangling.symlink_to("gone.duckdb")
    for path in (tmp_path / "reporting.duckdb", dangling, tmp_path / "no" / "folder" / "reporting.duckdb"):
        with pytest.raises(errors.NoReportingFile) as caught, opening.open(path):
            pass
        assert "neaptide sync" in str(caught.value.hint)


def _damage(file: Path, how: str) -> None:
    good = file.read_bytes()
    middle = len(good) // 2
    file.write_bytes(
        {
            "empty": b"",
            "text": b"hello" * 4000,
            "short": good[:20_000],
            "shorter": good[:5_000],
            "magic": good[:8] + b"x" * 4000 + good[4008:],
            "flipped": good[:12_388] + bytes(byte ^ 255 for byte in good[12_388:]),
            "tail": good[:middle] + b"\xff" * (len(good) - middle),
        }[how]
    )


@pytest.mark.parametrize("how", ["empty", "text", "short", "shorter", "magic", "flipped", "tail"])
def test_a_damaged_file_is_said_with_the_next_step(tmp_path: Path, how: str) -> None:
    link = shopfile.build(tmp_path, shopdata.draw(1, orders=50).tables)
    _damage(link.resolve(), how)
    with pytest.raises(errors.TargetUnusable) as caught, opening.open(link) as store:
        for table in ("orders", "order_items", "payments", "customers", "products"):
            store.query(f"SELECT MIN(COLUMNS(*)) FROM shop.{table}")
    assert "neaptide sync --full" in str(caught.value.hint)


def test_a_file_that_is_not_ours_or_never_finished_is_no_reporting_file(tmp_path: Path) -> None:
    foreign, unfinished = tmp_path / "foreign.duckdb", tmp_path / "unfinished.duckdb"
    duckdb.connect(str(foreign)).close()
    shopfile.write(unfinished, {})
    with duckdb.connect(str(unfinished)) as connection:
        connection.execute("DELETE FROM neaptide.run")
    for path in (foreign, unfinished, tmp_path):
        with pytest.raises(errors.TargetUnusable), opening.open(path):
            pass


_WRITER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("holding", flush=True)
sys.stdin.readline()
"""


def _holding(file: Path) -> subprocess.Popen[str]:
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "holding\n"
    return writer


def test_a_file_that_a_writer_holds_is_said_after_a_bounded_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_ATTEMPTS", 3)
    link = shopfile.build(tmp_path)
    writer = _holding(link.resolve())
    try:
        with pytest.raises(errors.LockHeld), opening.open(link):
            pass
    finally:
        writer.communicate("\n")
    with opening.open(link) as store:
        assert store.as_of == AS_OF


def test_a_link_that_moves_off_a_held_file_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between following the link and opening, the sync publishes the other file and begins to write this one."""
    monkeypatch.setattr(opening, "_ATTEMPTS", 10_000)
    link = shopfile.build(tmp_path)
    shopfile.write(tmp_path / "reporting.b.duckdb", {}, run_id="run-2")
    writer = _holding(link.resolve())
    timer = threading.Timer(0.2, shopfile.publish, (link, tmp_path / "reporting.b.duckdb"))
    timer.start()
    try:
        with opening.open(link) as store:
            assert store.run_id == "run-2"
    finally:
        timer.join()
        writer.communicate("\n")


def test_an_open_store_keeps_its_state_while_others_are_published(tmp_path: Path) -> None:
    link = shopfile.build(tmp_path, {"customers": shopdata.draw(1).tables["customers"]})
    shopfile.write(tmp_path / "reporting.b.duckdb", {}, run_id="run-2")
    with opening.open(link) as old:
        shopfile.publish(link, tmp_path / "reporting.b.duckdb")
        with opening.open(link) as new:
            counts = [store.query("SELECT COUNT(*) FROM shop.customers").rows[0][0] for store in (old, new)]
    assert counts == [60, 0]


def test_a_file_opens_many_times_in_one_process(tmp_path: Path) -> None:
    link = shopfile.build(tmp_path)
    with opening.open(link) as one, opening.open(link) as other:
        assert one.query("SELECT 1").rows == other.query("SELECT 1").rows
    with opening.open(link) as again:
        assert again.query("SELECT 1").rows == [(1,)]


class FakeSync:
    """Counts its calls, and publishes a file whose `as_of` it was told."""

    def __init__(self, link: Path, as_of: datetime | None = None, clock: datetime | None = None) -> None:
        self.link, self.as_of, self.clock, self.calls = link, as_of, clock, 0

    def __call__(self) -> datetime | None:
        self.calls += 1
        if self.as_of is not None:
            name = f"reporting.{self.calls}.duckdb"
            shopfile.write(self.link.parent / name, {}, as_of=self.as_of, run_id=f"fake-{self.calls}")
            shopfile.publish(self.link, self.link.parent / name)
        return self.clock


def _age(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_a_file_fresh_enough_is_not_synced(tmp_path: Path) -> None:
    link = shopfile.build(tmp_path)
    sync = FakeSync(link)
    with opening.open(link, sync, _age(10), clock=lambda: AS_OF + _age(10)) as store:
        assert (store.run_id, sync.calls) == ("run-1", 0)


def test_an_older_file_is_synced_once_and_opened_again(tmp_path: Path) -> None:
    link = shopfile.build(tmp_path)
    now = AS_OF + _age(10.001)
    sync = FakeSync(link, as_of=now)
    with opening.open(link, sync, _age(10), clock=lambda: now) as store:
        assert (store.run_id, sync.calls, store.as_of) == ("fake-1", 1, now)


def test_an_absent_file_is_synced_first(tmp_path: Path) -> None:
    link = tmp_path / "reporting.duckdb"
    sync = FakeSync(link, as_of=AS_OF)
    with opening.open(link, sync, _age(10), clock=lambda: AS_OF) as store:
        assert (store.run_id, sync.calls) == ("fake-1", 1)


def test_no_staleness_at_all_always_syncs_even_where_clocks_differ(tmp_path: Path) -> None:
    link = shopfile.build(tmp_path)
    behind = AS_OF - timedelta(hours=1)
    sync = FakeSync(link, as_of=AS_OF)
    with opening.open(link, sync, timedelta(0), clock=lambda: behind) as store:
        assert (store.run_id, sync.calls) == ("fake-1", 1)


def test_the_sources_own_clock_decides_when_the_sync_gives_it(tmp_path: Path) -> None:
    """Our clock is an hour ahead of the source's: its snapshot is new all the same."""
    link = shopfile.build(tmp_path)
    sync = FakeSync(link, as_of=AS_OF + _age(60), clock=AS_OF + _age(59))
    with opening.open(link, sync, timedelta(0), clock=lambda: AS_OF + timedelta(hours=1)) as store:
        assert store.run_id == "fake-1"


@pytest.mark.parametrize("reached", [None, AS_OF + timedelta(seconds=5)])
def test_a_file_still_too_old_after_the_sync_is_refused(tmp_path: Path, reached: datetime | None) -> None:
    link = shopfile.build(tmp_path)
    sync = FakeSync(link, as_of=reached)
    with (
        pytest.raises(errors.TooStale, match="more than the 10 s allowed"),
        opening.open(link, sync, _age(10), clock=lambda: AS_OF + _age(60)),
    ):
        pass
    assert sync.calls == 1


def test_without_a_sync_an_old_file_is_refused_and_an_absent_one_named(tmp_path: Path) -> None:
    link = shopfile.build(tmp_path)
    with pytest.raises(errors.TooStale), opening.open(link, None, _age(10), clock=lambda: AS_OF + _age(11)):
        pass
    with pytest.raises(errors.NoReportingFile), opening.open(tmp_path / "none", None, _age(10)):
        pass


def test_an_error_of_the_sync_is_passed_on(tmp_path: Path) -> None:
    def down() -> None:
        raise errors.SourceUnavailable

    link = shopfile.build(tmp_path)
    with pytest.raises(errors.SourceUnavailable), opening.open(link, down, timedelta(0)):
        pass
    with opening.open(link) as store:
        assert store.run_id == "run-1"
