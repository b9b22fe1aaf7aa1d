"""A session on a Spark cluster: begun within a time, and ended with all that it started.

The driver is a Java process of this machine's. It gets nothing of this process's environment that a password may stand
in, and what it says goes into a file.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import errors, extras
from app.spark import java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_STANDALONE = "spark://"
_ALONE = ("127.0.0.1", "localhost", "::1")
# What answers depend on is said here, whatever the cluster's own files say.
_RULES = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.storeAssignmentPolicy": "ANSI",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.caseSensitive": "false",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.legacy.decimal.retainFractionDigitsOnTruncate": "true",
    "spark.sql.parquet.fieldId.read.enabled": "true",
    "spark.sql.parquet.fieldId.read.ignoreMissing": "false",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.binaryAsString": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.legacy.ctePrecedencePolicy": "CORRECTED",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.optimizer.runtime.bloomFilter.enabled": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.eventLog.enabled": "false",
    "spark.log.level": "ERROR",
}
# Variables of this process that the driver must not see.
_HIDDEN = ("NEAPTIDE_", "PG")
_PAUSE = 0.2
_CLASS = re.compile(r"^(?:[\w$]+\.)+[\w$]+: ")
# In MiB: Spark starts with no less.
_LEAST_OF_DRIVER = 512


@dataclass(frozen=True)
class Cluster:
    """Where Spark runs: its master, the memory of each of its executors, and how long it may take to answer."""

    master: str
    memory: str
    patience: timedelta
    driver_memory: str

    @property
    def is_local(self) -> bool:
        """Whether it is this process's own."""
        return self.master.startswith("local")

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each master."""
        masters = [one.rpartition(":") for one in self.master.removeprefix(_STANDALONE).split(",")]
        return [(host.strip("[]"), int(port)) for host, _, port in masters]


@contextmanager
def session(cluster: Cluster) -> Iterator[SparkSession]:
    """A session, whose processes of this machine are gone afterwards.

    Raises `errors.MissingExtra`, `errors.UsageError` without a Java, and `errors.SparkUnavailable`.
    """
    with extras.needed("spark"):
        import pyspark
    java.checked()
    if not cluster.is_local:
        _reached(cluster)
    # Its own log of queries that fail would stand between the lines of ours.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
    with tempfile.TemporaryDirectory(prefix="neaptide-spark-", ignore_cleanup_errors=True) as folder:
        started = _Started(cluster, Path(folder), Path(pyspark.__file__).parent)
        try:
            yield started.session()
        finally:
            started.end()


def _reached(cluster: Cluster) -> None:
    """Raise `errors.SparkUnavailable` where no master listens: Spark itself would try for a minute."""
    reason: Exception | None = None
    for address in cluster.addresses:
        try:
            socket.create_connection(address, timeout=min(10.0, cluster.patience.total_seconds())).close()
            return
        except OSError as error:
            reason = error
    raise _unavailable(f"the Spark master {cluster.master} can't be reached: {reason}") from reason


def _unavailable(message: str) -> errors.SparkUnavailable:
    return errors.SparkUnavailable(message, hint="check [spark] master, and whether that cluster runs")


class _Started:
    """The driver's process and its session. Spark's Python keeps one of them for a process."""

    def __init__(self, cluster: Cluster, folder: Path, home: Path) -> None:
        self._cluster, self._folder, self._home = cluster, folder, home
        self._gateway: Any = None
        self._session: SparkSession | None = None
        self._late = threading.Event()

    def session(self) -> SparkSession:
        try:
            self._session = self._answered()
            if not self._cluster.is_local:
                self._wait_for_room()
            return self._session
        except errors.NeaptideError:
            raise
        except Exception as error:
            raise self._failure(error) from error

    def _answered(self) -> SparkSession:
        """Begun within the time that the master has: what it then has for us may take as long again."""
        timer = threading.Timer(self._cluster.patience.total_seconds(), self._give_up)
        timer.daemon = True
        timer.start()
        try:
            return self._begun()
        finally:
            timer.cancel()

    def _begun(self) -> SparkSession:
        from pyspark import SparkConf, SparkContext
        from pyspark.java_gateway import launch_gateway
        from pyspark.sql import SparkSession

        conf = SparkConf(loadDefaults=False).setAll(list(self._settings().items()))
        log = (self._folder / "driver.log").open("wb")
        with _environment(self._home), log:
            self._gateway = launch_gateway(conf, {"stdout": log, "stderr": log})
            SparkContext._ensure_initialized(gateway=self._gateway)
            return SparkSession(SparkContext(conf=conf, gateway=self._gateway))

    def _settings(self) -> dict[str, str]:
        folder = str(self._folder)
        settings = _RULES | {
            "spark.master": self._cluster.master,
            "spark.app.name": "neaptide",
            "spark.driver.memory": f"{max(_LEAST_OF_DRIVER, int(self._cluster.driver_memory[:-1]))}m",
            "spark.executor.memory": self._cluster.memory,
            "spark.local.dir": folder,
            "spark.sql.warehouse.dir": f"{folder}/warehouse",
        }
        if self._cluster.is_local or all(host in _ALONE for host, _ in self._cluster.addresses):
            settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        return settings

    def _wait_for_room(self) -> None:
        """Until a worker has given an executor. Spark would wait for one without an end."""
        assert self._session is not None
        tracker = self._session.sparkContext._jsc.sc().statusTracker()
        end = time.monotonic() + self._cluster.patience.total_seconds()
        while len(tracker.getExecutorInfos()) < 2:
            if time.monotonic() > end:
                memory = self._cluster.memory
                raise _unavailable(f"no worker of {self._cluster.master} has a core and {memory} of memory to spare")
            time.sleep(_PAUSE)

    def _give_up(self) -> None:
        """End the driver while somebody waits for its cluster."""
        self._late.set()
        self._kill()

    def _failure(self, error: Exception) -> errors.NeaptideError:
        if self._late.is_set():
            seconds = self._cluster.patience.total_seconds()
            return _unavailable(f"{self._cluster.master} did not answer within {seconds:g} s as a Spark master does")
        return _unavailable(f"Spark can't be started on {self._cluster.master}: {first_line(error)}")

    def end(self) -> None:
        """Give the executors back, and end the driver."""
        from pyspark import SparkContext

        if self._session is not None and not self._late.is_set():
            with suppress(Exception):
                self._session.stop()
        if self._gateway is not None:
            with suppress(Exception):
                self._gateway.shutdown()
            self._kill()
        SparkContext._gateway = SparkContext._jvm = None
        SparkContext._active_spark_context = None

    def _kill(self) -> None:
        process = getattr(self._gateway, "proc", None)
        if process is None:
            return
        if process.stdin is not None:
            # The driver ends with its input.
            with suppress(OSError):
                process.stdin.close()
        with suppress(Exception):
            process.wait(0 if self._late.is_set() else 5)
        if process.poll() is None:
            process.kill()
            process.wait()


@contextmanager
def _environment(home: Path) -> Iterator[None]:
    """The environment of the driver while it starts: of this Spark, and without what may hold a password."""
    environment = dict(os.environ)
    for name in environment:
        if name.startswith(_HIDDEN) or name in ("PYSPARK_SUBMIT_ARGS", "SPARK_REMOTE", "SPARK_CONNECT_MODE"):
            del os.environ[name]
    os.environ["SPARK_HOME"] = str(home)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)


def first_line(error: BaseException) -> str:
    """What an error of Spark's says, without Java's traces."""
    text = str(getattr(error, "_desc", None) or getattr(error, "java_exception", None) or error).strip()
    return _CLASS.sub("", text.split("\n")[0]) or type(error).__name__
