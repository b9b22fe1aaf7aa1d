"""`sync --dry-run` fails where `sync` would for want of a right, and nowhere else; it writes nothing either way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import errors
from jobs.run import dryrun
from tests.support.syncing import Lab

MADE = """
CREATE SCHEMA s;
CREATE TABLE s.t (id int PRIMARY KEY, v text);
INSERT INTO s.t VALUES (1, 'a'), (2, NULL);
CREATE TABLE s.below (id int PRIMARY KEY);
INSERT INTO s.below VALUES (1);
CREATE FUNCTION s.shown(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE VIEW s.seen WITH (security_invoker) AS SELECT id, s.shown(id) AS v FROM s.below;
CREATE ROLE {role} LOGIN PASSWORD 'reader';
GRANT USAGE ON SCHEMA s TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA s TO {role};
"""
# What is taken from the role, how it is given back, and which tables are without it.
MISSING = {
    "nothing": ("SELECT 1", "SELECT 1", set()),
    "SELECT": ("REVOKE SELECT ON s.t FROM {role}", "GRANT SELECT ON s.t TO {role}", {"s.t"}),
    "a column": (
        "REVOKE SELECT ON s.t FROM {role}; GRANT SELECT (id) ON s.t TO {role}", "GRANT SELECT ON s.t TO {role}",
        {"s.t"},
    ),
    "the schema": ("REVOKE USAGE ON SCHEMA s FROM {role}", "GRANT USAGE ON SCHEMA s TO {role}", {"s.t", "s.seen"}),
    "what lies below a view": (
        "REVOKE SELECT ON s.below FROM {role}", "GRANT SELECT ON s.below TO {role}", {"s.seen"},
    ),
    "a function of a view": (
        "REVOKE EXECUTE ON FUNCTION s.shown FROM PUBLIC", "GRANT EXECUTE ON FUNCTION s.shown TO PUBLIC", {"s.seen"},
    ),
    "rows": (
        "ALTER TABLE s.t ENABLE ROW LEVEL SECURITY", "ALTER TABLE s.t DISABLE ROW LEVEL SECURITY", {"s.t"},
    ),
}  # fmt: skip
# What stops all of a run.
STOPPING = {
    "a second connection": ("ALTER ROLE {role} CONNECTION LIMIT 1", "ALTER ROLE {role} CONNECTION LIMIT -1"),
    "the login": ("ALTER ROLE {role} NOLOGIN", "ALTER ROLE {role} LOGIN"),
    "the tombstones": (
        "REVOKE SELECT ON neaptide.tombstone FROM {role}",
        "GRANT SELECT ON neaptide.tombstone TO {role}",
    ),
}


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Iterator[tuple[Lab, Lab, str]]:
    """The owner's and the reader's, and the role."""
    role = f"reader_{empty_db.rsplit('_', 1)[1][:12]}"
    specs: list[dict[str, Any]] = [{"name": "s.t", "watermark": "none"}, {"name": "s.seen", "watermark": "none"}]
    owner = Lab(empty_db, tmp_path, specs)
    owner.run(*filter(None, (one.strip() for one in MADE.format(role=role).split(";\n"))))
    yield owner, Lab(re.sub("//[^@]+@", f"//{role}:reader@", empty_db), tmp_path, specs), role
    owner.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.long
def test_a_table_fails_in_the_dry_run_where_it_fails_in_the_run(lab: tuple[Lab, Lab, str]) -> None:
    owner, reader, role = lab
    for name, (taken, given, tables) in MISSING.items():
        owner.run(*taken.format(role=role).split("; "))
        told = {one.table for one in dryrun.dry_run(reader.job).tables if one.error}
        assert not list(reader.folder.glob("reporting*")) or name != "nothing"
        try:
            failed = {one.table for one in reader.sync(full=True).failed}
        except errors.NeaptideError:
            failed = {"s.t", "s.seen"}
        assert (name, told) == (name, tables) == (name, failed)
        owner.run(given.format(role=role))


def test_what_stops_a_run_stops_a_dry_run(lab: tuple[Lab, Lab, str]) -> None:
    owner, reader, role = lab
    owner.specs[0]["watermark"] = "xid"
    owner.track()
    owner.run(f"GRANT USAGE ON SCHEMA neaptide TO {role}", f"GRANT SELECT ON ALL TABLES IN SCHEMA neaptide TO {role}")
    assert not [one for one in dryrun.dry_run(reader.job).tables if one.error]
    for taken, given in STOPPING.values():
        owner.run(taken.format(role=role))
        with pytest.raises(errors.NeaptideError) as told:
            dryrun.dry_run(reader.job)
        with pytest.raises(errors.NeaptideError) as stopped:
            reader.sync()
        assert type(told.value) is type(stopped.value)
        owner.run(given.format(role=role))
    assert reader.sync().changed


def test_a_folder_that_may_not_be_written_to_is_told(
    lab: tuple[Lab, Lab, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, reader, _ = lab
    monkeypatch.setattr("os.access", lambda path, mode: path != reader.folder)
    with pytest.raises(errors.TargetUnusable, match="no permission"):
        dryrun.dry_run(reader.job)
