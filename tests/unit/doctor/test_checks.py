"""Each check of `neaptide doctor` made to fail, from the facts that it is told: what is said, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from app import config
from jobs.doctor import machine, server
from jobs.doctor.check import Check
from jobs.job import Job
from jobs.source import position

# A server on which nothing is wrong, by the name of each query.
GOOD: dict[str, dict[str, Any]] = {
    "server": {
        "version": "17.4", "number": 170004, "encoding": "UTF8", "fsync": True, "track_activities": True,
        "hot_standby_feedback": False, "ends_snapshots": False, "standby": False, "xid_age": 1000,
    },
    "role": {"name": "reader", "super": False, "reads_all_stats": True},
    "connections": {
        "role_limit": -1, "role_used": 1, "database_limit": -1, "database_used": 1,
        "server_limit": 97, "server_used": 1,
    },
    "pending": {"pending": 0, "gid": None, "seconds": None},
    "oldest_transaction": {"pid": 7, "role": "bob", "application": "psql", "seconds": 3599.0},
    "oldest_tombstone": {"seconds": 3600.0},
}  # fmt: skip
BAD = [
    ("server", {"number": 130021, "version": "13.21"}, "fail", "PostgreSQL 13.21", "PostgreSQL 14 or later"),
    ("server", {"fsync": False}, "warn", "fsync is off", "fsync = on"),
    ("server", {"track_activities": False}, "warn", "track_activities is off", "set it to on"),
    ("server", {"ends_snapshots": True}, "warn", "ends long reads", "old_snapshot_threshold = -1"),
    ("server", {"encoding": "SQL_ASCII"}, "warn", "SQL_ASCII", "bytes"),
    ("server", {"standby": True}, "warn", "hot_standby_feedback is off", "on the standby"),
    ("server", {"xid_age": 1_600_000_000}, "warn", "1,600,000,000 behind", "VACUUM FREEZE"),
    ("role", {"super": True}, "warn", "superuser", "SELECT on the tables"),
    ("role", {"reads_all_stats": False, "name": "the-reader"}, "warn", "does not see", 'TO "the-reader"'),
    ("connections", {"role_limit": 3}, "warn", "room for 2 more", "max_connections"),
    ("connections", {"database_limit": 0, "database_used": 9}, "warn", "room for 0 more", "max_connections"),
    ("connections", {"server_used": 95}, "warn", "room for 2 more", "max_connections"),
    ("pending", {"pending": 2, "gid": "it's", "seconds": 90.0}, "warn", "2 prepared", "ROLLBACK PREPARED 'it''s'"),
    ("oldest_transaction", {"seconds": 7200.0}, "warn", "7 of bob psql has one open for 2:00:00", "backend(7)"),
    ("oldest_tombstone", {"seconds": 30 * 86400.0}, "warn", "30 days", "neaptide.purge"),
]  # fmt: skip


@pytest.fixture
def job(tmp_path: Path) -> Job:
    url = "postgresql://u@127.0.0.1:1/d"
    place = config.Target(path=tmp_path / "reporting.duckdb")
    source = config.Source(url=SecretStr(url), max_connections=4)
    return Job(config.Settings(source=source, target=place, tables=[]), url)


def bad(checks: Iterable[Check]) -> list[Check]:
    return [one for one in checks if one.level != "ok"]


def looks(job: Job) -> Iterator[Check]:
    conn: Any = SimpleNamespace(info=None)
    yield from server._server(conn)
    yield from server._role(conn)
    yield from server._sessions(job, conn)
    yield from server._transactions(conn)
    yield from server._tombstones(job, conn)


def told(monkeypatch: pytest.MonkeyPatch, facts: dict[str, dict[str, Any]]) -> None:
    """Have the server's checks be told these facts."""
    monkeypatch.setattr(server, "_maybe", lambda conn, name: facts[name])
    monkeypatch.setattr(server.purge, "size", lambda conn: {"rows": 12, "bytes": 4096})
    monkeypatch.setattr(server.readiness, "tombstones_readable", lambda conn: True)


@pytest.mark.parametrize(("name", "wrong", "level", "message", "hint"), BAD)
def test_what_is_wrong_with_a_server_is_one_finding_with_what_to_do(
    job: Job, monkeypatch: pytest.MonkeyPatch, name: str, wrong: dict[str, Any], level: str, message: str, hint: str
) -> None:
    told(monkeypatch, GOOD | {name: GOOD[name] | wrong})
    [found] = bad(looks(job))
    assert (found.level, message in found.message, hint in (found.hint or "")) == (level, True, True), found


