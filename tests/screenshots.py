"""The pictures of docs/page.md, from a page that is being served: `python -m tests.screenshots http://127.0.0.1:8321`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

_DOCS = Path(__file__).parents[1] / "docs"
# Name, address, look and width.
_SHOTS = (("page-overview", "/", "light", 1000), ("page-report", "/reports/sales_monthly", "dark", 1000))


def main(address: str) -> None:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, path, look, width in _SHOTS:
            tab = browser.new_page(color_scheme=look, viewport={"width": width, "height": 640})
            tab.goto(address + path)
            tab.wait_for_load_state("load")
            tab.screenshot(path=_DOCS / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
