"""What systemd wants to hear (sd_notify(3)), and the unit file that starts the daemon."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path


def notify(**fields: str) -> None:
    """Send fields like READY="1" to the service manager that started this process; nothing happens without one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # A leading @ stands for the NUL of Linux's abstract sockets.
    name = "\0" + address[1:] if address.startswith("@") else address
    message = "\n".join(f"{key}={value}" for key, value in fields.items())
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto(message.encode(), name)


def reloading() -> None:
    """Say that the config is being read again; `notify(READY="1")` ends it."""
    notify(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))


def watchdog_interval() -> timedelta | None:
    """Half of the time after which systemd takes a silent process for dead; None where it doesn't watch this one."""
    wanted = os.environ.get("WATCHDOG_USEC", "")
    ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    if not wanted.isdigit() or not ours or int(wanted) == 0:
        return None
    return timedelta(microseconds=int(wanted) / 2)


def unit(config: Path, *, program: str = "", user: str = "neaptide") -> str:
    """The text of a unit file for this installation and this config."""
    executable = program or str(Path(sys.argv[0]).resolve())
    command = " ".join(_quoted(part) for part in (executable, "--config", str(config.resolve()), "daemon"))
    return _UNIT.format(command=command, folder=_escaped(str(config.resolve().parent)), user=user)


def _quoted(part: str) -> str:
    """systemd reads quotes as a shell does, but $ and % mean something to it."""
    return shlex.quote(part.replace("$", "$$").replace("%", "%%"))


def _escaped(path: str) -> str:
    return path.replace("%", "%%")


_UNIT = """\
# Neaptide's daemon. Put this into /etc/systemd/system/neaptide.service, then:
#   systemctl daemon-reload && systemctl enable --now neaptide
[Unit]
Description=Neaptide keeps the reporting file equal to PostgreSQL
Documentation=https://github.com/neaptide/neaptide
After=network-online.target postgresql.service
Wants=network-online.target

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
WorkingDirectory={folder}
User={user}
# Passwords belong here, not into the config: NEAPTIDE_SOURCE__URL=postgresql://…
EnvironmentFile=-/etc/neaptide/environment
Restart=always
RestartSec=1s
# A config that is wrong does not get better by trying again.
RestartPreventExitStatus=2
WatchdogSec=30s
TimeoutStopSec=10s
NoNewPrivileges=true
PrivateTmp=true
ProtectSystem=full

[Install]
WantedBy=multi-user.target
"""
