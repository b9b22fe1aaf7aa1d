"""No way for a connection to fail, and no command that meets it, shows a secret, also not in a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import duckdb
import psycopg
import pytest
from psycopg import conninfo, sql

from app import errors, maskkey
from jobs.engine import failures
from jobs.job import Job
from jobs.run import sync
from tests.support.cli import Cli
from tests.support.daemons import running
from tests.support.proxy import Proxy
from tests.support.syncing import Lab

PASSWORD = "p'q\\ 100%@:/?#ä"
KEY = "a mask key with 'quotes' and \\ in it"
TOKEN = "token-that-nobody-may-see"
PADS = maskkey.pads(KEY)
SHOWN = (
    PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), PASSWORD[:8], PASSWORD[-7:], quote(PASSWORD[-7:], safe=""),
    KEY, KEY[:15], TOKEN, PADS[:128], PADS[128:],
)  # fmt: skip
COMMANDS = {
    "sync": ("sync", "--full"), "dry run": ("sync", "--dry-run"), "verify": ("verify",), "status": ("status",),
    "track": ("track", "--print"), "live": ("sql", "SELECT 1"), "url": ("db", "url"),
}  # fmt: skip


@dataclass
class Place:
    """A role with a password that needs escapes everywhere, its own table, and a config."""

    lab: Lab
    role: str
    url: str

    def written(self, url: str) -> Cli:
        """The command line for this URL of the source."""
        (self.lab.folder / "config.toml").write_text(
            f'[source]\nurl = "{url}"\nconnect_timeout = "2s"\n[target]\npath = "reporting.duckdb"\n'
            f'[sync]\nmask_key = """{KEY}"""\n[http]\nlisten = "127.0.0.1:0"\ntoken = "{TOKEN}"\n'
            '[[tables]]\nname = "public.person"\nwatermark = "none"\nmask = { name = "hash" }\n'.replace("\\", "\\\\"),
            encoding="utf-8",
        )
        return Cli(self.lab.folder)

    def at(self, **parts: str) -> str:
        """The role's URL with other parts."""
        found = {**{"user": self.role, "password": PASSWORD}, **self.parts(), **parts}
        return (
            f"postgresql://{found['user']}:{quote(found['password'], safe='')}@{found['host']}:{found['port']}/"
            f"{found['dbname']}"
        )

    def parts(self) -> dict[str, str]:
        given = conninfo.conninfo_to_dict(self.lab.url)
        return {name: str(given[name]) for name in ("host", "port", "dbname")}


@pytest.fixture
def place(empty_db: str, tmp_path: Path) -> Iterator[Place]:
    role = f"reader_{uuid4().hex}"
    found = Place(Lab(empty_db, tmp_path, [{"name": "public.person"}]), role, "")
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD)))
        conn.execute("CREATE TABLE person (id int PRIMARY KEY, name text); INSERT INTO person VALUES (1, 'x')")
        conn.execute(sql.SQL("GRANT SELECT ON person TO {}").format(sql.Identifier(role)))
        yield found
        conn.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


@contextmanager
def few_connections(place: Place, count: int = 1) -> Iterator[None]:
    """The server takes the first connections, a run's own for one, and refuses DuckDB's."""
    with place.lab.connect() as conn:
        conn.execute(f"ALTER ROLE {place.role} CONNECTION LIMIT {count}".encode())
        yield
        conn.execute(f"ALTER ROLE {place.role} CONNECTION LIMIT -1".encode())


FAILURES: dict[str, Callable[[Place], tuple[str, AbstractContextManager[object]]]] = {
    "nobody listens": lambda place: (place.at(port="1"), nullcontext()),
    "no such host": lambda place: (place.at(host="nowhere.invalid"), nullcontext()),
    "wrong password": lambda place: (place.at(password=f"{PASSWORD}x"), nullcontext()),
    "no such database": lambda place: (place.at(dbname="nothing"), nullcontext()),
    "no such role": lambda place: (place.at(user="nobody"), nullcontext()),
    "no TLS": lambda place: (place.at() + "?sslmode=require&sslpassword=" + quote(PASSWORD, safe=""), nullcontext()),
    "an option that libpq doesn't know": lambda place: (place.at() + "?pasword=x", nullcontext()),
    # All but the password itself stands in DuckDB's message.
    "DuckDB's connection is refused": lambda place: (
        place.at() + "?sslpassword=" + quote(PASSWORD, safe=""),
        few_connections(place),
    ),
}


def check(output: str) -> None:
    """Nothing of it is a secret."""
    shown = [secret for secret in SHOWN if secret in output]
    assert not shown, output


@pytest.mark.parametrize("failure", FAILURES)
def test_no_output_of_a_failing_connection_shows_a_secret(place: Place, failure: str) -> None:
    url, failing = FAILURES[failure](place)
    neaptide = place.written(url)
    failed = 0
    with failing:
        for command in COMMANDS.values():
            done = neaptide("--verbose", *command, *(["--live"] if command[0] == "sql" else []))
            failed += done.code != 0
            check(done.out + done.err)
        done = neaptide("--verbose", "init", "--url", url, "-o", str(place.lab.folder / "new.toml"))
        check(done.out + done.err)
    assert failed > 3 or failure.startswith("DuckDB")
    assert failed > 1


@pytest.mark.parametrize("fault", ["drop", "reset"])
def test_only_duckdb_s_session_fails_and_its_error_shows_no_secret(place: Place, fault: str) -> None:
    """The control session connects: it is DuckDB's own words that are to be cleaned."""
    with Proxy(place.lab.url, fault=fault, skip=1) as proxy:
        port = str(conninfo.conninfo_to_dict(proxy.through)["port"])
        done = place.written(place.at(port=port))("--verbose", "sync")
        assert done.code == 1
        assert "IOException" in done.err or "duckdb" in done.err
        check(done.out + done.err)
        job = Job(place.lab.job.settings, place.at(port=port))
        with pytest.raises(errors.SourceUnavailable) as caught:
            sync.sync_once(job)
    check(f"{caught.value}{caught.value.hint}")


def test_duckdb_s_words_for_a_refused_connection_are_cleaned() -> None:
    """They quote all that the connection is made with, whatever that is."""
    told = f"Unable to connect to Postgres at \"host=x password='{PASSWORD}' options='-c a={PADS}'\": refused"
    check(str(failures.translate(duckdb.IOException(told))))


def test_the_daemon_s_records_and_the_files_beside_the_target_show_no_secret(place: Place) -> None:
    place.written(place.at())
    for count, action in ((1, "source_unreachable"), (2, "run_failed")):
        with few_connections(place, count), running(place.lab.folder / "config.toml", NEAPTIDE_DEBUG="1") as daemon:
            daemon.saw(action)
            assert len(daemon.records("leading")) == count - 1
            check("".join(daemon.lines))
    for path in place.lab.folder.rglob("*"):
        if path.is_file() and path.name != "config.toml":
            check(path.read_bytes().decode(errors="replace"))
