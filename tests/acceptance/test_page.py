"""The page over HTTP: what each address answers, and that nothing of the data ever acts."""

from __future__ import annotations

import csv
import io
import json
import socket
import threading
import time
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest

from app import config
from app.page import overview
from tests.support import cli
from tests.support.cli import Cli
from tests.support.served import PAGES, Page, Read, asked, served, settings_of

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_whole_and_runs_nothing_but_its_own_script(page: Page, path: str) -> None:
    answer = page.html(path)
    assert answer.code == 200
    read = Read(answer.text)
    assert not read.acts()
    assert read.of("html")[0]["lang"] == "en" and len(read.of("h1")) == 1 and len(read.of("main")) == 1
    assert sum(one.get("aria-current") == "page" for one in read.of("a")) == 1
    assert all(one.get("scope") for one in read.of("th"))
    assert all(one.get("alt") for one in read.of("img"))
    assert "'unsafe" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_each_page_has_its_json_with_the_moment_of_the_data_and_a_tag_by_run(page: Page) -> None:
    run = page.get("/runs.json").json["runs"][0]["run_id"]
    for path in (
        "/overview.json", "/reports.json", "/reports/sales_monthly.json", "/tables.json", "/tables/shop.orders.json",
        "/sql.json?q=SELECT+1", "/runs.json", f"/runs/{run}.json",
    ):  # fmt: skip
        answer = page.get(path)
        assert answer.code == 200 and answer.headers["content-type"] == "application/json"
        assert answer.json["as_of"].startswith("20"), path
        assert page.get(path, If_None_Match=answer.headers["etag"]).code == 304, path
        assert page.get(f"{path}{'&' if '?' in path else '?'}max_staleness=soon").code == 400, path


def test_the_overview_says_how_far_the_data_were_behind(page: Page) -> None:
    """The age of the data while the page watched: not what a run took."""
    deadline = time.monotonic() + 20
    while (told := page.get("/overview.json").json)["lag"] is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert 0 < told["lag"]["p95"] <= told["lag"]["most"] <= told["age"] + 60
    assert "Lag, last hour" in page.html("/").text and "since this began" in page.html("/").text


def test_the_overview_does_not_name_its_own_machine() -> None:
    for host, named in ((socket.gethostname(), False), ("elsewhere.example", True)):
        told = overview._daemon({"state": "leads", "alive": True, "pid": 7, "host": host})
        assert "process 7" in told and (host in told) == named


def test_every_report_is_listed_and_answered(page: Page) -> None:
    found = page.get("/reports.json").json
    assert len(found["reports"]) > 10 and not found["wrong"]
    for one in found["reports"]:
        read = page.html(f"/reports/{one['name']}")
        assert read.code == 200, one
        assert page.get(f"/reports/{one['name']}.json").json["title"] == one["title"]


