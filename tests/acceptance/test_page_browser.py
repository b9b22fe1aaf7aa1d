"""The page in a real browser: it looks right, keyboards reach all of it, it refreshes by itself, and nothing acts."""

from __future__ import annotations

import csv
import json
import shutil
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from app import bootstrap, config
from tests.support.cli import Cli
from tests.support.served import Page, served

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.long

_TABLE = "/tables/shop.orders"
PAGES = ("/", "/reports", "/reports/sales_monthly", "/tables", _TABLE, "/sql?q=FROM+shop.orders", "/runs", "/nope")
# Every text that is seen, where its colour stands out from what is behind it by less than AA asks for.
_CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (c) => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = (rgb) => { const [r, g, b] = rgb.slice(0, 3).map(linear); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const found = parse(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const one of document.querySelectorAll("body *")) {
    const says = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!says || !one.offsetParent) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))].sort().reverse();
    if ((a + .05) / (b + .05) < 4.5) poor.push(`${one.tagName} ${one.textContent.trim().slice(0, 30)}`);
  }
  return poor;
}"""
# What an audit of accessibility complains about, besides names and contrast.
_AMISS = """() => {
  const bad = [], all = (selector) => [...document.querySelectorAll(selector)];
  const ids = all("[id]").map((one) => one.id);
  bad.push(...ids.filter((id, place) => ids.indexOf(id) < place).map((id) => `twice: ${id}`));
  for (const name of ["aria-describedby", "aria-controls", "aria-labelledby", "aria-activedescendant", "list"])
    for (const one of all(`[${name}]`))
      if (!document.getElementById(one.getAttribute(name))) bad.push(`${name} to nothing`);
  const heads = all("h1, h2, h3, h4").map((one) => Number(one.tagName[1]));
  if (heads.filter((level) => level === 1).length !== 1) bad.push("not one h1");
  if (heads.some((level, place) => place && level > heads[place - 1] + 1)) bad.push("a heading is left out");
  for (const name of ["main", "header", "nav[aria-label]", "title", "html[lang]"])
    if (!all(name).length) bad.push(`no ${name}`);
  for (const one of all("table"))
    if (!one.querySelector("th[scope]") || !one.closest("[aria-label]")) bad.push("a table without heads or a name");
  for (const one of all("th")) if (!one.textContent.trim()) bad.push("a head without a word");
  for (const one of all("span[aria-label], div[aria-label], p[aria-label]"))
    if (!one.role) bad.push("a label nobody reads");
  for (const one of all("[role=img]")) if (!one.getAttribute("aria-label")) bad.push("a picture without a word");
  for (const one of all("a a, a button, button a")) bad.push(`one within another: ${one.outerHTML}`);
  for (const one of all("main a, button, input, select, textarea, summary")) {
    const {width, height} = one.getBoundingClientRect();
    if (width && height < 18) bad.push(`too low to touch: ${one.textContent.trim()} ${height}`);
  }
  return bad;
}"""
# Which element has the focus, by its place among all, whether a ring shows that, and whether it is in sight.
_FOCUS = """() => {
  const one = document.activeElement, {top, bottom} = one.getBoundingClientRect(), look = getComputedStyle(one);
  const ring = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) > 1;
  return [[...document.querySelectorAll("*")].indexOf(one), ring, bottom > 0 && top < innerHeight, one.tagName];
}"""
_REACHABLE = """() =>
  [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
  .filter((one) => one.checkVisibility()).map((one) => [...document.querySelectorAll("*")].indexOf(one))"""
_UNNAMED = """() => [...document.querySelectorAll("input, select, textarea, a, button, img, [role=region]")]
  .filter((one) => !(one.labels?.length || one.textContent.trim() || one.alt || one.getAttribute("aria-label")))
  .map((one) => one.outerHTML)"""
_COUNTRIES = "SELECT count(DISTINCT country) FROM read_parquet(?)"
# What is downloaded, opened again by what reads such files; each says how many rows or pieces it has.
_FILES: dict[str, Callable[[Path], int]] = {
    "CSV": lambda path: len(list(csv.DictReader(path.open(encoding="utf-8-sig")))),
    "Excel": lambda path: zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").count(b"<row ") - 1,
    "Parquet": lambda path: duckdb.execute(_COUNTRIES, [str(path)]).fetchall()[0][0],
    "JSON": lambda path: len(json.loads(path.read_text())["rows"]),
    "SVG": lambda path: len(list(ET.fromstring(path.read_text()).iter())),
    "PNG": lambda path: int.from_bytes(path.read_bytes()[16:20]) if path.read_bytes()[:4] == b"\x89PNG" else 0,
}
_WIDTHS = """() => {
  const {naturalWidth, clientWidth} = document.querySelector("picture img");
  return [naturalWidth, clientWidth];
}"""
_WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no browser (Debian: apt install chromium)")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def page(shown: Cli) -> Iterator[Page]:
    with served(bootstrap.load_settings(shown.folder / "config.toml")) as found:
        yield found


@pytest.mark.parametrize(("look", "width"), [("light", 1200), ("dark", 1200), ("light", 360), ("dark", 360)])
def test_each_page_can_be_read_by_everybody(browser: Any, page: Page, look: str, width: int) -> None:
    context = browser.new_context(color_scheme=look, viewport={"width": width, "height": 800})
    tab = context.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text) if "404" not in message.text else None)
    tab.on("pageerror", lambda error: said.append(str(error)))
    for path in PAGES:
        tab.goto(page.address + path)
        tab.wait_for_load_state("load")
        assert tab.evaluate(_WIDER) <= 0, path
        assert tab.evaluate(_CONTRAST) == [], path
        assert tab.evaluate(_UNNAMED) == [], path
        assert tab.evaluate(_AMISS) == [], path
    assert said == []
    context.close()


def test_a_picture_fits_its_place_and_is_drawn_for_it(browser: Any, page: Page) -> None:
    widths = []
    for width in (360, 1300):
        tab = browser.new_page(viewport={"width": width, "height": 800})
        tab.goto(f"{page.address}/reports/sales_monthly")
        tab.wait_for_function("() => document.querySelector('picture img')?.naturalWidth > 0")
        natural, drawn = tab.evaluate(_WIDTHS)
        assert natural - drawn <= 20
        widths.append(natural)
        tab.close()
    assert widths[0] < 340 and widths[1] > 1000


def test_a_report_is_asked_with_the_keyboard_alone(browser: Any, page: Page) -> None:
    tab = browser.new_page()
    tab.goto(f"{page.address}/reports")
    tab.keyboard.press("Tab")
    assert tab.evaluate("() => document.activeElement.className") == "skip"
    tab.locator("#search").focus()
    tab.keyboard.type("per month sales_m")
    assert tab.locator("#reports li:not(.hidden)").count() == 1
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/reports/sales_monthly")
    tab.locator("input[name=months]").focus()
    tab.keyboard.press("ControlOrMeta+a")
    tab.keyboard.type("5")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**months=5**")
    tab.close()


def test_each_page_is_gone_through_with_the_keyboard(browser: Any, page: Page) -> None:
    """Everything that can be used is reached, in the order in which it is read, in sight and with a ring around it."""
    tab = browser.new_page(viewport={"width": 1200, "height": 800})
    run = page.get("/runs.json").json["runs"][0]["run_id"]
    for path in (*PAGES, f"/runs/{run}"):
        tab.goto(page.address + path)
        tab.wait_for_load_state("load")
        wanted, seen = tab.evaluate(_REACHABLE), []
        for _ in range(4 * len(wanted)):
            tab.keyboard.press("Tab")
            place, ring, in_sight, name = tab.evaluate(_FOCUS)
            if name == "BODY" or (len(seen) > 1 and place == seen[0]):
                break
            assert ring and in_sight, (path, name, place)
            # A date is gone through part by part.
            seen += [place] if [place] != seen[-1:] else []
        assert seen == wanted, path
    tab.close()


def test_the_editor_completes_names_and_remembers(browser: Any, page: Page) -> None:
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{page.address}/sql")
    tab.locator("#q").focus()
    tab.keyboard.type("SELECT count(*) AS n FROM shop.custo")
    tab.keyboard.press("Enter")
    assert tab.locator("#q").input_value().endswith("FROM shop.customers")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector("table")
    tab.goto(f"{page.address}/sql")
    assert "shop.customers" in tab.locator("#history a").first.text_content()
    context.close()


def test_numbers_are_in_the_reader_s_language(browser: Any, page: Page) -> None:
    context = browser.new_context(locale="de-DE")
    tab = context.new_page()
    tab.goto(f"{page.address}/sql?q={quote('SELECT 1234567.80::DECIMAL(12,2) AS amount, 99999999999999999 AS n')}")
    assert tab.locator("td").all_text_contents() == ["1.234.567,80", "99.999.999.999.999.999"]
    context.close()


def test_downloads_are_files(browser: Any, page: Page, tmp_path: Path) -> None:
    tab = browser.new_page()
    tab.goto(f"{page.address}/reports/sales_by_country")
    rows = tab.locator("tbody tr").count()
    for name, opened in _FILES.items():
        with tab.expect_download() as begun:
            tab.get_by_role("link", name=name, exact=True).click()
        begun.value.save_as(tmp_path / name)
        found = opened(tmp_path / name)
        assert found == rows if name not in ("SVG", "PNG") else found > rows, name
    tab.close()


def test_a_commit_shows_by_itself_and_the_scroll_stays(browser: Any, neaptide: Cli) -> None:
    for number in range(60):
        neaptide("product", "create", f"SKU-{number:03}", "A thing", "1.00").ok()
    neaptide("sync").ok()
    query = quote("SELECT sku, unit_price FROM shop.products ORDER BY sku DESC")
    with served(bootstrap.load_settings(neaptide.folder / "config.toml")) as page:
        tab = browser.new_page(viewport={"width": 1000, "height": 500})
        tab.goto(f"{page.address}/sql?q={query}")
        tab.wait_for_function("() => document.readyState === 'complete'")
        tab.locator("#q").focus()
        tab.keyboard.type(" -- not run yet")
        tab.evaluate("() => scrollTo(0, 200)")
        before, typed = tab.evaluate("() => scrollY"), tab.locator("#q").input_value()
        neaptide("product", "create", "SKU-900", "A thing", "1.00").ok()
        neaptide("sync").ok()
        tab.wait_for_selector("text=SKU-900", timeout=10_000, state="attached")
        assert before > 0 and abs(tab.evaluate("() => scrollY") - before) <= 2
        assert "not run yet" in typed and tab.locator("#q").input_value() == typed
        assert tab.evaluate("() => document.activeElement.id") == "q"
        tab.close()


def test_hostile_data_opens_no_dialog(browser: Any, shown: Cli, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    (tmp_path / "reports" / "evil.sql").write_text(
        f'-- title: {evil}\n-- chart: bar x="{evil}" y=n\n'
        f"SELECT '{evil}' AS \"{evil}\", 1 AS n UNION ALL SELECT 'b', 2"
    )
    settings = bootstrap.load_settings(shown.folder / "config.toml")
    with served(settings.model_copy(update={"reports": config.Reports(path=tmp_path / "reports")})) as page:
        tab = browser.new_page()
        seen: list[str] = []
        tab.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
        for path in ("/reports", "/reports/evil", "/reports/evil.svg"):
            tab.goto(page.address + path)
            tab.wait_for_load_state("load")
        assert seen == []
        tab.close()
