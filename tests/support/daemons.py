"""The daemon as a process of its own, and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import targets
from tests.support.syncing import Lab

ROOT = Path(__file__).parents[2]
# For machines under load; what holds is seen within milliseconds.
PATIENCE = 60.0


# Debian's package libfaketime.
_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")
# With the monotonic clock left alone, libfaketime gives clock_nanosleep(2) times that the kernel refuses.
_SLEEP = "import threading, time; time.sleep = lambda seconds: threading.Event().wait(seconds) and None; "


class WallClock:
    """The wall clock of processes that are started with `env`; their monotonic clock goes on as it is."""

    def __init__(self, folder: Path) -> None:
        found = [path for pattern in _LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
        if not found:
            pytest.skip("there is no libfaketime (Debian: apt install libfaketime)")
        self._said = folder / "clock"
        self.set_by(0)
        self.env = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._said),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "NEAPTIDE_TEST_PRELUDE": _SLEEP,
        }

    def set_by(self, seconds: int) -> None:
        """Set it, by so many seconds from the right time."""
        passing = self._said.with_suffix(".passing")
        passing.write_text(f"{seconds:+d}")
        passing.replace(self._said)


class Daemon:
    """One `neaptide daemon`. Its records are read by a thread as they come."""

    def __init__(self, config: Path, **env: str) -> None:
        code = env.pop("NEAPTIDE_TEST_PRELUDE", "") + "from app.cli import main; main()"
        command = [sys.executable, "-c", code, "--verbose", "--config", str(config)]
        self.process = subprocess.Popen(
            [*command, "daemon"], cwd=ROOT, env={**os.environ, **env}, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    def records(self, action: str) -> list[dict[str, Any]]:
        """The records of one action so far."""
        found = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [record for record in found if record["action"] == action]

    def saw(self, action: str, times: int = 1, patience: float = PATIENCE, **fields: object) -> dict[str, Any]:
        """Wait until the action was told so often with these fields; the last of those records."""

        def matching() -> list[dict[str, Any]]:
            return [r for r in self.records(action) if all(r.get(key) == value for key, value in fields.items())]

        wait_until(lambda: len(matching()) >= times, patience, lambda: f"{action}\n{''.join(self.lines)}")
        return matching()[-1]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, patience: float = PATIENCE) -> int:
        """Wait for the process; its exit code."""
        code = self.process.wait(patience)
        self._reader.join(PATIENCE)
        return code

    def stop(self) -> None:
        """Whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def running(config: Path, **env: str) -> Iterator[Daemon]:
    """A daemon that is gone at the end."""
    daemon = Daemon(config, **env)
    try:
        yield daemon
    finally:
        daemon.stop()


def write_config(lab: Lab, *, every: str = "1h", more: str = "", schedule: str = "", margin: str = "0s") -> Path:
    """A config for the lab's source, target and tables."""
    lab.folder.mkdir(parents=True, exist_ok=True)
    tables = "".join(f"[[tables]]\nname = {json.dumps(spec['name'])}\n" for spec in lab.specs)
    feed = "".join(f'{key} = "{value}"\n' for key, value in lab.sync_options.items() if key == "feed")
    place = "".join(f"{key} = {json.dumps(value)}\n" for key, value in targets.chosen.settings(lab.folder).items())
    path = lab.folder / "config.toml"
    passing = path.with_suffix(".passing")
    passing.write_text(
        f'[source]\nurl = "{lab.url}"\n[target]\npath = "reporting.duckdb"\n{place}[sync]\nmargin = "{margin}"\n{feed}'
        f'[schedule]\nevery = "{every}"\n{schedule}\n{more}\n{tables}'
    )
    passing.replace(path)
    return path


def wait_until(true: Callable[[], object], patience: float = PATIENCE, what: Callable[[], str] = lambda: "") -> None:
    """Poll until it is true; fail when that takes too long."""
    until = time.monotonic() + patience
    while not true():
        assert time.monotonic() < until, f"waited {patience} s in vain for {what()}"
        time.sleep(0.02)
