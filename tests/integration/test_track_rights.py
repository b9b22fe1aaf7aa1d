"""`track` gives nobody more than they had: by what lies in its schema, by names, types and functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from app import errors
from jobs.tracking import install, visit
from tests.support.syncing import Lab

OWNER_TABLE = "CREATE TABLE own.item (id int PRIMARY KEY, name text)"


@pytest.fixture
def owner(empty_db: str) -> Iterator[str]:
    """The URL of a role that owns the schema `own`, and may make schemas of its own."""
    name = f"owner_{uuid4().hex[:12]}"
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'o'".encode())
        conn.execute(f"CREATE SCHEMA own AUTHORIZATION {name}".encode())
        conn.execute(f"GRANT CREATE ON DATABASE {empty_db.rsplit('/', 1)[1]} TO {name}".encode())
    yield f"postgresql://{name}:o@{empty_db.rsplit('@', 1)[1]}"
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute(f"DROP OWNED BY {name} CASCADE".encode())
        conn.execute(f"DROP ROLE {name}".encode())


@pytest.fixture
def lab(empty_db: str, owner: str, tmp_path: Path) -> Lab:
    """Of a superuser; the table is somebody else's."""
    found = Lab(empty_db, tmp_path, [{"name": "own.item", "watermark": "xid"}])
    Lab(owner, tmp_path, []).run(OWNER_TABLE, "INSERT INTO own.item SELECT g, 'n' FROM generate_series(1, 9) AS g")
    return found


def by(lab: Lab, url: str) -> Lab:
    return replace(lab, url=url)


def role_of(url: str) -> str:
    return url.split("//")[1].split(":", maxsplit=1)[0]


def test_a_superuser_is_warned_and_the_owner_is_enough(lab: Lab, owner: str) -> None:
    said: list[str] = []
    install.track(by(lab, owner).job, [], warn=said.append)
    assert said == []
    by(lab, owner).sync()
    lab.run("DROP SCHEMA neaptide CASCADE")
    install.track(lab.job, [], warn=said.append)
    assert len(said) == 1
    assert role_of(owner) in said[0]


SPY = (
    "CREATE TABLE own.seen (who text)",
    "GRANT ALL ON own.seen TO PUBLIC",
    "CREATE TYPE own.kind AS ENUM ('a', 'b', 'c')",
    "CREATE FUNCTION own.spy_json(own.kind) RETURNS json LANGUAGE plpgsql AS"
    " $$ BEGIN INSERT INTO own.seen VALUES (current_user); RETURN '1'; END $$",
    "CREATE FUNCTION own.spy_text(own.kind) RETURNS text LANGUAGE plpgsql AS"
    " $$ BEGIN INSERT INTO own.seen VALUES (current_user); RETURN 'a'; END $$",
)
CASTS = (
    "CREATE CAST (own.kind AS json) WITH FUNCTION own.spy_json(own.kind)",
    "CREATE CAST (own.kind AS text) WITH FUNCTION own.spy_text(own.kind) AS ASSIGNMENT",
)


@pytest.mark.parametrize(
    ("columns", "later"),
    [
        ("(id own.kind PRIMARY KEY, name text)", ()),
        ("(id own.kind PRIMARY KEY, name text) PARTITION BY LIST (id)", ()),
        ("(id text PRIMARY KEY, name text)", ("ALTER TABLE own.item ALTER COLUMN id TYPE own.kind USING 'a'",)),
    ],
)
def test_no_cast_of_the_owners_runs_with_the_rights_of_whoever_tracked(
    lab: Lab, owner: str, columns: str, later: tuple[str, ...]
) -> None:
    """One that is there before is refused; these come after `track`."""
    mine = by(lab, owner)
    mine.run("DROP TABLE own.item", *SPY, f"CREATE TABLE own.item {columns}")
    if "PARTITION" in columns:
        mine.run("CREATE TABLE own.part PARTITION OF own.item DEFAULT")
    lab.track()
    mine.run(*later, *CASTS)
    mine.run("INSERT INTO own.item VALUES ('a'), ('b')", "UPDATE own.item SET id = 'c' WHERE id = 'a'")
    mine.run("DELETE FROM own.item WHERE id = 'b'")
    with lab.connect() as conn:
        assert conn.execute("SELECT who FROM own.seen").fetchall() == []
        rows = conn.execute("SELECT key FROM neaptide.tombstone ORDER BY key").fetchall()
    assert rows == [(["a"],), (["b"],)]


