"""A stamp says when a row was written, whatever its writer's session has set and whatever else fires."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import errors
from tests.support.cli import Cli
from tests.support.syncing import Lab

COLUMNS = "(id int PRIMARY KEY, name text, updated_at {kind} NOT NULL DEFAULT now())"
FUNCTION = "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql {more} AS $$ {body} $$"
TRIGGER = "CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION touch()"
PLAIN = "BEGIN NEW.updated_at := now(); RETURN NEW; END"
SHADOW = (
    "CREATE SCHEMA over; CREATE FUNCTION over.now() RETURNS timestamptz LANGUAGE sql IMMUTABLE"
    " RETURN timestamptz '2001-01-01'; CREATE FUNCTION over.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
    " IMMUTABLE RETURN timestamptz '2001-01-01'; CREATE FUNCTION over.pg_current_xact_id() RETURNS xid8"
    " LANGUAGE sql IMMUTABLE RETURN xid8 '5'"
)
# What a writer may set; none of it may hide what he writes.
SESSIONS = (
    "SET timezone = 'Asia/Tokyo'",
    "SET timezone = 'UTC+150'",
    "SET timezone = '<utc>-160'",
    "SET search_path = over, pg_catalog, public",
    "SET session_replication_role = replica",
    "SET datestyle = 'SQL, DMY'; SET intervalstyle = sql_standard; SET extra_float_digits = -5",
)


def lab_of(url: str, folder: Path, kind: str = "timestamptz", *statements: str, **spec: str) -> Lab:
    """A hundred rows written long ago, so that only a stamp of now brings one along."""
    lab = Lab(url, folder, [{"name": "public.t", **spec}])
    lab.run(
        f"CREATE TABLE t {COLUMNS.format(kind=kind)}",
        *statements,
        "INSERT INTO t SELECT g, 'n' FROM generate_series(1, 100) AS g",
    )
    return lab


def settled(lab: Lab) -> Lab:
    """Synced twice, so that the floor lies well above the stamps of the rows that are there."""
    lab.run("UPDATE t SET name = 'settled' WHERE id = 1")
    lab.sync()
    lab.run("INSERT INTO t VALUES (1000, 'later')")
    lab.sync()
    return lab


@pytest.mark.few(1)
@pytest.mark.parametrize("deletes", ["tombstone", "compare"])
@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "timestamptz(0)", "xid8"])
def test_no_setting_of_a_session_hides_what_it_writes(empty_db: str, tmp_path: Path, kind: str, deletes: str) -> None:
    lab = lab_of(empty_db, tmp_path, deletes=deletes, **({"watermark": "xid"} if kind == "xid8" else {"kind": kind}))
    lab.run(SHADOW)
    lab.track()
    settled(lab)
    for turn, setting in enumerate(SESSIONS):
        with lab.connect() as writer:
            writer.execute(setting.encode())
            writer.execute("UPDATE public.t SET name = 'x' WHERE id = %s", [20 + turn])
            writer.execute("INSERT INTO public.t VALUES (%s, 'new')", [2000 + turn])
            writer.execute("DELETE FROM public.t WHERE id = %s", [50 + turn])
            writer.execute("UPDATE public.t SET id = id + 5000 WHERE id = %s", [60 + turn])
    assert lab.sync().tables[0].action == "delta"
    lab.assert_equal()


OWN = {
    "of the writer's search_path": ("timestamptz", PLAIN, "", "a"),
    "in another zone": ("timestamptz", PLAIN.replace("now()", "now() AT TIME ZONE 'utc'"), "", "a"),
    "in the session's zone": ("timestamp", PLAIN.replace("now()", "pg_catalog.now()"), "", "a"),
    "in UTC, whatever that is called": ("timestamp", PLAIN.replace("now()", "now() AT TIME ZONE 'utc'"), "", "a"),
    "of whole days": ("timestamptz", PLAIN.replace("now()", "date_trunc('day', CURRENT_TIMESTAMP)"), "", "a"),
    "the one before": ("timestamptz", "BEGIN SELECT OLD.updated_at INTO NEW.updated_at; RETURN NEW; END", "", "zzz"),
    "in a row of another make": (
        "timestamptz", "BEGIN NEW := jsonb_populate_record(OLD, jsonb_build_object('name', NEW.name, 'id', NEW.id));"
        " RETURN NEW; END", "", "zzz",
    ),
    "of a column that sounds alike": (
        "timestamptz", 'BEGIN NEW."Updated_at" := pg_catalog.now(); RETURN NEW; END', "", "a",
    ),
    "within a comment": (
        "timestamptz", "BEGIN /* /* */ NEW.updated_at := pg_catalog.now(); -- */\nRETURN NEW; END", "", "a",
    ),
}  # fmt: skip


@pytest.mark.few(2)
@pytest.mark.parametrize("name", list(OWN))
def test_a_stamp_of_the_owners_that_is_not_certain_is_not_relied_upon(empty_db: str, tmp_path: Path, name: str) -> None:
    kind, body, more, trigger = OWN[name]
    lab = lab_of(
        empty_db, tmp_path, kind,
        'ALTER TABLE t ADD COLUMN "Updated_at" timestamptz',
        FUNCTION.format(body=body, more=more),
    )  # fmt: skip
    lab.run(TRIGGER.format(name=trigger, table="t"), f"ALTER TABLE t ENABLE ALWAYS TRIGGER {trigger}")
    lab.specs[0] |= {"deletes": "compare", "exclude_columns": ["Updated_at"]}
    with pytest.raises(errors.NotTracked):
        lab.sync()
    lab.track()
    settled(lab)
    with lab.connect() as writer:
        writer.execute("SET timezone = 'Asia/Tokyo'")
        writer.execute("UPDATE t SET name = 'x' WHERE id < 10")
    assert lab.sync().tables[0].rows_in >= 9
    assert [row[:2] for row in lab.file_rows("public.t")] == [row[:2] for row in lab.source_rows("public.t")]


CERTAIN = {
    "qualified": (PLAIN.replace("now()", "pg_catalog.clock_timestamp()"), ""),
    "a keyword": (PLAIN.replace("now()", "CURRENT_TIMESTAMP"), ""),
    "with a search_path": (PLAIN, "SET search_path = public"),
    "and of other columns": (
        "BEGIN NEW.name := upper(NEW.name); NEW.updated_at = pg_catalog.now(); RETURN NEW; END",
        "",
    ),
}


@pytest.mark.few(1)
@pytest.mark.parametrize("name", list(CERTAIN))
def test_a_certain_stamp_is_used_as_it_is_once_it_fires_in_every_session(
    empty_db: str, tmp_path: Path, name: str
) -> None:
    body, more = CERTAIN[name]
    lab = lab_of(empty_db, tmp_path, "timestamptz", FUNCTION.format(body=body, more=more), deletes="compare")
    lab.run(TRIGGER.format(name="touch", table="t"))
    with pytest.raises(errors.NotTracked, match=r"touch of public\.t, which stamps updated_at, is not ENABLE ALWAYS"):
        lab.sync()
    lab.run("ALTER TABLE t ENABLE ALWAYS TRIGGER touch")
    settled(lab)
    with lab.connect() as writer:
        writer.execute("SET session_replication_role = replica")
        writer.execute("UPDATE t SET name = 'replicated' WHERE id < 10")
    assert lab.sync().tables[0].action == "delta"
    lab.assert_equal()
    # Ours is not needed, only its index.
    lab.track()
    with lab.connect() as conn:
        assert conn.execute("SELECT tgname FROM pg_trigger WHERE tgconstraint = 0").fetchall() == [("touch",)]
    lab.run("CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW := OLD; RETURN NEW; END $$")
    lab.run("CREATE TRIGGER zzz BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION later()")
    with pytest.raises(errors.NotTracked, match=r"zzz of public\.t fires after updated_at was stamped"):
        lab.sync()


def test_a_stamp_without_a_zone_keeps_the_meaning_that_its_owner_gave_it(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.a"}, {"name": "public.b"}])
    lab.run(
        "CREATE TABLE a (id int PRIMARY KEY, updated_at timestamp DEFAULT now())",
        "CREATE TABLE b (id int PRIMARY KEY, updated_at timestamp DEFAULT (now() AT TIME ZONE 'utc'))",
    )
    lab.track()
    with lab.connect() as writer:
        writer.execute("SET timezone = 'Asia/Tokyo'")
        for table, zone in (("a", "Asia/Tokyo"), ("b", "UTC")):
            writer.execute(f"INSERT INTO {table} VALUES (1)".encode())
            query = f"SELECT abs(extract(epoch FROM (updated_at AT TIME ZONE '{zone}') - now())) < 60 FROM {table}"
            assert writer.execute(query.encode()).fetchone() == (True,)


def test_init_leaves_a_stamp_in_another_zone_alone(cli_of_empty: Cli, empty_db: str, tmp_path: Path) -> None:
    body = PLAIN.replace("now()", "now() AT TIME ZONE 'utc'")
    lab = lab_of(empty_db, tmp_path, "timestamptz", FUNCTION.format(body=body, more=""))
    lab.run(TRIGGER.format(name="touch", table="t"), "ALTER TABLE t ENABLE ALWAYS TRIGGER touch")
    lab.run("INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(2000, 9000) AS g")
    [choice] = cli_of_empty("init", "--track", "--json").ok().json
    assert choice["watermark"] == "xid"


@pytest.fixture
def cli_of_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_db: str) -> Cli:
    monkeypatch.setenv("NEAPTIDE_SOURCE__URL", empty_db)
    return Cli(tmp_path)


def test_a_generated_stamp_is_refused(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.t"}])
    lab.run(
        "CREATE TABLE t (id int PRIMARY KEY, sent timestamptz,"
        " updated_at timestamptz GENERATED ALWAYS AS (sent) STORED)"
    )
    with pytest.raises(errors.NotTracked, match="generated"):
        lab.track()
