"""The shop's schema, brought up to date with alembic: `migrate(url)`.

Each migration runs blocks of `sql/shop/`. All of them run in one transaction under an advisory lock, so two
processes at once take turns, and a migration that fails leaves nothing behind.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from app import statements
from app.oltp import engine, violations
from app.oltp.tables import SCHEMA

LOCK = 7_310_294_085_523_017  # any number that no other program locks


def migrate(url: str) -> None:
    """Bring the schema `shop` to the newest version; nothing happens where it is.

    Raises `errors.SourceUnavailable` or `errors.AccessDenied`.
    """
    created = engine.create(url)
    try:
        with violations.translated(), created.begin() as connection:
            upgrade(connection)
    finally:
        created.dispose()


def upgrade(connection: Connection) -> None:
    """`migrate` in a transaction of the caller's."""
    # Held to the end of the transaction; the next process then finds the work done.
    connection.execute(text(statements.get("shop/session", "lock_migrations")), {"lock": LOCK})
    # alembic keeps its version table in this schema and can't make it. Asked first, because CREATE SCHEMA needs a
    # right on the database even where the schema exists.
    if connection.scalar(text(statements.get("shop/session", "lacks_schema")), {"schema": SCHEMA}):
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    command.upgrade(_config(connection), "head")


def _config(connection: Connection) -> Config:
    config = Config()
    # The parser reads % as the start of a variable, and a folder's name may hold one.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
