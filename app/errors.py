"""Every error Neaptide raises on purpose, grouped by what the person reading it can do.

The docstring of a class is its default message. Data goes into attributes. `hint` is the next step, printed
on a line of its own. The broken rules of the shop are `app.domain.errors`: the domain imports nothing.
"""

from __future__ import annotations

import copy


class NeaptideError(Exception):
    """Something went wrong."""

    exit_code = 1

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])
        self.hint = hint

    @property
    def message(self) -> str:
        return str(self.args[0])

    def of(self, place: str) -> NeaptideError:
        """The same with the name of where it happened before it."""
        error = copy.copy(self)
        error.args, error.hint = (f"{place}: {self.message}",), self.hint
        return error


# Retry: the same call may work later.


class Retryable(NeaptideError):
    """A passing fault: the same call may work later."""


class SourceUnavailable(Retryable):
    """PostgreSQL can't be reached."""


class SourceTimeout(Retryable):
    """PostgreSQL took longer than the time allowed."""


class BrokerUnavailable(Retryable):
    """The broker can't be reached."""


class CatalogUnavailable(Retryable):
    """The catalog of the lake can't be reached."""


class StoreUnavailable(Retryable):
    """The object store of the lake can't be reached."""


class SparkUnavailable(Retryable):
    """The Spark cluster can't be reached."""


class SnapshotGone(Retryable):
    """The snapshot that was read was cleaned away: open the lake again, or raise [target] retention."""


class StandbyBehind(Retryable):
    """The standby has not replayed yet what the reporting file holds."""


class StandbyConflict(Retryable):
    """The standby had to replay a change that the run's snapshot stood in the way of."""

    advice = "sync again; on the standby, set hot_standby_feedback = on, or a longer max_standby_streaming_delay"


class SchemaMoving(Retryable):
    """The source's schema is being changed at this moment."""


class LockHeld(Retryable):
    """Another run holds the lock."""

    exit_code = 75


class ConcurrencyConflict(Retryable):
    """Somebody else changed this aggregate at the same time."""


class AlertFailed(Retryable):
    """A message could not be handed over."""


class TooStale(Retryable):
    """The reporting file is older than asked for."""


# Fix the configuration or the call.


class ConfigError(NeaptideError):
    """The configuration is wrong."""

    exit_code = 2


class UsageError(NeaptideError):
    """The command was called the wrong way."""

    exit_code = 2


class MissingExtra(UsageError):
    """This needs a package that is not installed."""


class UnknownReport(UsageError):
    """There is no report of that name."""


class BadReport(ConfigError):
    """A report's file can't be read as one."""


class ModelError(ConfigError):
    """A model's file can't be kept as one."""


class BadParameter(UsageError):
    """A report's parameter has the wrong name or type."""


class AccessDenied(NeaptideError):
    """PostgreSQL refused the login or the permission."""


# Fix the data or the source.


class SourceChanged(NeaptideError):
    """The source is not the one this file was made from."""


class Paused(NeaptideError):
    """The table is paused."""


class TooManyDeletes(NeaptideError):
    """More rows are gone from the source than the table's entry allows."""


class NotTracked(NeaptideError):
    """The table lacks what its watermark mode needs."""


class MissingTable(NeaptideError):
    """The table does not exist in the source."""


class UnsupportedValue(NeaptideError):
    """A value can't be kept in the reporting file."""


class SchemaChanged(NeaptideError):
    """The table's definition changed and the config says to stop."""


class TargetUnusable(NeaptideError):
    """The reporting file can't be written."""


class OutOfMemory(TargetUnusable):
    """DuckDB may not take as much memory as it needs."""


class NoReportingFile(NeaptideError):
    """There is no reporting file yet."""


class DiskFull(TargetUnusable):
    """There is no room left on the disk of the reporting file."""


class QueryFailed(NeaptideError):
    """The query failed."""


class QueryTooBig(QueryFailed):
    """The query needs more than it is allowed."""


class NotOnSpark(QueryFailed):
    """Spark can't answer this as DuckDB would."""


# A bug in Neaptide.


class Bug(NeaptideError):
    """This is a bug in Neaptide, please report it."""
