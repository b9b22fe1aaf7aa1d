"""`-o FILE` of `report` and `sql`: the whole result, or the file as it was."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import duckdb
import pytest

from tests.support.cli import Cli

QUERY = "SELECT number, total, placed_at FROM shop.orders ORDER BY number"


def _left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(("ending", "kind"), [("csv", "csv"), ("json", "json"), ("JSONL", "jsonl"), ("md", "markdown")])
def test_a_text_file_holds_what_stdout_would(shown: Cli, tmp_path: Path, ending: str, kind: str) -> None:
    path = tmp_path / f"out.{ending}"
    done = shown("sql", QUERY, "-o", str(path)).ok()
    assert done.out == "" and done.err.startswith(f"wrote {path}: 120 rows, as of 20")
    assert path.read_text() == shown("sql", QUERY, "--format", kind).ok().out


def test_a_report_becomes_a_parquet_and_an_excel_file(shown: Cli, tmp_path: Path) -> None:
    for name in ("out.parquet", "out.xlsx"):
        assert "wrote" in shown("report", "sales_monthly", "-p", "months=2", "-o", str(tmp_path / name)).ok().err
    rows = shown("report", "sales_monthly", "-p", "months=2", "--json").ok().json["rows"]
    with duckdb.connect() as reader:
        found = reader.execute("FROM read_parquet($1)", [str(tmp_path / "out.parquet")])
        assert [column[0] for column in found.description or ()] == list(rows[0])
        assert [str(row[0]) for row in found.fetchall()] == [row["month"] for row in rows]
    assert (tmp_path / "out.xlsx").read_bytes()[:2] == b"PK"
    assert _left(tmp_path) == {"out.parquet", "out.xlsx"}


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_an_error_leaves_the_old_file_and_nothing_else(shown: Cli, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    path.write_text("before")
    path.chmod(0o640)
    for query in ("SELECT nix FROM shop.orders", "SELECT error('in the middle') FROM range(3000)"):
        assert shown("sql", query, "-o", str(path)).code == 1
        assert (path.read_text(), _left(tmp_path)) == ("before", {path.name})
    link = tmp_path / f"link.{ending}"
    link.symlink_to(path.name)
    shown("sql", QUERY, "-o", str(link)).ok()
    assert link.is_symlink() and path.read_bytes()[:6] != b"before"
    assert path.stat().st_mode & 0o777 == 0o640
    assert _left(tmp_path) == {path.name, link.name}


def test_a_wrong_call_is_told_before_anything_is_read(shown: Cli, tmp_path: Path) -> None:
    done = shown("sql", QUERY, "-o", str(tmp_path / "out.txt"))
    assert done.code == 2 and ".csv, .json, .jsonl, .md, .parquet, .xlsx" in done.err
    assert shown("sql", QUERY, "--json", "-o", str(tmp_path / "out.csv")).code == 2
    assert shown("report", "-o", str(tmp_path / "out.csv")).code == 2
    done = shown("sql", QUERY, "-o", str(tmp_path / "none" / "out.csv"))
    assert done.code == 2 and "can't be written: No such file" in done.err
    (tmp_path / "folder.csv").mkdir()
    assert shown("sql", QUERY, "-o", str(tmp_path / "folder.csv")).code == 2
    assert _left(tmp_path) == {"folder.csv"}


def test_live_writes_files_too(shown: Cli, tmp_path: Path) -> None:
    for name in ("out.parquet", "out.jsonl"):
        shown("sql", QUERY, "--live", "-o", str(tmp_path / name)).ok()
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 120
    with duckdb.connect() as reader:
        found = reader.execute("SELECT number FROM read_parquet($1)", [str(tmp_path / "out.parquet")]).fetchall()
    assert [row[0] for row in found] == [json.loads(line)["number"] for line in (tmp_path / "out.jsonl").open()]


@pytest.mark.parametrize("call", [("report", "sales_monthly"), ("sql", "FROM range(200000)", "--format", "csv")])
def test_a_reader_that_leaves_ends_the_command_as_it_ends_others(shown: Cli, call: tuple[str, ...]) -> None:
    line = f"{shlex.join(shown.command(*call))} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=shown.folder, env=shown.env(), capture_output=True, text=True, check=True
    )
    # A short answer may be in the pipe before `true` has ended.
    assert done.stdout == "141\n" or (call[0] == "report" and done.stdout == "0\n")
    assert "rror" not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.few(1)
@pytest.mark.parametrize("ending", ["svg", "png", "html"])
def test_a_report_and_a_query_become_pictures(shown: Cli, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    assert "wrote" in shown("report", "sales_monthly", "-o", str(path)).ok().err
    begins = {"svg": b"<svg ", "png": b"\x89PNG", "html": b"<!doctype html>"}[ending]
    assert path.read_bytes().startswith(begins)
    query = "-- chart: bar x=status y=n\nSELECT status, count(*) AS n FROM shop.orders GROUP BY status"
    assert shown("sql", query, "-o", str(path)).ok()
    assert path.read_bytes().startswith(begins)


def test_a_chart_in_the_terminal_stands_for_the_table(shown: Cli) -> None:
    drawn = shown("report", "sales_by_country", "--chart").ok().out
    assert "█" in drawn and "As of" in drawn and max(map(len, drawn.splitlines())) <= 80
    assert "▊" in shown("sql", "SELECT i::VARCHAR AS n, i / 7 AS v FROM range(8) AS r(i)", "--chart").ok().out
    for refused in (("--json",), ("-o", "x.svg"), ("--format", "csv")):
        assert shown("report", "sales_by_country", "--chart", *refused).code == 2
    assert "nothing says how to draw" in shown("report", "receivables", "--chart").err


def test_a_chart_that_does_not_fit_its_report_is_told_and_leaves_no_file(shown: Cli, tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    done = shown("sql", "-- chart: line x=a y=c\nSELECT 1 AS a, 2 AS b", "-o", str(path))
    assert done.code != 0 and "c is no column" in done.err
    assert not path.exists()
