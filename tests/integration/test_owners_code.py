"""What the owners of types, tables and views write does not run as the role that reads."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import duckdb
import pytest

from app import errors
from jobs import live
from jobs.run import dryrun
from jobs.verify import verify
from tests.support.syncing import Lab

KEY = "a mask key of more than sixteen"
# What an owner's function would bring into the file: who runs it, and what that session knows.
SPY = "'spied as ' || current_user || coalesce(current_setting('neaptide.mask_inner', true), '')"
TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'so so', 'NULL');
CREATE TYPE pair AS (a int, b mood);
CREATE TYPE span AS RANGE (subtype = numeric);
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN small AS int4;
CREATE TABLE item (
    id int PRIMARY KEY, m mood, f feeling, p pair, s span, ms mood[], fs feeling[], ps pair[], ss small[], ns span[],
    h mood, q pair, updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO item VALUES
    (1, 'so so', 'sad', (1, 'so so'), '[1.0,2)', '{sad,NULL,"NULL","so so"}', '{"so so"}', ARRAY[(1, 'sad')::pair],
     '{1,NULL,-3}', '{"[1.0,2)"}', 'sad', (2, 'NULL')),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, 'NULL', 'NULL', (NULL, NULL), 'empty', '{}', '{}', '{}', '{}', '{}', 'NULL', NULL)
"""
CASTS = (
    "mood AS text", "mood AS json", "mood[] AS text", "mood[] AS text[]", "pair AS text", "pair[] AS text[]",
    "span AS text", "span[] AS text[]", "span[] AS text", "feeling[] AS text[]", "feeling[] AS text",
    "small[] AS int4[]", "small[] AS text", "text AS mood",
)  # fmt: skip


def spying(cast: str, number: int) -> str:
    """A cast with a function that tells on the session."""
    source, target = cast.split(" AS ")
    told = {"text[]": f"ARRAY[{SPY}]", "json": f"to_json({SPY})", "int4[]": "'{666}'::int4[]", "mood": "'sad'::mood"}
    body = f"LANGUAGE plpgsql AS $$BEGIN RETURN {told.get(target, SPY)}; END$$"
    made = f"CREATE FUNCTION spy_{number}({source}) RETURNS {target} {body}"
    return f"{made}; CREATE CAST ({cast}) WITH FUNCTION spy_{number}({source})"


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    found = Lab(empty_db, tmp_path, [{"name": "public.item", "mask": {"h": "hash", "q": "partial"}}])
    found.sync_options = {"mask_key": KEY}
    found.run(TYPES)
    found.track()
    return found


def everything(lab: Lab) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        return file.execute("SELECT * EXCLUDE updated_at FROM public.item ORDER BY id").fetchall()


def test_casts_of_owners_are_not_on_the_way_of_a_value(lab: Lab) -> None:
    lab.sync()
    before = everything(lab)
    assert before[0][1:10] == (
        "so so", "sad", '(1,"so so")', "[1.0,2)", ["sad", None, "NULL", "so so"], ["so so"], ["(1,sad)"], [1, None, -3],
        ["[1.0,2)"],
    )  # fmt: skip
    assert before[0][10:] == (hmac.digest(KEY.encode(), b"sad", hashlib.sha256).hex(), "****ULL)")
    assert before[1][1:] == (None,) * 11
    lab.run(*(spying(cast, number) for number, cast in enumerate(CASTS)))
    lab.run("UPDATE item SET s = s")
    plan = dryrun.dry_run(lab.job).tables[0]
    assert plan.error is None
    for full in (False, True):
        lab.sync(full=full)
        assert everything(lab) == before
        assert verify.verify(lab.job).equal
    with live.open(lab.job) as store:
        assert "spied" not in str(store.query("SELECT * FROM public.item").rows)
    lab.specs[0]["rules"] = {"ms": "text", "ss": "text", "m": "bytes"}
    lab.sync()
    assert everything(lab)[0][5] == '{sad,NULL,"NULL","so so"}'
    assert "spied" not in str(everything(lab))


@pytest.mark.parametrize("watermark", ["updated_at", "none"])
def test_a_key_that_would_be_read_back_by_somebody_s_cast_is_refused(lab: Lab, watermark: str) -> None:
    lab.run("CREATE TABLE k (m mood PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())")
    lab.specs = [{"name": "public.k"}]
    lab.track()
    lab.run("INSERT INTO k VALUES ('sad'), ('so so')")
    lab.sync()
    lab.run("DELETE FROM k WHERE m = 'sad'", spying("text AS mood", 0))
    lab.specs[0]["watermark"] = watermark
    if watermark == "updated_at":
        with pytest.raises(errors.ConfigError, match="has a cast by a function of somebody's own"):
            lab.sync()
        lab.specs[0]["deletes"] = "compare"
    lab.sync()
    lab.assert_equal()


def test_a_condition_that_might_call_somebody_s_cast_is_refused(lab: Lab) -> None:
    lab.specs[0]["where"] = "m::text <> 'sad'"
    lab.sync()
    lab.run(spying("mood AS text", 0))
    with pytest.raises(errors.ConfigError, match="which where might call"):
        lab.sync()