HOSTILE = {
    "schema": ("CREATE SCHEMA neaptide",),
    "table": ("CREATE TABLE neaptide.tombstone (relid oid, key jsonb, xid xid8, deleted_at timestamptz)",),
    "function": ("CREATE FUNCTION neaptide.row_5() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",),
    "type": ("CREATE DOMAIN neaptide.jsonb AS text",),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_what_another_role_put_into_the_schema_is_refused(lab: Lab, owner: str, name: str) -> None:
    role = role_of(owner)
    if name != "schema":
        lab.run("CREATE SCHEMA neaptide", f"GRANT CREATE, USAGE ON SCHEMA neaptide TO {role}")
    by(lab, owner).run(*HOSTILE[name])
    for statement in ("SELECT 1", f"REVOKE CREATE ON SCHEMA neaptide FROM {role}"):
        lab.run(statement)
        for attempt in (lab.track, lambda: visit.script(lab.job, [])):
            with pytest.raises(errors.NotTracked, match=role):
                attempt()
    lab.run("DROP SCHEMA neaptide CASCADE")
    lab.track()
    lab.sync()


@pytest.mark.parametrize(
    "damage",
    [
        "CREATE TRIGGER t AFTER INSERT ON neaptide.tombstone FOR EACH ROW EXECUTE FUNCTION keep()",
        "CREATE RULE r AS ON INSERT TO neaptide.purge DO ALSO SELECT 1",
        "GRANT CREATE ON SCHEMA neaptide TO PUBLIC",
        "ALTER TABLE neaptide.tombstone OWNER TO {role}",
    ],
)
def test_what_was_added_to_the_schema_later_is_refused(lab: Lab, owner: str, damage: str) -> None:
    lab.run("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$")
    lab.track()
    assert install.track(lab.job, []) == []
    lab.run(damage.format(role=role_of(owner)))
    with pytest.raises(errors.NotTracked, match="hands of"):
        lab.track()


EVIL = "a$$; $neaptide$; '\";DROP TABLE own.kept; --"


def test_names_end_no_statement(lab: Lab) -> None:
    quoted = '"' + EVIL.replace('"', '""') + '"'
    lab.run(
        "CREATE TABLE own.kept ()",
        f'CREATE TABLE own.{quoted} ({quoted} int PRIMARY KEY, "updated_at\'$$" timestamptz)',
    )
    lab.specs[:] = [{"name": f"own.{quoted}", "stamp": "updated_at'$$"}]
    with lab.connect() as conn:
        conn.execute(visit.script(lab.job, []).encode())
        assert conn.execute("SELECT to_regclass('own.kept')::text").fetchone() == ("own.kept",)
    assert install.track(lab.job, []) == []
    lab.run(f"INSERT INTO own.{quoted} VALUES (1), (2)")
    lab.sync()
    lab.run(f"DELETE FROM own.{quoted} WHERE {quoted} = 1")
    assert lab.sync().tables[0].rows_out == 1


@pytest.mark.parametrize("char", ["\n", "\x1b", "\r", "\u202e", "\u2028"])
def test_a_name_that_steers_the_terminal_is_not_printed(lab: Lab, char: str) -> None:
    lab.run(f'ALTER TABLE own.item RENAME COLUMN id TO "i{char}d"')
    with pytest.raises(errors.NotTracked, match="control character") as caught:
        visit.script(lab.job, [])
    assert char not in caught.value.message
    lab.track()
    lab.sync()


def test_a_name_does_not_decide_how_a_statement_is_run(lab: Lab) -> None:
    lab.run('CREATE TABLE own."CREATE INDEX CONCURRENTLY" (id int PRIMARY KEY)')
    lab.specs[:] = [{"name": "own.CREATE INDEX CONCURRENTLY", "watermark": "xid"}]
    lines = visit.script(lab.job, []).splitlines()
    assert lines[-1] == "COMMIT;"
    with lab.connect(autocommit=False) as other:
        other.execute('LOCK TABLE own."CREATE INDEX CONCURRENTLY" IN ROW EXCLUSIVE MODE')
        with pytest.raises(errors.SourceTimeout):
            lab.track()
    with lab.connect() as conn:
        assert conn.execute("SELECT to_regnamespace('neaptide')").fetchone() == (None,)


@pytest.mark.parametrize("parted", ["", "PARTITION BY LIST (id)"])
def test_a_reader_forges_no_record(lab: Lab, owner: str, parted: str) -> None:
    lab.run(f"CREATE TABLE public.item (id int PRIMARY KEY, name text) {parted}")
    lab.specs[:] = [{"name": "public.item", "watermark": "xid"}]
    lab.track()
    reader = by(lab, owner)
    lab.run(f"GRANT SELECT ON public.item TO {role_of(owner)}", f"GRANT USAGE ON SCHEMA neaptide TO {role_of(owner)}")
    with lab.connect() as conn:
        rows = conn.execute("SELECT proname, tgtype FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
                            " WHERE tgrelid = 'public.item'::regclass").fetchall()  # fmt: skip
    assert len(rows) == 3
    reader.run("CREATE TABLE own.forged (id text, name text)", "INSERT INTO own.forged VALUES ('no number')")
    for place, (function, kind) in enumerate(rows):
        when = {8: "DELETE", 16: "UPDATE", 32: "TRUNCATE"}[kind & 56]
        before = "BEFORE" if kind & 2 else "AFTER"
        each = "ROW" if kind & 1 else "STATEMENT"
        table = "REFERENCING OLD TABLE AS gone" if (kind & 57) == 8 else ""
        statement = (
            f"CREATE TRIGGER t{place} {before} {when} ON own.forged {table} FOR EACH {each} EXECUTE FUNCTION"
            f" neaptide.{function}()"
        )
        # Nobody but the owner of a partitioned table adds partitions, but that may be anybody by then.
        if parted and kind & 1:
            reader.run(statement)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.run(statement)
            lab.run(statement)
    reader.run("UPDATE own.forged SET id = 'nor this'", "DELETE FROM own.forged", "TRUNCATE own.forged")
    with lab.connect() as conn:
        assert conn.execute("SELECT * FROM neaptide.tombstone").fetchall() == []


def test_no_login_keeps_track_waiting_and_who_does_is_named(lab: Lab, owner: str) -> None:
    lab.track()
    lab.run("ALTER TABLE own.item DISABLE TRIGGER USER")
    with by(lab, owner).connect() as other, lab.connect(autocommit=False) as holder:
        other.execute("SELECT pg_advisory_lock(hashtext('neaptide track'))")
        lab.track()
        with pytest.raises(psycopg.errors.InsufficientPrivilege), other.transaction():
            other.execute("LOCK TABLE neaptide.tombstone IN SHARE UPDATE EXCLUSIVE MODE")
        holder.execute("LOCK TABLE neaptide.tombstone IN SHARE UPDATE EXCLUSIVE MODE")
        lab.run("DELETE FROM own.item WHERE id = 1")
        with pytest.raises(errors.SourceTimeout, match=f"process {holder.info.backend_pid} of the role"):
            lab.track()


def test_every_function_has_its_own_search_path_or_only_its_writers_rights(lab: Lab) -> None:
    lab.specs.append({"name": "own.item2", "deletes": "compare"})
    lab.run("CREATE TABLE own.item2 (id int PRIMARY KEY)")
    lab.track()
    with lab.connect() as conn:
        found = conn.execute(
            "SELECT prosecdef, proconfig IS NOT NULL FROM pg_proc WHERE pronamespace = 'neaptide'::regnamespace"
        ).fetchall()
    assert sorted(found) == [(False, False), (True, True), (True, True), (True, True)]


def test_the_roles_own_search_path_decides_nothing(lab: Lab, owner: str) -> None:
    mine = by(lab, owner)
    mine.run(
        "CREATE FUNCTION own.now() RETURNS timestamptz LANGUAGE sql RETURN timestamptz '2001-01-01'",
        "CREATE DOMAIN own.timestamptz AS text",
    )
    mine.specs[:] = [{"name": "own.item"}]
    lab.run(f"ALTER ROLE {role_of(owner)} SET search_path = own, pg_catalog")
    with mine.connect() as conn:
        conn.execute(visit.script(mine.job, []).encode())
        row = conn.execute("SELECT updated_at > '2020-01-01'::pg_catalog.timestamptz FROM own.item LIMIT 1").fetchone()
    assert row == (True,)
    mine.sync()


def test_a_copy_of_a_tables_definition_keeps_its_columns(lab: Lab) -> None:
    lab.track()
    lab.run("CREATE TABLE own.copy (LIKE own.item INCLUDING ALL)")
    install.untrack(lab.job, [])
    with lab.connect() as conn:
        rows = conn.execute("SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = 'sync_xid'").fetchall()
    assert ("own.copy",) in rows
    assert ("own.item",) not in rows
