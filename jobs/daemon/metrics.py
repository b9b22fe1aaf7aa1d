"""The daemon's numbers for Prometheus, made from the board when they are asked for.

Names follow https://prometheus.io/docs/practices/naming/: base units, `_total` for what only grows, `_seconds` and
`_bytes` as suffixes, and moments as Unix times, so that an alert compares `time() - neaptide_as_of_timestamp_seconds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from app import __version__
from jobs.job import Job
from jobs.status import board as health
from jobs.status import loghold
from jobs.status.board import Board
from jobs.targets.file import freshness

STATES = (health.STARTING, health.STANDBY, health.WAITING, health.LEADING, health.STOPPING)


def exposition(job: Job, board: Board) -> Callable[[], str]:
    """A function that writes all numbers in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Numbers(job, board))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry).decode()


class _Numbers(Collector):
    def __init__(self, job: Job, board: Board) -> None:
        self._job = job
        self._board = board

    def collect(self) -> Iterable[Metric]:
        with self._board.changing():
            metrics = [*self._runs(), *self._times(), *self._file(), *self._daemon()]
        return metrics

    def _runs(self) -> Iterable[Metric]:
        board = self._board
        runs = CounterMetricFamily("neaptide_runs", "Runs of the sync, by how they ended.", labels=["result"])
        for result in ("changed", "unchanged", "failed"):
            runs.add_metric([result], board.runs[result])
        yield runs
        rows = CounterMetricFamily(
            "neaptide_rows", "Rows put into and taken out of the file.", labels=["table", "direction"]
        )
        for (table, direction), count in sorted(board.rows.items()):
            rows.add_metric([table, direction], count)
        yield rows
        yield from self._models()
        yield SummaryMetricFamily(
            "neaptide_run_duration_seconds", "How long runs took that did not fail.",
            count_value=board.runs["changed"] + board.runs["unchanged"], sum_value=board.seconds,
        )  # fmt: skip
        phases = SummaryMetricFamily(
            "neaptide_run_phase_duration_seconds", "How long the phases of runs took.", labels=["phase"]
        )
        for phase, seconds in sorted(board.phases.items()):
            phases.add_metric([phase], board.phase_counts[phase], seconds)
        yield phases
        yield CounterMetricFamily("neaptide_wakes", "Commits noticed between scheduled runs.", value=board.wakes)
        yield CounterMetricFamily(
            "neaptide_overlaps", "Runs that became due while another was under way.", value=board.skipped
        )

    def _models(self) -> Iterable[Metric]:
        seconds = CounterMetricFamily(
            "neaptide_model_seconds", "Seconds spent on keeping and building read models.", labels=["model"]
        )
        keys = CounterMetricFamily(
            "neaptide_model_keys", "Keys of read models that were worked out again.", labels=["model"]
        )
        rebuilds = CounterMetricFamily(
            "neaptide_model_rebuilds", "Read models made anew, by why.", labels=["model", "reason"]
        )
        for name, numbers in sorted(self._board.models.items()):
            seconds.add_metric([name], numbers.seconds)
            keys.add_metric([name], numbers.keys)
            for reason, count in sorted(numbers.rebuilds.items()):
                rebuilds.add_metric([name, reason], count)
        yield from (seconds, keys, rebuilds)

    def _times(self) -> Iterable[Metric]:
        board = self._board
        as_of = freshness.as_of(self._job.files)
        if as_of:
            yield _moment("neaptide_as_of", "The moment of the source that the published file shows.", as_of)
            yield GaugeMetricFamily(
                "neaptide_lag_seconds", "How far the published file is behind the source's clock.",
                value=max(0.0, (freshness.now(self._job.files) - as_of).total_seconds()),
            )  # fmt: skip
        yield from self._sources()
        for name, text, moment in (
            ("neaptide_last_success", "When the last good run ended.", board.last_success),
            ("neaptide_last_failure", "When the last failure was met.", board.last_error_at),
            ("neaptide_next_run", "When the schedule will run next.", board.next_run),
        ):
            if moment:
                yield _moment(name, text, moment)
        yield GaugeMetricFamily(
            "neaptide_consecutive_failures", "Failures since the last good run.", value=board.failures_in_a_row
        )

    def _sources(self) -> Iterable[Metric]:
        """How old the tables of each of several sources are."""
        moments = GaugeMetricFamily(
            "neaptide_source_as_of_timestamp_seconds", "The moment that a source's tables show.", labels=["source"]
        )
        lags = GaugeMetricFamily(
            "neaptide_source_lag_seconds", "How far a source's tables are behind its clock.", labels=["source"]
        )
        said = freshness.sources(self._job.files) if self._job.parts else {}
        for name, one in sorted(said.items()):
            as_of = datetime.fromisoformat(one["as_of"])
            moments.add_metric([name], as_of.timestamp())
            lags.add_metric([name], max(0.0, (freshness.now(self._job.files, name) - as_of).total_seconds()))
        yield from (moments, lags) if said else ()

    def _file(self) -> Iterable[Metric]:
        files = self._job.files
        sizes = GaugeMetricFamily("neaptide_file_size_bytes", "Size of the two reporting files.", labels=["file"])
        for name, path in (("published", files.published), ("spare", files.spare)):
            with suppress(OSError):
                if path is not None:
                    sizes.add_metric([name], path.stat().st_size)
        yield sizes
        yield from self._log()

    def _log(self) -> Iterable[Metric]:
        labels = ["source"] if self._job.parts else []
        held = GaugeMetricFamily(
            "neaptide_log_held_bytes", "What the server holds of its log for this target's slot.", labels=labels
        )
        lost = GaugeMetricFamily(
            "neaptide_log_lost", "1 while nothing can be read from this target's slot.", labels=labels
        )
        logs = loghold.each(self._job)
        for name, log in logs.items():
            held.add_metric([name][: len(labels)], log["held"])
            lost.add_metric([name][: len(labels)], loghold.is_lost(log))
        yield from (held, lost) if logs else ()

    def _daemon(self) -> Iterable[Metric]:
        state = GaugeMetricFamily("neaptide_state", "1 for the state the daemon is in.", labels=["state"])
        for name in STATES:
            state.add_metric([name], float(self._board.state == name))
        yield state
        yield GaugeMetricFamily(
            "neaptide_source_connections", "Open connections to PostgreSQL.", value=_connections(self._job)
        )
        build = GaugeMetricFamily("neaptide_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build


def _moment(name: str, text: str, moment: datetime) -> Metric:
    return GaugeMetricFamily(f"{name}_timestamp_seconds", text, value=moment.timestamp())


def _connections(job: Job) -> int:
    """Sockets of this process, less those of the HTTP server itself."""
    count = 0
    for path in Path("/dev/fd").iterdir():
        with suppress(OSError):
            count += str(path.readlink()).startswith("socket:")
    return count if job.settings.http.listen is None else max(0, count - 2)
