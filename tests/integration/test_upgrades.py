"""Files and triggers that earlier versions made, as they made them: found out, and brought up to date or refused.

`tests/data/upgrades/format2` and `format3` are what two commits of this repository left of one table of 99 rows: the
reporting file, the SQL of `track --print` with the table's oid left open, and a config of all settings that there were.
Format 3 is that of release 0.1.0.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import duckdb
import psycopg
import pytest

from jobs.record import state
from tests.support.cli import ROOT, Cli, config
from tests.support.syncing import Lab

DATA = ROOT / "tests" / "data" / "upgrades"
ITEM = """
CREATE TABLE shop.item (
    id bigint PRIMARY KEY, name text, price numeric(10, 2), updated_at timestamptz NOT NULL DEFAULT now()
)
"""


def source(url: str, number: int) -> None:
    """The table with the triggers of that version."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA shop")
        conn.execute(ITEM)
        conn.execute("INSERT INTO shop.item SELECT g, 'item ' || g, g FROM generate_series(1, 60) AS g")
        row = conn.execute("SELECT 'shop.item'::regclass::oid::bigint").fetchone()
        assert row is not None
        script = (DATA / f"format{number}" / "track.sql").read_text(encoding="utf-8")
        conn.execute(script.replace("{oid}", str(row[0])).encode())


def file(folder: Path, number: int) -> Path:
    """The reporting file of that version, under the names that it had."""
    content = gzip.decompress((DATA / f"format{number}" / "reporting.duckdb.gz").read_bytes())
    (folder / "var").mkdir(exist_ok=True)
    path = folder / "var" / "reporting.b.duckdb"
    path.write_bytes(content)
    (folder / "var" / "reporting.duckdb").symlink_to(path.name)
    return path


def kept_config(folder: Path, url: str, number: int) -> Cli:
    """The command line with the config of that version."""
    text = (DATA / f"format{number}" / "config.toml").read_text(encoding="utf-8")
    path = folder / "config.toml"
    path.write_text(text.replace("{url}", url), encoding="utf-8")
    path.chmod(0o600)
    return Cli(folder)


def adopt(path: Path, url: str) -> None:
    """Let the file be one of this very source, which it was when both were of the earlier version."""
    with psycopg.connect(url) as conn, duckdb.connect(str(path)) as old:
        found = conn.execute(
            "SELECT s.system_identifier::text, c.timeline_id, d.oid::bigint, d.datname, pg_current_snapshot()::text"
            " FROM pg_control_system() AS s, pg_control_checkpoint() AS c, pg_database AS d"
            " WHERE d.datname = current_database()"
        ).fetchone()
        assert found is not None
        old.execute("UPDATE neaptide.file SET system_id = ?, timeline = ?, database_oid = ?, database = ?", found[:4])
        old.execute("UPDATE neaptide.file SET wal = '0/0'")
        old.execute("UPDATE neaptide.watermarks SET snapshot = ?", found[4:])


@pytest.mark.few(1)
@pytest.mark.parametrize("number", [2, 3])
def test_what_an_earlier_version_made_is_brought_up_to_date_by_two_commands(
    empty_db: str, tmp_path: Path, number: int
) -> None:
    source(empty_db, number)
    adopt(file(tmp_path, number), empty_db)
    neaptide = kept_config(tmp_path, empty_db, number)
    old = neaptide("status")
    assert (old.code, "neaptide sync" in old.err) == ((1, True) if number < state.FORMAT else (0, False))
    refused = neaptide("sync")
    assert refused.code == 1 and "neaptide track shop.item" in refused.err
    [told] = [one for one in neaptide("doctor", "--json").json if one["name"] == "track"]
    assert told["level"] == "warn" and "older version" in told["message"]
    neaptide("track").ok()
    done = neaptide("sync").ok()
    assert ("format 2, this version writes 3" in done.err) == (number == 2)
    with psycopg.connect(empty_db, autocommit=True) as conn:
        for key in range(1, 4):
            conn.execute("UPDATE shop.item SET price = -1 WHERE id = %s", [key])
            conn.execute("DELETE FROM shop.item WHERE id = %s", [key + 10])
            neaptide("sync").ok()
    neaptide("verify").ok()
    status = neaptide("status", "--json").ok().json
    assert status["format"] == state.FORMAT and status["versions"]["duckdb"] == duckdb.__version__
    assert ("damaged file" in {one["what"] for one in status["kept"]}) == (number == 2)


def test_a_file_of_a_later_format_is_refused_and_left_as_it_is(empty_db: str, tmp_path: Path) -> None:
    source(empty_db, 3)
    path = file(tmp_path, 3)
    with duckdb.connect(str(path)) as later:
        later.execute("UPDATE neaptide.file SET format = 99")
    neaptide = config(tmp_path, empty_db, tables=("item",))
    neaptide("track").ok()
    for call in ("status", "sync", "verify", "doctor"):
        done = neaptide(call)
        assert done.code == 1 and "format 99, this version writes 3" in done.err + done.out, call
        assert "install the Neaptide that wrote it" in " ".join((done.err + done.out).split())
    assert (tmp_path / "var" / "reporting.duckdb").resolve() == path


def test_what_grows_is_shown_with_its_size_and_its_limit(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path / "var", [{"name": "shop.item"}])
    source(empty_db, 3)
    (tmp_path / "config.toml").write_text(
        f'[source]\nurl = "{empty_db}"\n[sync]\nkeep_runs = 2\n[[tables]]\nname = "shop.item"\n'
    )
    neaptide = Cli(tmp_path)
    neaptide("track").ok()
    for key in range(4):
        lab.run(f"DELETE FROM shop.item WHERE id = {key + 1}")
        neaptide("sync").ok()
    lab.job.files.aside.write_bytes(b"damaged")
    kept = {one["what"]: one for one in neaptide("status", "--json").ok().json["kept"]}
    assert kept["runs"]["count"] == 2 and "keep_runs" in kept["runs"]["limit"]
    assert kept["deleted keys"]["bytes"] > 0 and "tombstone_retention" in kept["deleted keys"]["limit"]
    assert kept["damaged file"]["bytes"] == 7
    text = " ".join(neaptide("status").ok().out.split())
    assert "2 runs (limit: 2 by [sync] keep_runs)" in text and f"format {state.FORMAT}; neaptide" in text
    for content in ("", "[]", json.dumps({"tombstones": {"bytes": -1, "rows": "x"}})):
        (tmp_path / "var" / "reporting.duckdb.kept").write_text(content)
        assert "deleted keys" not in neaptide("status").ok().out
