"""A changed key is a deleted one too: also where a trigger changes it, in an UPDATE that does not name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import errors
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target(cases=1)

TABLE = "CREATE TABLE public.part (id int PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT now())"
MOVES = """
CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.name = 'move' THEN NEW.id := NEW.id + 1000; END IF; RETURN NEW; END $$
"""
MOVES_ALL = """
CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := NEW.id + 1000; RETURN NEW; END $$
"""
STAMPS = """
CREATE FUNCTION stamps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();  -- nothing else
    RETURN NEW;
END $$
"""
TRIGGER = "CREATE TRIGGER before_all BEFORE INSERT OR UPDATE ON part FOR EACH ROW EXECUTE FUNCTION {}()"


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """Ten rows, not tracked yet."""
    found = Lab(empty_db, tmp_path, [{"name": "public.part"}])
    found.run(TABLE, "INSERT INTO part SELECT g, 'part' FROM generate_series(1, 10) AS g")
    return found


@pytest.mark.few(1)
@pytest.mark.parametrize("function", ["", STAMPS, MOVES])
def test_keys_that_statements_and_triggers_change(lab: Lab, function: str) -> None:
    if function:
        lab.run(function, TRIGGER.format("stamps" if function is STAMPS else "moves"))
    lab.track()
    lab.sync()
    for change in (
        "UPDATE part SET name = 'move' WHERE id = 3",
        "UPDATE part SET id = id + 100 WHERE id < 3",
        "UPDATE part SET id = id, name = 'same' WHERE id = 4",
        "INSERT INTO part VALUES (5, 'x') ON CONFLICT (id) DO UPDATE SET id = 500",
        "MERGE INTO part USING (VALUES (6)) AS v (id) ON part.id = v.id WHEN MATCHED THEN UPDATE SET id = 600",
    ):
        lab.run(change)
        lab.sync()
        lab.assert_equal()


@pytest.mark.parametrize("function", [MOVES, MOVES_ALL])
def test_a_trigger_that_fires_after_ours_and_may_change_the_key_is_refused(lab: Lab, function: str) -> None:
    lab.track()
    lab.sync()
    lab.run(function, TRIGGER.format("moves").replace("before_all", '"ñ"'))
    for attempt in (lab.sync, lab.track):
        with pytest.raises(errors.NotTracked, match=r"trigger ñ of public\.part .*fire"):
            attempt()
    lab.run('ALTER TRIGGER "ñ" ON part RENAME TO n')
    lab.sync()
    lab.run("UPDATE part SET name = 'move' WHERE id = 3")
    lab.sync()
    lab.assert_equal()


@pytest.mark.each_feed
def test_keys_that_change_by_cascade_or_are_generated_are_recorded(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.child"}, {"name": "public.made"}])
    lab.run(
        TABLE,
        "INSERT INTO part SELECT g, 'part' FROM generate_series(1, 3) AS g",
        "CREATE TABLE public.child (part int REFERENCES part ON UPDATE CASCADE, n int, PRIMARY KEY (part, n))",
        "INSERT INTO child SELECT g, 1 FROM generate_series(1, 3) AS g",
        "CREATE TABLE public.made (base int, id int GENERATED ALWAYS AS (base * 2) STORED PRIMARY KEY)",
        "INSERT INTO made (base) VALUES (1), (2)",
    )
    lab.track()
    lab.sync()
    lab.run("UPDATE part SET id = 30 WHERE id = 3", "UPDATE made SET base = 20 WHERE base = 2")
    lab.sync()
    lab.assert_equal()