def test_of_a_server_on_which_nothing_is_wrong_nothing_is_said(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, GOOD)
    assert not bad(looks(job))


@pytest.mark.parametrize(("seconds", "level"), [(0, "ok"), (50, "ok"), (-3600, "warn"), (3600, "warn")])
def test_clocks_that_are_far_apart_are_told(monkeypatch: pytest.MonkeyPatch, seconds: int, level: str) -> None:
    theirs = datetime.now(UTC) + timedelta(seconds=seconds)
    monkeypatch.setattr(position, "one", lambda conn, name: {"clock": theirs})
    [found] = server._clock(SimpleNamespace())  # type: ignore[arg-type]
    assert found.level == level and "apart" in found.message


@pytest.mark.parametrize(("held", "level"), [(None, "warn"), (2**20, "warn"), (3 * 2**30, "fail")])
def test_a_slot_that_nobody_reads_is_worse_the_more_it_holds(job: Job, held: int | None, level: str) -> None:
    rows = SimpleNamespace(fetchall=lambda: [{"name": "left", "held": held}])
    [found] = server._slots(job, SimpleNamespace(execute=lambda _: rows))  # type: ignore[arg-type]
    assert found.level == level and "pg_drop_replication_slot('left')" in (found.hint or "")


def test_an_extension_of_another_version_or_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "0.9.9")
    [other] = machine._versions()

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    [none] = machine._versions()
    assert (other.level, none.level) == ("fail", "warn")
    assert all("pip install duckdb-extension-postgres-scanner==" in (one.hint or "") for one in (other, none))


@pytest.mark.parametrize(("free", "level"), [(1000, "fail"), (2**29, "warn"), (2**40, "ok")])
def test_a_disk_without_room_for_another_file_is_told(
    job: Job, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    version = SimpleNamespace(path=job.files.link)
    job.files.link.write_bytes(b"x" * 2000)
    monkeypatch.setattr(type(job.files), "versions", lambda self: [version])
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    [found] = machine._disk(job)
    assert found.level == level and (level == "ok" or "room" in (found.hint or ""))


def test_a_file_system_that_lacks_what_a_publish_needs_is_told(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(machine, "_kind", lambda folder: "nfs4")
    [remote] = machine._file_system(job)
    monkeypatch.setattr(machine.fcntl, "flock", refuse)
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setattr(Path, "symlink_to", refuse)
    [none] = machine._file_system(job)
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    [closed] = machine._file_system(job)
    assert (remote.level, none.level, closed.level) == ("warn", "fail", "fail")
    assert none.message == "nfs4 has no locks and no hard links and no symlinks" and "by this user" in closed.message
    assert not list(job.files.link.parent.iterdir())


@pytest.mark.parametrize(
    ("wrong", "level", "message"),
    [
        ({"alive": False}, "fail", "has died"),
        ({"failures_in_a_row": 1}, "fail", "failed: it is away"),
        ({"failures_in_a_row": 3}, "fail", "failed 3 times in a row: it is away"),
        ({"alive": False, "state": "stopping"}, "ok", "stopping"),
        ({}, "ok", "process 7"),
    ],
)
def test_a_daemon_that_died_or_fails_is_told(
    job: Job, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], level: str, message: str
) -> None:
    note = {
        "alive": True,
        "state": "running",
        "pid": 7,
        "host": "h",
        "failures_in_a_row": 0,
        "last_error": "it is away",
    }
    monkeypatch.setattr(machine.board, "read", lambda files: note | wrong)
    [found] = machine._daemon(job)
    assert (found.level, message in found.message) == (level, True) and bool(found.hint) == (level == "fail")


def test_a_log_that_lies_beside_the_file_and_tables_that_nobody_named_are_told(
    job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(type(job.files), "published", job.files.link)
    monkeypatch.setattr(type(job.files), "logs", lambda self: [Path("x.wal")])
    found = next(iter(machine._file(job)))
    assert found.level == "fail" and "x.wal lies there" in found.message and "close the program" in (found.hint or "")
    [empty] = machine._config(job, tmp_path / "config.toml")
    assert empty.level == "fail" and "neaptide init" in (empty.hint or "")
