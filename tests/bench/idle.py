"""3. A run that finds nothing to do, in a daemon-like process and from the shell; and what --help costs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import child, machine, source
from tests.bench.bench import Bench, interleaved, seconds
from tests.bench.figures import median_phases

GROUP = "nothing to do"
_TIMES = 60


def measure(bench: Bench) -> None:
    """All of it, on a file that is up to date.

    The database is its own: what others measure is not slowed down by the look at all that was stamped a moment ago.
    """
    url, path, report = bench.facts_of(bench.rows), bench.target("idle"), bench.report
    config = _config(bench, url, path)
    # The worst case: a fifth of the table is stamped within the margin, so that to ask for news means to look at it.
    source.change(url, bench.rows // 5, bench.rows, 1)
    done = child.call("runs", url=url, path=path, tables=[source.FACTS], times=_TIMES, warm=5)
    quiet = report.add(GROUP, "a run in the daemon", "s", done["seconds"])
    report.add(GROUP, "its processor time, Neaptide's side", "s", done["processor"])
    report.phases["nothing to do, daemon"] = median_phases(done["phases"])
    shell, help_, bare = interleaved(
        [
            lambda: shell_out([*neaptide(), "--config", config, "sync"]),
            lambda: shell_out([*neaptide(), "--help"]),
            lambda: shell_out([sys.executable, "-c", "pass"]),
        ],
        max(5, bench.repeats),
    )
    in_shell = report.add(GROUP, "neaptide sync from the shell", "s", seconds(shell))
    helped = report.add(GROUP, "neaptide --help", "s", seconds(help_))
    report.add(GROUP, "an empty Python, to compare", "s", seconds(bare))
    report.hold(GROUP, "seconds of a run in the daemon", quiet.median, 0.015)
    report.hold(GROUP, f"files written by {_TIMES} such runs", done["written"], 0)
    report.hold(GROUP, "seconds of neaptide sync from the shell", in_shell.median, 0.5)
    report.hold(GROUP, "seconds of neaptide --help", helped.median, 0.2)
    bench.drop(url)


def neaptide() -> list[str]:
    """The command as installed, or as a module where it is not."""
    installed = Path(sys.executable).with_name("neaptide")
    return [str(installed)] if installed.exists() else [sys.executable, "-c", "from app.cli import main; main()"]


def shell_out(command: list[str]) -> dict[str, Any]:
    """The wall time of a whole process."""
    began = time.monotonic()
    subprocess.run(command, cwd=machine.ROOT, check=True, capture_output=True)
    return {"seconds": time.monotonic() - began}


def _config(bench: Bench, url: str, path: str) -> str:
    file = bench.folder / "config.toml"
    file.write_text(f'[source]\nurl = "{url}"\n[target]\npath = "{path}"\n[[tables]]\nname = "{source.FACTS}"\n')
    return str(file)
