"""What is hidden or deleted later is in none of the files beside the link, in whatever bytes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobs import faults
from tests.support import modellab, runs, strangers
from tests.support.syncing import Lab

# Long, of its own for each row, and so found in the bytes of a file that holds it.
SECRET, PUBLIC = "secret-b7d1c5e0-", "public-93ac44f1-"
ROWS = 3000
Change = Callable[[Lab], None]


@pytest.fixture(params=["symlink", "pointer"])
def lab(empty_db: str, tmp_path: Path, request: pytest.FixtureRequest) -> Lab:
    """The tables in both files."""
    found = made(empty_db, tmp_path / "files", mode=request.param)
    assert holding(found, SECRET) == 2
    return found


def made(url: str, folder: Path, **given: Any) -> Lab:
    """A table with a secret in each row and one beside it, after three runs."""
    found = Lab(url, folder, [{"name": "public.person"}, {"name": "public.other"}], **given)
    found.sync_options |= {"mask_key": "sixteen characters and more"}
    for table in ("person", "other"):
        found.run(
            f"CREATE TABLE {table} (id bigint PRIMARY KEY, secret text, public text,"
            " updated_at timestamptz NOT NULL DEFAULT now())"
        )
    found.run(
        f"INSERT INTO person SELECT g, '{SECRET}' || md5(g::text), '{PUBLIC}' || md5(g::text)"
        f" FROM generate_series(1, {ROWS}) AS g",
        "INSERT INTO other SELECT g, NULL, 'o' FROM generate_series(1, 10) AS g",
    )
    found.track()
    for step in range(2):
        found.sync()
        found.run(f"UPDATE person SET public = public || {step} WHERE id < 100")
    found.sync()
    return found


def holding(lab: Lab, text: str) -> int:
    """How many of all files beside the link have it anywhere in their bytes."""
    inodes = {path.stat().st_ino: path for path in lab.folder.rglob("*") if path.is_file()}
    return sum(text.encode() in path.read_bytes() for path in inodes.values())


def entry(**given: Any) -> Change:
    def change(lab: Lab) -> None:
        lab.specs[0] = {"name": "public.person", **given}
        lab.sync()

    return change


def removed(lab: Lab) -> None:
    del lab.specs[0]
    lab.sync()


def dropped(lab: Lab) -> None:
    lab.run("ALTER TABLE person DROP COLUMN secret")
    lab.sync()


def deleted(*given: str) -> Change:
    def change(lab: Lab) -> None:
        lab.run("DELETE FROM person")
        lab.sync()
        lab.sync(full=True, tables=list(given) or None)

    return change


CHANGES = {
    "mask by hash": entry(mask={"secret": "hash"}),
    "mask by null": entry(mask={"secret": "null"}),
    "a column left out": entry(exclude_columns=["secret"]),
    "a filter": entry(where="id < 0"),
    "a table taken out of the config": removed,
    "a column dropped in the source": dropped,
    "deleted, and all copied anew": deleted(),
    "deleted, and the table copied anew": deleted("public.person"),
}


@pytest.mark.few(2)
@pytest.mark.parametrize("what", CHANGES)
def test_what_is_hidden_or_forgotten_is_in_no_file_at_once(lab: Lab, what: str) -> None:
    CHANGES[what](lab)
    assert holding(lab, SECRET) == 0
    assert holding(lab, PUBLIC) == (1 if "mask" in what or "column" in what else 0)
    lab.run("UPDATE other SET public = 'p' WHERE id = 1")
    lab.sync()
    assert holding(lab, SECRET) == 0


@pytest.mark.long
@pytest.mark.parametrize("feed", ["wal", "events"], indirect=True)
@pytest.mark.parametrize("lab", ["symlink"], indirect=True)
@pytest.mark.parametrize("what", ["mask by hash", "a filter", "deleted, and all copied anew"])
def test_what_is_hidden_or_forgotten_is_so_with_each_feed(lab: Lab, what: str) -> None:
    CHANGES[what](lab)
    lab.run("UPDATE other SET public = 'p' WHERE id = 1")
    lab.sync()
    assert holding(lab, SECRET) == 0


MODELS = {
    "wide": ("SELECT p.id, p.secret, o.public FROM public.person p LEFT JOIN public.other o ON o.id = p.id", "id"),
    "per_secret": ("SELECT secret, count(*) AS n FROM public.person GROUP BY secret", "secret"),
    "largest": ("SELECT max(secret) AS largest, min(secret) AS least FROM public.person", ""),
    "above": ("SELECT secret FROM models.wide WHERE id < 500", ""),
}


@pytest.mark.few(1)
@pytest.mark.parametrize("what", ["mask by null", "a filter", "deleted, and all copied anew"])
def test_no_model_keeps_what_its_tables_hide(lab: Lab, what: str) -> None:
    for name, (select, key) in MODELS.items():
        modellab.write(lab, name, select, key)
    for step in range(2):
        lab.run(f"UPDATE person SET public = public || {step} WHERE id < 100")
        lab.sync()
    modellab.check(lab, both=True)
    CHANGES[what](lab)
    modellab.check(lab)
    assert holding(lab, SECRET) == 0


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "what", ["a column left out", "a table taken out of the config", "a column dropped in the source"]
)
def test_no_model_outlives_what_it_reads(lab: Lab, what: str) -> None:
    modellab.write(lab, "wide", *MODELS["wide"])
    lab.sync()
    modellab.check(lab)
    CHANGES[what](lab)
    modellab.check(lab, "wide")
    assert holding(lab, SECRET) == 0


def test_who_has_the_file_open_keeps_it_and_nobody_else_finds_it(lab: Lab) -> None:
    with duckdb.connect(str(lab.both[0]), read_only=True) as reader:
        CHANGES["mask by null"](lab)
        assert reader.execute("SELECT count(secret) FROM public.person").fetchone() == (ROWS,)
        assert holding(lab, SECRET) == 0


@pytest.mark.few(1)
@pytest.mark.parametrize("point", ["compacted", "before_rename", "before_swap", "after_swap", "forgotten"])
def test_a_run_that_is_killed_while_it_forgets_is_made_good_by_the_next(lab: Lab, point: str) -> None:
    if lab.mode == "pointer":
        pytest.skip("the same")
    assert point in (*faults.POINTS, *faults.WRITTEN_ANEW)
    lab.specs[0] = {"name": "public.person", "mask": {"secret": "null"}}
    runs.killed_at(lab.job, point)
    lab.sync()
    assert holding(lab, SECRET) == 0


def test_a_damaged_file_that_was_set_aside_is_forgotten_too(lab: Lab) -> None:
    if lab.mode == "pointer":
        pytest.skip("the same")
    strangers.writes(lab.both[0], "UPDATE public.person SET public = 'altered'")
    assert lab.sync().warnings
    assert (lab.folder / "reporting.damaged.duckdb").exists()
    CHANGES["mask by null"](lab)
    assert holding(lab, SECRET) == 0


def test_what_adds_a_column_or_a_table_writes_no_file_anew(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.targets.file.compact.rebuild", lambda *_: pytest.fail("written anew"))
    lab.run("ALTER TABLE person ADD COLUMN more text", "CREATE TABLE third (id bigint PRIMARY KEY)")
    lab.specs.append({"name": "public.third", "watermark": "none", "deletes": "compare"})
    lab.sync()
    lab.assert_equal()
