"""The connection to the shop's PostgreSQL."""

from __future__ import annotations

import contextlib
import re
from datetime import timedelta

import psycopg
from sqlalchemy import Engine, create_engine

from app import errors, statements

DEFAULT_TIMEOUT = timedelta(seconds=10)
_DENIED = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|permission denied|is not permitted to log in"
)
_MALFORMED = re.compile(r"invalid (?:integer value|port number|\w+ value|URI query parameter|connection option)")
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist')


def create(url: str, *, connect_timeout: timedelta = DEFAULT_TIMEOUT) -> Engine:
    """An engine for a libpq URL; nothing connects yet.

    The driver reads the URL itself, so whatever libpq understands (sockets, several hosts, services) works. Using
    the engine raises `errors.SourceUnavailable` or `errors.AccessDenied` where no connection comes about.
    """
    return create_engine(
        "postgresql+psycopg://", creator=lambda: connect(url, connect_timeout), pool_size=2, pool_pre_ping=True
    )


def connect(url: str, connect_timeout: timedelta = DEFAULT_TIMEOUT) -> psycopg.Connection:
    """One driver connection, in UTC. Raises `errors.SourceUnavailable`, `errors.AccessDenied`, no password in it."""
    seconds = max(1, round(connect_timeout.total_seconds()))
    try:
        connection = psycopg.connect(url, connect_timeout=seconds, application_name="neaptide")
        connection.execute(statements.get("shop/session", "in_utc").encode())
        connection.commit()
    except psycopg.Error as error:
        # Not chained: the driver's own message may quote the URL, and with it the password.
        raise _refused(error, url) from None
    return connection


def _refused(error: psycopg.Error, url: str) -> errors.NeaptideError:
    text = _without_password(str(error), url)
    if _DENIED.search(text):
        return errors.AccessDenied(
            f"PostgreSQL refused the login: {text}", hint="check user and password in [source] url or in ~/.pgpass"
        )
    if isinstance(error, psycopg.ProgrammingError) or _MALFORMED.search(text):
        return errors.ConfigError(f"the url is malformed: {text}", hint="postgresql://user@host:5432/database")
    if _NO_DATABASE.search(text):
        return errors.SourceUnavailable(text, hint="create the database with createdb, or name another in [source] url")
    return errors.SourceUnavailable(
        f"PostgreSQL can't be reached: {text}",
        hint="is the server up? An embedded one starts with: neaptide db start",
    )


def _without_password(text: str, url: str) -> str:
    """The driver's first words, the password taken out wherever it stands."""
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "***")
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"


def _secrets(url: str) -> set[str]:
    """The password as it stands in the URL, and as the driver reads it."""
    passwords = {match for match in re.findall(r"//[^/@]*?:(.*)@|password=([^&\s]*)", url) for match in match if match}
    with contextlib.suppress(psycopg.Error):
        passwords.add(str(psycopg.conninfo.conninfo_to_dict(url).get("password") or ""))
    return passwords - {""}