def test_a_table_knows_its_reports_however_they_name_it(shown: Cli, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    for name, sql in (
        ("quoted", 'SELECT 1 FROM "shop" . "ORDERS"'),
        ("inner", "WITH o AS (FROM shop.orders) SELECT count(*) FROM o"),
        ("said", "SELECT 'shop.orders' AS x FROM shop.customers"),
        ("broken", "SELECT * FROM shop.orders, nowhere"),
        ("hidden", "WITH orders AS (SELECT 1) FROM orders"),
    ):
        (tmp_path / "reports" / f"{name}.sql").write_text(sql)
    with served(settings_of(shown, reports=config.Reports(path=tmp_path / "reports"))) as page:
        found = page.get("/tables/shop.orders.json").json["reports"]
        assert sorted(one["name"] for one in found) == ["inner", "quoted"]
        assert "Quoted" in page.html("/tables").text


def test_an_error_of_several_lines_has_them(page: Page) -> None:
    answer = page.html(asked("SELECT nope"))
    assert answer.code == 400 and "<pre" in answer.text.split('class="trouble"')[1] and "\\n" not in answer.text
    assert page.html("/reports/sales_monthly?months=1&months=2").code == 400


def test_a_report_reads_models_where_they_can_answer_it(shop_db: str, tmp_path: Path) -> None:
    there = cli.config(tmp_path, shop_db, more=f'[models]\npath = "{cli.ROOT / "sql" / "models"}"')
    there("track").ok()
    there("sync").ok()
    with served(settings_of(there)) as page:
        for asked_for, reads in (("", True), ("?timezone=America/St_Johns", False)):
            answer = page.html(f"/reports/sales_monthly{asked_for}")
            assert answer.code == 200 and ("models.sales_per_day" in answer.text) == reads
        assert "models.sales_per_day" in page.html("/").text
        run = page.get("/runs.json").json["runs"][0]
        text = page.html(f"/runs/{run['run_id']}").text
        assert run["models"] and all(f'href="/tables/models.{one["model"]}"' in text for one in run["models"])


def test_a_form_of_the_parameters_is_the_address(page: Page) -> None:
    fields = {one["name"]: one for one in Read(page.html("/reports/sales_monthly?months=6&from=").text).of("input")}
    assert fields["months"]["value"] == "6" and fields["months"]["min"] == "1" and fields["months"]["type"] == "number"
    assert fields["from"]["type"] == "date" and fields["from"]["value"] == ""
    one = page.get("/reports/sales_monthly.json?from=2026-03-01&to=2026-04-30").json
    assert [row["month"] for row in one["rows"]] == ["2026-03-01", "2026-04-01"]
    for wrong in ("months=0", "from=x", "nope=1", "from=2026-03-01&to=2026-01-01"):
        answer = page.html(f"/reports/sales_monthly?{wrong}")
        assert answer.code == 400 and 'role="alert"' in answer.text and Read(answer.text).of("form")
        assert page.get(f"/reports/sales_monthly.json?{wrong}").json["error"]


def test_an_answer_that_is_known_is_not_sent_again(page: Page) -> None:
    for path in ("/reports/sales_monthly", "/reports/sales_monthly.json", "/reports/sales_monthly.csv?_download=1"):
        first = page.get(path, Accept="text/html" if "." not in path else "*/*")
        again = page.get(path, Accept="text/html" if "." not in path else "*/*", If_None_Match=first.headers["etag"])
        assert (again.code, again.body) == (304, b"")
    assert page.get("/reports/sales_monthly.json?months=2").headers["etag"] != first.headers["etag"]


def test_sorting_and_paging_see_every_row_once(page: Page) -> None:
    sql = "SELECT i, -i AS minus FROM range(250) AS r(i)"
    seen = [page.html(asked(sql, _page=str(number))) for number in (1, 2, 3)]
    assert [Read(one.text).texts.count("0") for one in seen] == [2, 0, 0]
    assert "rows 201 to 250 of 250" in seen[2].text
    first = page.get(asked(sql, ".json", _sort="minus", _limit="1")).json["rows"]
    assert first == [{"i": 249, "minus": -249}]
    assert page.get(asked(sql, ".json", _sort="nope")).code == 400
    assert "there are fewer rows than that" in page.html(asked(sql, _page="9")).text
    for wrong in ("_page=0", "_page=x", "_page=-1", "_limit=0", "_offset=-1"):
        assert page.get(f"{asked(sql, '.json')}&{wrong}").code == 400, wrong


def test_a_million_rows_are_paged_and_downloaded_as_they_come(page: Page) -> None:
    sql = "SELECT i, i * 2 AS twice FROM range(1000000) AS r(i)"
    answer = page.html(asked(sql))
    assert "of more than 20,000" in answer.text and len(answer.body) < 60_000
    part = page.get(asked(sql, ".json", _sort="i", _desc="1", _limit="2")).json
    assert [row["i"] for row in part["rows"]] == [999999, 999998]
    assert [row["i"] for row in page.get(part["next"]).json["rows"]] == [999997, 999996]
    assert page.get(asked(sql, ".json", _offset="999999")).json["next"] is None
    whole = page.get(asked(f"{sql} LIMIT 150000", ".csv", _download="1"))
    assert "content-length" not in whole.headers
    assert whole.body.count(b"\n") == 150_001 and whole.body.endswith(b"149999,299998\n")


def test_each_download_is_what_its_library_reads(page: Page, tmp_path: Path) -> None:
    path = "/reports/sales_by_country"
    wanted = page.get(f"{path}.json").json["rows"]
    countries = [row["country"] for row in wanted]
    found = {kind: page.get(f"{path}.{kind}?_download=1") for kind in ("csv", "json", "xlsx", "parquet", "svg", "png")}
    for kind, answer in found.items():
        assert answer.code == 200
        assert answer.headers["content-disposition"] == f'attachment; filename="sales_by_country.{kind}"'
    assert [row["country"] for row in csv.DictReader(io.StringIO(found["csv"].text))] == countries
    assert [row["country"] for row in found["json"].json["rows"]] == countries
    (tmp_path / "x.parquet").write_bytes(found["parquet"].body)
    rows = duckdb.sql(f"SELECT country FROM '{tmp_path}/x.parquet'").fetchall()
    assert [row[0] for row in rows] == countries
    with zipfile.ZipFile(io.BytesIO(found["xlsx"].body)) as book:
        assert countries[0] in book.read("xl/worksheets/sheet1.xml").decode() + str(book.namelist())
    assert ET.fromstring(found["svg"].text).tag.endswith("svg")
    assert found["png"].body.startswith(b"\x89PNG")


def test_a_picture_has_the_width_and_the_look_of_who_sees_it(page: Page) -> None:
    sources = Read(page.html("/reports/sales_monthly").text).of("source")
    assert len(sources) == 10
    for one in (sources[0], sources[-1]):
        assert page.get(one["srcset"]).code == 200
    assert page.get("/reports/sales_monthly.svg?_width=5").code == 400
    assert page.get("/reports/sales_monthly.svg?_look=x").code == 400
    assert page.get("/reports/receivables.svg").code == 400


def test_a_hostile_name_and_value_are_text_everywhere(shown: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    name = "<b onclick=x>"
    head = f"-- title: {HOSTILE}\n-- description: {HOSTILE}\n-- param: a text = {HOSTILE} | {HOSTILE}\n"
    (folder / f"{name}.sql").write_text(
        f'{head}-- chart: bar x="{HOSTILE}" y=n\n'
        f"SELECT '{HOSTILE}' || $a AS \"{HOSTILE}\", '=cmd()' AS \"=cmd()\", 1 AS n\n"
        "UNION ALL SELECT '\t@x', '-1+1', 2"
    )
    (folder / "<i>.sql").write_text("-- chart: pie\nSELECT 1")
    with served(settings_of(shown, reports=config.Reports(path=folder))) as page:
        for path in (
            "/reports",
            f"/reports/{quote(name)}",
            asked(f"SELECT '{HOSTILE}' AS \"{HOSTILE}\""),
            asked(HOSTILE),
        ):
            answer = page.html(path)
            assert not Read(answer.text).acts(), path
            assert not Read(answer.text).of("b onclick") and HOSTILE not in answer.text
        assert HOSTILE in " ".join(Read(page.html("/reports").text).texts)
        assert f"{name}" in page.get("/reports.json").json["reports"][0]["name"]
        lines = list(csv.reader(io.StringIO(page.get(f"/reports/{quote(name)}.csv?_download=1").text)))
        assert "'=cmd()" in lines[0] and lines[1][1] == "'=cmd()" and lines[2][:2] == ["'\t@x", "'-1+1"]
        exact = page.get(f"/reports/{quote(name)}.json").json["rows"]
        assert exact[0]["=cmd()"] == "=cmd()"
        book = page.get(f"/reports/{quote(name)}.xlsx?_download=1").body
        with zipfile.ZipFile(io.BytesIO(book)) as files:
            assert b"<f>" not in files.read("xl/worksheets/sheet1.xml")
        drawn = ET.fromstring(page.get(f"/reports/{quote(name)}.svg").text)
        assert not [
            one for one in drawn.iter() if one.tag.rpartition("}")[2] in ("script", "img", "image", "foreignObject")
        ]


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '/tmp/x'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "ATTACH '/tmp/x.duckdb'",
        "CREATE TABLE x (i INT)",
        "SELECT 1; SELECT 2",
        "SET memory_limit = '1TB'",
        "nonsense",
    ],
)
def test_the_editor_asks_no_more_than_sql_does(page: Page, sql: str) -> None:
    answer = page.html(asked(sql))
    assert answer.code == 400 and 'role="alert"' in answer.text
    for ending in (".json", ".csv", ".parquet", ".xlsx"):
        assert page.get(asked(sql, ending)).code == 400


