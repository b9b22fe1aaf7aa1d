"""Random batches under every mode of a table and every kind of run: each model equals its SELECT after each of them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from jobs.sessions import OpenSessions
from tests.support import runs
from tests.support.modellab import check, write
from tests.support.modelshop import BILLS, BUYERS, FILL, LINES, MODELS
from tests.support.modelsteps import HARD, follow
from tests.support.syncing import Lab

NAMES = ("buyers", "bills", "lines")
EACH = ("all", "all", "some", "full", "repair", "column", "killed")
MODES: dict[str, dict[str, Any]] = {
    "updated_at": {},
    "xid": {"watermark": "xid"},
    "none": {"watermark": "none"},
    "compare": {"deletes": "compare"},
    "soft": {"deletes": "soft", "soft_column": "gone"},
}
pytestmark = [pytest.mark.long, pytest.mark.each_target(cases=1)]


def opened(
    url: str, folder: Path, specs: list[dict[str, Any]], keep: OpenSessions | None = None, *, first: str = ""
) -> Lab:
    """The three tables with all models, synced; `first` is where a first load is killed before that."""
    lab = Lab(url, folder, specs, keep=keep)
    stamps = {spec["name"]: spec.get("watermark") for spec in specs}
    soft = ", gone boolean NOT NULL DEFAULT false" if specs[0].get("deletes") == "soft" else ""
    lab.run("CREATE SCHEMA IF NOT EXISTS shop")
    for name, text in zip(NAMES, (BUYERS, BILLS, LINES), strict=True):
        stamp = "" if stamps.get(f"shop.{name}") in ("xid", "none") else ", updated_at timestamptz"
        lab.run(f"{text[:-1]}{soft}{stamp})")
    lab.run(*FILL)
    lab.track()
    for name, (select, key) in (MODELS | HARD).items():
        write(lab, name, select, key)
    if first:
        runs.killed_at(lab.job, first)
    lab.sync()
    check(lab)
    return lab


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_under_every_kind_of_run(empty_db: str, tmp_path: Path, mode: str) -> None:
    lab = opened(empty_db, tmp_path, [{"name": f"shop.{name}", **MODES[mode]} for name in NAMES])
    follow(lab, 0, 12, how=EACH)


@pytest.mark.each_feed
def test_sessions_that_are_kept(empty_db: str, tmp_path: Path) -> None:
    with contextlib.closing(OpenSessions()) as keep:
        lab = opened(empty_db, tmp_path, [{"name": f"shop.{name}"} for name in NAMES], keep)
        follow(lab, 3, 15, how=("all", "all", "all", "some", "column"))


@pytest.mark.parametrize("point", ["piece_loaded", "table_loaded", "before_commit", "after_commit", "model_built"])
def test_first_loads_that_are_cut_short(empty_db: str, tmp_path: Path, point: str) -> None:
    lab = opened(empty_db, tmp_path, [{"name": f"shop.{name}"} for name in NAMES], first=point)
    follow(lab, 4, 2, how=("all", "killed"))


def test_what_is_keyless(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": f"shop.{name}", "watermark": "none"} for name in NAMES])
    lab.run("CREATE SCHEMA shop", *(text.replace(" PRIMARY KEY", "") for text in (BUYERS, BILLS)))
    lab.run(LINES.replace(", PRIMARY KEY (bill, place)", ""), *FILL, *FILL)
    for name, (select, key) in (MODELS | HARD).items():
        write(lab, name, select, key)
    lab.sync()
    check(lab)
    follow(lab, 5, 10, how=("all", "some", "full", "repair", "column", "killed"))


@pytest.mark.each_feed
def test_what_is_renamed_masked_filtered_and_meant_by_a_pattern(empty_db: str, tmp_path: Path) -> None:
    specs: list[dict[str, Any]] = [
        {"name": "shop.bills", "where": "total IS NULL OR total < 60", "mask": {"state": "hash"}},
        {"name": "shop.buy*", "rename_columns": {"country": "land"}, "exclude_columns": ["name"]},
        {"name": "shop.lines", "rename": "parts.lines"},
    ]
    lab = Lab(empty_db, tmp_path, specs, sync_options={"mask_key": "sixteen characters and more"})
    lab.run("CREATE SCHEMA shop", *(f"{text[:-1]}, updated_at timestamptz)" for text in (BUYERS, BILLS, LINES)), *FILL)
    lab.track()
    for name, (select, key) in (MODELS | HARD).items():
        text = select.replace("shop.lines", "parts.lines").replace("y.name", "y.land").replace("y.country", "y.land")
        write(lab, name, text, key)
    lab.sync()
    check(lab)
    follow(lab, 6, 10, how=("all", "all", "full", "repair", "killed"))
