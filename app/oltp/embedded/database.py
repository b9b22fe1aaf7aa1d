"""The embedded server's database, and the role that reads it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from app import statements
from app.oltp.embedded import home

DATABASE = "neaptide"
READER = "neaptide_reader"
# The file of the reader's password, beside the owner's.
PASSWORD = "reader"  # noqa: S105  a file's name


def make(connection: psycopg.Connection[Any], root: Path) -> None:
    """Make what is missing of both, as the server's owner; a standby gets them from its primary."""
    given = {"database": DATABASE, "reader": READER}
    row = connection.execute(statements.get("demo/embedded", "made_already"), given).fetchone()
    database, reader, standby = row or (False, False, False)
    if standby:
        return
    if not database:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    if not reader or not (root / PASSWORD).exists():
        _make_reader(connection, root / PASSWORD, there=reader)


def _make_reader(connection: psycopg.Connection[Any], file: Path, *, there: bool) -> None:
    """What owners write runs as the role that reads, where that can't be helped: it is an ordinary one."""
    password = file.read_text(encoding="utf-8").strip() if file.exists() else secrets.token_hex(24)
    home.write(file, password)
    role = sql.Identifier(READER)
    # In the form that the server keeps, so that its log shows nobody the password.
    secret = sql.Literal(connection.pgconn.encrypt_password(password.encode(), READER.encode()).decode())
    verb = sql.SQL("ALTER" if there else "CREATE")
    # Row-level security that hides rows from the role would make every copy fail.
    connection.execute(sql.SQL("{} ROLE {} LOGIN BYPASSRLS PASSWORD {}").format(verb, role, secret))
    connection.execute(sql.SQL("GRANT pg_read_all_data, pg_read_all_stats TO {}").format(role))