def test_a_query_has_the_limits_of_the_settings(shown: Cli) -> None:
    from datetime import timedelta

    tight = config.Query(timeout=timedelta(seconds=0.3), max_rows=10)
    with served(settings_of(shown, query=tight)) as page:
        answer = page.get(asked("SELECT count(*) FROM range(100000) a, range(1000000) b", ".json"))
        assert answer.code == 413 and "took longer" in answer.json["error"]
        assert page.get(asked("FROM range(11)", ".xlsx")).code == 413


def test_a_link_from_elsewhere_fills_the_editor_and_asks_nothing(page: Page) -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    answer = page.get(asked("SELECT 40 + 2 AS answer"), Accept="text/html", **link)
    assert answer.code == 200 and "came with a link" in answer.text and "42" not in Read(answer.text).texts


def test_a_publish_is_told_within_a_second_and_a_fresh_answer_is_synced_for(neaptide: Cli) -> None:
    neaptide("sync").ok()
    with served(settings_of(neaptide)) as page:
        heard: list[tuple[str, float]] = []
        threading.Thread(target=listen, args=(page.port, heard), daemon=True).start()
        wait_for(heard, "now")
        neaptide("product", "create", "SKU-1", "A thing", "1.00").ok()
        neaptide("sync").ok()
        published = time.monotonic()
        assert wait_for(heard, "published") - published < 1
        neaptide("product", "create", "SKU-2", "A thing", "1.00").ok()
        count = asked("SELECT count(*) AS n FROM shop.products", ".json")
        assert page.get(count).json["rows"] == [{"n": 1}]
        assert page.get(f"{count}&max_staleness=0s").json["rows"] == [{"n": 2}]
        assert page.get(f"{count}&max_staleness=x").code == 400


