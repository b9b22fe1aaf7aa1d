"""A PostgreSQL for the tests: a real one, thrown away afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from app.oltp.embedded.server import EmbeddedServer

# Nothing here has to survive a power cut. A kill -9 is survived: commits reach the system's cache.
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    # Of 4096 each login takes 3 ms.
    "scram_iterations": "1",
    "autovacuum_naptime": "1h",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
}
# Half the work of going through the log, as there is little that a checkpoint has to write.
STRATEGY = "STRATEGY file_copy"
_PREFIX = "neaptide-test-"
_ENDED = "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE database = {} AND active"
_FREED = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = {}"


class Cluster:
    """One server with as many databases as the tests ask for."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server
        self._template: str | None = None
        self._admin: psycopg.Connection[Any] | None = None

    def url(self, database: str = "neaptide") -> str:
        return self.server.url(database)

    def bin(self, name: str) -> Path:
        return self.server.bin(name)

    def create_database(self, template: str | None = None) -> str:
        """The URL of a new database: empty, or a copy of the named template."""
        name = f"t_{uuid4().hex}"
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} " + STRATEGY).format(
                sql.Identifier(name), sql.Identifier(template or "template0")
            )
        )
        return self.url(name)

    def drop_database(self, url: str) -> None:
        # A slot keeps its database. Whoever reads from it may take a moment to end.
        name = sql.Literal(url.rsplit("/", 1)[1])
        self._run(sql.SQL(_ENDED).format(name))
        self._run(sql.SQL(_FREED).format(name))
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(url.rsplit("/", 1)[1])))

    def shop_template(self) -> str:
        """The name of the database the shop's migrations ran on, made when first asked for."""
        if self._template is None:
            from app.oltp import migrations

            url = self.create_database()
            migrations.migrate(url)
            self._template = url.rsplit("/", 1)[1]
        return self._template

    def close(self) -> None:
        """End the session that makes databases."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def _run(self, statement: sql.Composed) -> None:
        """In a session that is kept; a test may have restarted the server."""
        try:
            self._session().execute(statement)
        except psycopg.OperationalError:
            self.close()
            self._session().execute(statement)

    def _session(self) -> psycopg.Connection[Any]:
        if self._admin is None or self._admin.closed:
            self._admin = psycopg.connect(self.url("postgres"), autocommit=True)
        return self._admin


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder, with a space in its name, that every account can reach: pytest's own are 0700.

    Root runs PostgreSQL as another account; below a folder it can't reach the server would move elsewhere.
    """
    base = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_place()))
    base.chmod(0o755)
    (base / "owner").write_text(str(os.getpid()))
    folder = base / "with space"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def running(root: Path, **settings: str) -> Iterator[Cluster]:
    """A cluster in `root`, gone at the end; `settings` are server parameters over the fast ones."""
    server = EmbeddedServer(root, settings={**FAST, **settings})
    try:
        server.start()
        quick_logins(server)
        found = Cluster(server)
        yield found
        found.close()
    finally:
        server.remove()


def quick_logins(server: EmbeddedServer) -> None:
    """Set the same password again: its hash was made with more rounds than a test has to wait for."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        password = sql.Literal(connection.info.password)
        connection.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(password))


def _place() -> Path:
    """Memory where there is plenty of it and programs may run in it: creating a server is three times as fast there."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK | os.X_OK):
        return Path(tempfile.gettempdir())
    found = os.statvfs(memory)
    roomy = found.f_bavail * found.f_frsize >= 4 * 2**30 and not found.f_flag & os.ST_NOEXEC
    return memory if roomy else Path(tempfile.gettempdir())


def sweep() -> None:
    """Remove what a run that was killed left behind."""
    for base in _place().glob(f"{_PREFIX}*"):
        if _is_orphan(base):
            # Another worker may sweep the same folder: what it removes under our hands is gone all the same.
            with suppress(OSError):
                for lock in base.rglob("alive"):
                    EmbeddedServer(lock.parent).remove()
            shutil.rmtree(base, ignore_errors=True)


def _is_orphan(base: Path) -> bool:
    try:
        os.kill(int((base / "owner").read_text()), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False
