"""The service manager's protocol and the unit file."""

from __future__ import annotations

import os
import shlex
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.daemon import systemd


def test_without_a_service_manager_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify(READY="1")


def test_fields_arrive_one_per_line_also_on_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"neaptide-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        systemd.notify(READY="1", STATUS="running")
        assert manager.recv(1000) == b"READY=1\nSTATUS=running"


@pytest.mark.parametrize(
    ("microseconds", "pid", "expected"),
    [
        ("30000000", None, timedelta(seconds=15)),
        ("30000000", "1", None),
        ("0", None, None),
        ("", None, None),
        ("soon", None, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_bites(
    monkeypatch: pytest.MonkeyPatch, microseconds: str, pid: str | None, expected: timedelta | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    monkeypatch.setenv("WATCHDOG_PID", pid or str(os.getpid()))
    assert systemd.watchdog_interval() == expected


def test_the_unit_starts_this_config_whatever_its_name() -> None:
    config = Path("/srv/with space/100%/$HOME/config.toml")
    lines = dict(
        line.split("=", 1) for line in systemd.unit(config, program="/opt/neaptide").splitlines() if "=" in line
    )
    assert lines["Type"] == "notify"
    command = shlex.split(lines["ExecStart"])
    assert command[:2] == ["/opt/neaptide", "--config"]
    assert command[2].replace("%%", "%").replace("$$", "$") == str(config)
    assert lines["WatchdogSec"] == "30s"