def listen(port: int, heard: list[tuple[str, float]]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for line in client.makefile("rb"):
            if line.startswith(b"event: "):
                heard.append((line.decode().split()[1], time.monotonic()))


def wait_for(heard: list[tuple[str, float]], kind: str) -> float:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for name, at in list(heard):
            if name == kind:
                return at
        time.sleep(0.01)
    raise AssertionError(f"no {kind} in {heard}")


def test_without_a_file_each_page_says_what_to_do(neaptide: Cli) -> None:
    with served(settings_of(neaptide)) as page:
        assert "There is no reporting file yet" in page.html("/").text
        for path in ("/reports/sales_monthly", "/tables", "/runs", asked("SELECT 1")):
            answer = page.html(path)
            assert answer.code in (200, 503), path
            assert answer.code == 200 or "neaptide sync" in answer.text
        assert json.loads(page.get("/readyz").text)["ready"] is False
    # Something else has its name: a copy that somebody put there, say.
    (neaptide.folder / "var").mkdir(exist_ok=True)
    (neaptide.folder / "var/reporting.duckdb").write_bytes(b"x" * 4096)
    with served(settings_of(neaptide)) as page:
        for path in ("/", "/reports", "/reports/sales_monthly", "/tables", "/tables/shop.orders", "/runs", "/runs/x",
                     asked("SELECT 1"), "/overview.json", "/tables.json"):  # fmt: skip
            answer = page.get(path) if path.endswith(".json") else page.html(path)
            assert answer.code == 503 and ('role="alert"' in answer.text or answer.json["error"]), path
