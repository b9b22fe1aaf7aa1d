"""PostgreSQL's errors as ours, whoever passes them on: psycopg, by class, or DuckDB's extension, by text alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from app import errors, redaction
from jobs.source import logins

# What PostgreSQL says when a session, a transaction or a wait in one took too long; the session is gone then.
_ENDED = ("25P03", "25P04", "57P05")
# libpq's words for a session that ended, as the extension passes them on.
_GONE = (
    "Unable to connect to Postgres", "server closed the connection", "could not receive data from server",
    "could not send data to server", "terminating connection due to", "no connection to the server",
    "Connection reset by peer", "SSL connection has been closed", "SSL SYSCALL error", "connection not open",
    "Broken pipe", "the database system is",
)  # fmt: skip
# What the server says that has not exported the snapshot; in words of its own from version 18 on.
_ELSEWHERE = re.compile(r'invalid snapshot identifier|snapshot "[^"]*" does not exist|snapshot from a different data')
_CONFLICT = "conflict with recovery"
_GRANT = "grant the reading role SELECT on the table"


@contextmanager
def translated() -> Iterator[None]:
    """Driver errors become ours, by what the reader can do about them; the driver's stays chained."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error


def translate(error: psycopg.Error) -> errors.NeaptideError:
    """The error of ours that says what can be done about a driver's error. libpq quotes a URL that it can't read."""
    text = redaction.bare(str(error).strip().split("\n")[0])
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        if "row-level security" in text:
            return errors.AccessDenied(
                f"PostgreSQL: {text}",
                hint="give the reading role BYPASSRLS, or leave the table out: a part is no copy",
            )
        return errors.AccessDenied(f"PostgreSQL: {text}", hint=_GRANT)
    if _CONFLICT in text or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return _standby_error(text)
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return errors.SourceTimeout(f"PostgreSQL: {text}", hint="raise [source] statement_timeout or lock_timeout")
    if error.sqlstate in _ENDED:
        return errors.SourceTimeout(f"PostgreSQL: {text}", hint="look at the timeouts of the role and the server")
    if isinstance(error, psycopg.OperationalError):
        return _connection_error(error, text)
    return errors.NeaptideError(f"PostgreSQL: {text}")


def _standby_error(text: str) -> errors.NeaptideError:
    if _CONFLICT in text:
        return _conflict(text)
    return errors.NotTracked(f"PostgreSQL: {text}", hint="the source is a standby: run this on the primary")


def _connection_error(error: psycopg.OperationalError, text: str) -> errors.NeaptideError:
    everything = str(error)
    refused = logins.refused(everything, text)
    if refused:
        return refused
    if "query_wait_timeout" in everything:
        return errors.SourceUnavailable(
            "the pooler before PostgreSQL has no connection left",
            hint="raise its pool size (pgbouncer: default_pool_size): a run takes up to [source] max_connections of it",
        )
    if "database" in everything and "does not exist" in everything:
        return errors.AccessDenied(f"PostgreSQL: {text}", hint="check the database's name in [source] url")
    return _unreachable(text)


def passed_on(text: str, first: str) -> errors.NeaptideError | None:
    """The error of ours for one of PostgreSQL's in DuckDB's words, of which `first` is shown; or None."""
    if any(sign in text for sign in _GONE):
        return _unreachable(first)
    if _CONFLICT in text:
        return _conflict(first)
    if "ERROR: " in text:
        return _answered(redaction.bare(text.split("ERROR: ", 1)[1].split("\n", maxsplit=1)[0].strip()))
    return cut_short(first) if "canceling statement due to" in text else None


def _answered(text: str) -> errors.NeaptideError:
    """What PostgreSQL answered to a query that DuckDB sent it."""
    if "canceling statement due to" in text:
        return cut_short(text)
    if _ELSEWHERE.search(text):
        return errors.SourceUnavailable(
            "[source] url leads to several servers: the sessions of one run did not reach the same one",
            hint="name a single server, not a list or a load balancer before several",
        )
    if "permission denied" in text:
        return errors.AccessDenied(f"PostgreSQL: {text}", hint=_GRANT)
    return errors.NeaptideError(f"PostgreSQL: {text}")


def cut_short(text: str) -> errors.SourceTimeout:
    """A run that somebody's patience ended."""
    return errors.SourceTimeout(
        f"the run was cut short: {text}", hint="raise [source] statement_timeout or [sync] deadline"
    )


def _unreachable(text: str) -> errors.SourceUnavailable:
    return errors.SourceUnavailable(f"PostgreSQL can't be reached: {text}", hint="check [source] url and the server")


def _conflict(text: str) -> errors.StandbyConflict:
    return errors.StandbyConflict(f"PostgreSQL: {text}", hint=errors.StandbyConflict.advice)
