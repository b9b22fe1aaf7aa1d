"""Which columns and rows are copied, under which names, and what the file holds instead of clear values."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from app import config, errors
from jobs.job import Job
from jobs.run import dryrun, sync
from jobs.verify import verify
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

KEY = "a secret of more than sixteen characters"
PEOPLE = """
CREATE TABLE public.person (
    id bigint PRIMARY KEY, email text, phone text, note text, born date, status text NOT NULL DEFAULT 'on',
    amount numeric(8, 2), updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
ROWS = """
INSERT INTO person (id, email, phone, note)
SELECT g, g || '@x.org', '+49 30 ' || g * 1111, 'n' FROM generate_series(1, 6) g
"""


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A table of six persons that nobody has synced yet."""
    found = Lab(empty_db, tmp_path, [{"name": "public.person"}], sync_options={"mask_key": KEY})
    found.run(PEOPLE, ROWS)
    found.track()
    return found


def rows(lab: Lab, query: str) -> list[tuple[Any, ...]]:
    """What the published file answers."""
    with lab.published() as file:
        return file.execute(query).fetchall()


def shown(lab: Lab, table: str = "public.person") -> list[str]:
    """The columns of the file's table."""
    return [row[0] for row in rows(lab, f"DESCRIBE {table}")]


def synced(lab: Lab, **entry: Any) -> list[str]:
    """Sync with this entry, check that both sides agree, and return the file's columns."""
    lab.specs[0] = {"name": "public.person", **entry}
    lab.sync()
    assert verify.verify(lab.job).equal
    return shown(lab, entry.get("rename", "public.person"))


@pytest.mark.each_feed
def test_columns_are_chosen_left_out_and_renamed(lab: Lab) -> None:
    assert synced(lab, columns=["email", "id"]) == ["id", "email"]
    lab.run("UPDATE person SET email = 'new' WHERE id = 1", "DELETE FROM person WHERE id = 2")
    assert synced(lab, columns=["email", "id"]) == ["id", "email"]
    assert rows(lab, "SELECT id, email FROM public.person WHERE id < 4 ORDER BY id") == [(1, "new"), (3, "3@x.org")]
    # The stamp itself need not be copied.
    assert "updated_at" not in synced(lab, exclude_columns=["updated_at", "note"])
    renamed = synced(lab, rename="crm.Contact", rename_columns={"id": "contact id", "email": "Mail"})
    assert renamed[:2] == ["contact id", "Mail"]
    lab.run("UPDATE person SET email = 'newer' WHERE id = 3", "DELETE FROM person WHERE id = 4")
    synced(lab, rename="crm.Contact", rename_columns={"id": "contact id", "email": "Mail"})
    assert rows(lab, 'SELECT "contact id", "Mail" FROM crm.contact WHERE "contact id" IN (3, 4)') == [(3, "newer")]
    # Under its old name it is gone.
    assert rows(lab, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'person'") == [(0,)]
    assert not lab.sync().changed


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "ways",
    [
        {"deletes": "tombstone"},
        {"watermark": "none", "deletes": "ignore"},
        {"deletes": "compare"},
        {"deletes": "ignore"},
        {"watermark": "none", "deletes": "compare"},
        {"feed": "wal", "deletes": "ignore"},
    ],
    ids=lambda ways: "-".join(ways.values()),
)
def test_rows_that_leave_the_filter_leave_the_file(lab: Lab, ways: dict[str, str]) -> None:
    entry = {"where": "status = 'on' AND id < 100 -- only these", "max_delete_share": 1, **ways}
    lab.specs[0] = {"name": "public.person", **entry}
    lab.track()
    synced(lab, **entry)
    lab.run(
        "UPDATE person SET status = 'off' WHERE id IN (1, 2)", "INSERT INTO person (id, status) VALUES (7, 'off')",
        "INSERT INTO person (id) VALUES (8), (100)", "UPDATE person SET note = 'stays' WHERE id = 3",
    )  # fmt: skip
    plan = dryrun.dry_run(lab.job).tables[0]
    assert (plan.rows, plan.deletes) == (2, 2)
    for _ in range(2):
        run = lab.sync()
        assert rows(lab, "SELECT id FROM public.person ORDER BY 1") == [(3,), (4,), (5,), (6,), (8,)]
    assert not run.changed
    lab.run("UPDATE person SET status = 'on' WHERE id IN (2, 7)")
    lab.sync()
    assert rows(lab, "SELECT id FROM public.person ORDER BY 1") == [(2,), (3,), (4,), (5,), (6,), (7,), (8,)]
    assert verify.verify(lab.job).equal
    # Another condition is another table.
    assert synced(lab, **{**entry, "where": "status = 'off'"})
    assert rows(lab, "SELECT id FROM public.person ORDER BY 1") == [(1,)]


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("born > now() - interval '1 year'", "now()"),
        ("born > CURRENT_DATE - 5", "CURRENT_DATE"),
        ("born > 'yesterday'", "'yesterday'"),
        ("random() < 0.5", "random()"),
        ("id IN (SELECT 1)", "other rows"),
        ("email = current_user", "CURRENT_USER"),
        ("nonsense = 1", "nonsense"),
        ("id", "where is no condition"),
        ("true) OR (true", None),
    ],
)
def test_a_condition_that_changes_its_mind_is_refused(lab: Lab, where: str, reason: str | None) -> None:
    lab.specs[0]["where"] = where
    if reason is None:
        lab.sync()
        return
    with pytest.raises(errors.ConfigError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        lab.sync()


@pytest.mark.parametrize(
    "where", ["date_part('year', updated_at) > 2000", "note = 'today' OR note <> ''", "lower(email) LIKE '%x%'"]
)
def test_a_condition_on_the_row_alone_is_taken(lab: Lab, where: str) -> None:
    synced(lab, where=where)
    assert len(rows(lab, "FROM public.person")) == 6


def test_a_condition_on_the_time_is_taken_where_all_is_compared(lab: Lab) -> None:
    synced(lab, where="updated_at > now() - interval '1 hour'", watermark="none")
    assert len(rows(lab, "FROM public.person")) == 6


@pytest.mark.each_feed
def test_masks_are_keyed_and_stay_the_same(lab: Lab) -> None:
    lab.run("INSERT INTO person (id, email, phone) VALUES (9, NULL, '123'), (10, '1@x.org', NULL)")
    mask = {"email": "hash", "phone": "partial", "note": "redact", "born": "null", "amount": "hash"}
    synced(lab, mask=mask)
    expected = hmac.digest(KEY.encode(), b"1@x.org", "sha256").hex()
    first = "SELECT email, phone, note, born FROM public.person WHERE id = 1"
    assert rows(lab, first) == [(expected, "****1111", "***", None)]
    assert rows(lab, "SELECT id, email, phone, note FROM public.person WHERE id > 8 ORDER BY 1") == [
        (9, None, "****", None), (10, expected, None, None),
    ]  # fmt: skip
    lab.run("UPDATE person SET email = 'other' WHERE id = 1")
    synced(lab, mask=mask)
    assert rows(lab, first)[0][0] == hmac.new(KEY.encode(), b"other", hashlib.sha256).hexdigest()
    # Another key makes other values of all rows, and says nothing of itself.
    lab.sync_options["mask_key"] = "k" * 100
    synced(lab, mask=mask)
    assert rows(lab, first)[0][0] == hmac.digest(b"k" * 100, b"other", "sha256").hex()
    assert "k" * 20 not in str(rows(lab, "FROM neaptide.watermarks"))


@pytest.mark.each_feed
def test_a_masked_table_is_read_by_its_changes_and_guarded_like_any_other(lab: Lab) -> None:
    lab.specs[0] |= {"mask": {"email": "hash", "born": "null"}, "deletes": "compare"}
    lab.sync()
    lab.run("UPDATE person SET note = 'changed' WHERE id = 1")
    [run] = lab.sync().tables
    assert (run.action, run.rows_read) == ("delta", 1)
    lab.run("DELETE FROM person WHERE id > 1")
    with pytest.raises(errors.TooManyDeletes, match="5 of 6 rows are gone"):
        lab.sync()


@pytest.mark.each_feed
def test_a_key_may_be_hashed(lab: Lab) -> None:
    lab.run("ALTER TABLE person DROP CONSTRAINT person_pkey, ADD PRIMARY KEY (email)")
    lab.track()
    synced(lab, mask={"email": "hash", "phone": "null", "note": "null", "id": "hash"})
    lab.run("DELETE FROM person WHERE id = 1", "UPDATE person SET email = 'moved' WHERE id = 2")
    synced(lab, mask={"email": "hash", "phone": "null", "note": "null", "id": "hash"})
    assert len(rows(lab, "FROM public.person")) == 5
    for mask in ("null", "redact", "partial"):
        lab.specs[0]["mask"] = {"email": mask}
        with pytest.raises(errors.ConfigError, match="can only be masked"):
            lab.sync()


def test_neither_the_key_nor_a_clear_value_reaches_the_file_the_log_or_an_error(lab: Lab, postgres: Any) -> None:
    lab.run("ALTER DATABASE current SET log_statement = 'all'".replace("current", lab.url.rsplit("/", 1)[1]))
    synced(lab, mask={"email": "hash", "phone": "redact"})
    pads = list(_pads(KEY))
    log = (postgres.server.root / "log").read_text(errors="replace")
    assert "SELECT" in log
    assert not any(secret in log for secret in (KEY, *pads))
    content = b"".join(path.read_bytes() for path in lab.folder.rglob("*") if path.is_file())
    assert b"1@x.org" not in content
    assert b"+49 30" not in content
    job = Job(lab.job.settings, lab.url.replace("127.0.0.1:", "127.0.0.1:9"))
    with pytest.raises(errors.NeaptideError) as caught:
        sync.sync_once(job)
    assert not any(secret in str(caught.value) for secret in (KEY, *pads))


def test_an_error_that_names_a_row_shows_no_masked_key(lab: Lab) -> None:
    """What tells the row is the rest of its key, or its place where nothing is left."""
    lab.run("ALTER TABLE person DROP CONSTRAINT person_pkey, ADD PRIMARY KEY (email, id)")
    lab.run("UPDATE person SET amount = 'NaN', phone = 'clear phone' WHERE id = 4")
    lab.track()
    told = {}
    for masked in (["email"], ["email", "id"], []):
        lab.specs[0]["mask"] = dict.fromkeys(masked, "hash") | {"phone": "redact"}
        with pytest.raises(errors.UnsupportedValue, match="column amount") as caught:
            lab.sync()
        told[len(masked)] = f"{caught.value} {caught.value.message} {caught.value.hint} {_chain(caught.value)}"
    assert "email = 4@x.org, id = 4:" in told[0]
    assert "row id = 4:" in told[1]
    assert "row ctid = (" in told[2]
    assert not any(clear in text for clear in ("4@x.org", "clear phone") for text in (told[1], told[2]))
    assert "id = 4" not in told[2].replace("ctid = ", "")


def _chain(error: BaseException) -> str:
    """What a traceback shows of the errors that led to it."""
    cause = error.__cause__ or error.__context__
    return f"{cause} {_chain(cause)}" if cause else ""


@pytest.mark.each_feed
def test_another_mask_key_makes_other_hashes_of_the_rows_that_nobody_writes(lab: Lab) -> None:
    query = "SELECT email FROM public.person WHERE id = 1"
    for key in (KEY, KEY + " too"):
        lab.sync_options["mask_key"] = key
        synced(lab, mask={"email": "hash"})
        assert rows(lab, query) == [(hmac.digest(key.encode(), b"1@x.org", "sha256").hex(),)]
    assert not lab.sync().changed


def _pads(key: str) -> tuple[str, str]:
    block = key.encode().ljust(64, b"\0")
    return bytes(b ^ 0x36 for b in block).hex(), bytes(b ^ 0x5C for b in block).hex()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"columns": ["email"]}, "the key's column 'id' must be copied"),
        ({"exclude_columns": ["id"]}, "the key's column 'id' must be copied"),
        ({"columns": ["id", "nothing"]}, "no column 'nothing', which columns names"),
        ({"mask": {"nothing": "null"}}, "no column 'nothing', which mask names"),
        ({"rules": {"id": "null"}}, "the key's column 'id' can't have the rule \"null\""),
        ({"rules": {"nothing": "text"}}, "no column 'nothing', which rules names"),
        ({"key": ["email"]}, "no unique index on NOT NULL columns"),
        ({"rename_columns": {"email": "NOTE"}}, "can't tell the columns 'NOTE' and 'note' apart"),
        ({"rename": "neaptide.person"}, "the schema neaptide is taken"),
        ({"rename": "Temp.person"}, "the schema Temp is taken"),
        ({"rename": "reporting.person"}, "called like the file"),
    ],
)
def test_what_can_not_be_is_refused_by_name(lab: Lab, entry: dict[str, Any], told: str) -> None:
    lab.specs[0] = {"name": "public.person", **entry}
    with pytest.raises(errors.ConfigError) as caught:
        lab.sync()
    assert told in caught.value.message


@pytest.mark.parametrize(
    "entry",
    [
        {"columns": ["a"], "exclude_columns": ["b"]},
        {"mask": {"a": "null"}, "rules": {"a": "text"}},
        {"exclude": ["x"]},
        {"rename": "other.*"},
        {"mask": {"a": "blur"}},
        {"columns": []},
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        config.Table(name="public.person", **entry)


def test_a_hash_needs_a_long_key() -> None:
    hashed = config.Table(name="a", mask={"b": "hash"})
    with pytest.raises(ValueError, match="NEAPTIDE_SYNC__MASK_KEY"):
        config.Settings(tables=[hashed])
    with pytest.raises(ValueError, match="too short"):
        config.Settings(sync={"mask_key": "short"}, tables=[hashed])
    with pytest.raises(ValueError, match="stands there twice"):
        config.Settings(tables=[config.Table(name="a"), config.Table(name="a")])
