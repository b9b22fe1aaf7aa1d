"""`track --print`: one visit of whoever owns the tables, with psql, after which a role that may only read can sync."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.support.cli import Cli
from tests.support.cluster import Cluster

MADE = """
CREATE SCHEMA "S p";
ALTER SCHEMA "S p" OWNER TO {owner};
GRANT CREATE ON DATABASE {database} TO {owner};
SET ROLE {owner};
CREATE TABLE "S p"."T""x -- y" (id int PRIMARY KEY, v text);
INSERT INTO "S p"."T""x -- y" SELECT g, 'v' FROM generate_series(1, 50) g;
CREATE TABLE "S p".seen (a int, b text);
INSERT INTO "S p".seen VALUES (1, 'x');
"""
CONFIG = """
[source]
url = "{url}"
[[tables]]
name = '"S p"."T""x -- y"'
watermark = "xid"
[[tables]]
name = '"S p".seen'
watermark = "none"
"""


@dataclass
class Place:
    """A database of an owner who is no superuser, a role that may nothing yet, and the reader's command line."""

    cli: Cli
    owner: str
    reader: str
    psql: Path
    super: str

    @property
    def reading(self) -> str:
        return self.reader.split("//")[1].split(":")[0]

    def visit(self, text: str) -> subprocess.CompletedProcess[str]:
        """The owner, with psql and nothing else."""
        file = self.cli.folder / "visit.sql"
        file.write_text(text)
        command = [self.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.owner, "-f", file]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def place(postgres: Cluster, empty_db: str, tmp_path: Path) -> Iterator[Place]:
    database = empty_db.rsplit("/", 1)[1]
    owner, reader = f"o_{database[2:14]}", f"r_{database[2:14]}"
    urls = [re.sub("//[^@]+@", f"//{role}:word@", empty_db) for role in (owner, reader)]
    with psycopg.connect(empty_db, autocommit=True) as conn:
        for role in (owner, reader):
            conn.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'word'".encode())
        conn.execute(MADE.format(owner=owner, database=database).encode())
        (tmp_path / "config.toml").write_text(CONFIG.format(url=urls[1]))
        yield Place(Cli(tmp_path), *urls, postgres.bin("psql"), empty_db)
        conn.execute(f"RESET ROLE; DROP OWNED BY {owner}, {reader} CASCADE; DROP ROLE {owner}, {reader}".encode())


def test_after_one_visit_the_reader_syncs(place: Place) -> None:
    assert "may not" in place.cli("sync").err
    refused = place.cli("track")
    assert refused.code == 1
    for role in ([], ["--role", place.reading]):
        printed = place.cli("track", "--print", *role).ok().out
        assert f'GRANT SELECT ON TABLE "S p"."seen" TO "{place.reading}";' in printed
    assert all(line.startswith("--") for line in printed.splitlines()[:4])
    assert '": what notes each written row, and the keys of deleted ones.' in printed
    done = place.visit(printed)
    assert (done.returncode, done.stdout, "ERROR" in done.stderr) == (0, "", False)
    assert place.cli("sync", "--dry-run").code == 0
    place.cli("sync").ok()
    with psycopg.connect(place.owner) as conn:
        conn.execute('DELETE FROM "S p"."T""x -- y" WHERE id = 1; UPDATE "S p"."T""x -- y" SET v = \'w\' WHERE id = 2')
    assert {one["action"] for one in place.cli("sync", "--json").ok().json["tables"]} == {"delta"}
    assert place.cli("verify", "--json").ok().json["equal"]
    # A second visit has nothing to do.
    assert "in place" in place.cli("track", "--print", "--role", place.reading).ok().out
    untracked = place.visit(place.cli("untrack", "--print").ok().out)
    assert untracked.returncode == 0, untracked.stderr
    assert "neaptide track" in " ".join(place.cli("sync").out.split())


def test_whoever_may_not_track_is_told_of_print(place: Place) -> None:
    with psycopg.connect(place.owner) as conn:
        conn.execute(f'GRANT USAGE ON SCHEMA "S p" TO {place.reading}'.encode())
        conn.execute(f'GRANT SELECT ON ALL TABLES IN SCHEMA "S p" TO {place.reading}'.encode())
    told = place.cli("track").err
    assert "may not" in told
    assert "neaptide track --print" in told


def test_a_group_may_be_granted_what_its_members_need(place: Place) -> None:
    group = f"g_{place.reading[2:]}"
    with psycopg.connect(place.super, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {group}".encode())
        try:
            printed = place.cli("track", "--print", "--role", group).ok().out
            assert f'-- {group} can\'t log in: who syncs has to be a member. GRANT "{group}" TO …;' in printed
            assert f'GRANT SELECT ON TABLE "S p"."seen" TO "{group}";' in printed
            done = place.visit(printed)
            assert (done.returncode, "ERROR" in done.stderr) == (0, False)
            conn.execute(f"GRANT {group} TO {place.reading}".encode())
            place.cli("sync").ok()
        finally:
            conn.execute(f"DROP OWNED BY {group}; DROP ROLE {group}".encode())


def test_a_role_that_is_not_there_is_no_role(place: Place) -> None:
    done = place.cli("track", "--print", "--role", place.reading[:-1])
    assert done.code == 2
    assert f"did you mean {place.reading}" in done.err
    assert place.cli("track", "--role", place.reading).code == 2
