"""A real Spark cluster of the wheel's: a master and two workers as processes of this machine, on the loopback."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_PATIENCE = 120


@dataclass
class StandaloneCluster:
    """A master's URL, and the processes; `folder` holds their logs and the workers' folders."""

    folder: Path
    url: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, workers: int) -> None:
        log = self._started("master", _MASTER, "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        self.url = self._said(log, r"(spark://127\.0\.0\.1:\d+)")
        for number in range(workers):
            place = str(self.folder / f"worker{number}")
            log = self._started(
                f"worker{number}", _WORKER, "--host", "127.0.0.1", "--cores", "1", "--memory", "512m", "--webui-port",
                "0", "--work-dir", place, self.url,
            )  # fmt: skip
            self._said(log, r"(Successfully registered with master)")

    def _started(self, name: str, *command: str) -> Path:
        import pyspark

        home = Path(pyspark.__file__).parent
        log = self.folder / f"{name}.log"
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("NEAPTIDE_", "PG"))},
            "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
        }  # fmt: skip
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(home / "bin" / "spark-class"), *command], env=environment, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return log

    def _said(self, log: Path, pattern: str) -> str:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            if found := re.search(pattern, log.read_text(errors="replace")):
                return found[1]
            time.sleep(0.1)
        raise AssertionError(f"{pattern} was not said: {log.read_text(errors='replace')[-3000:]}")

    def stop(self) -> None:
        """End all of it, executors too: they are of their worker's process group or end with it."""
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def running(folder: Path, workers: int = 2) -> Iterator[StandaloneCluster]:
    """A cluster that is up, and gone afterwards, however this process ends."""
    found = StandaloneCluster(folder)
    atexit.register(found.stop)
    try:
        found.start(workers)
        yield found
    finally:
        found.stop()
        atexit.unregister(found.stop)
