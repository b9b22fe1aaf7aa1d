"""Every command line of README and docs, typed in the order in which the page has them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from app.demo import seeded
from app.oltp import engine
from app.oltp.embedded.server import EmbeddedServer
from tests.support import cli, cluster, pages
from tests.support.cli import ROOT

pytestmark = pytest.mark.long

# What is not typed here, and why. `make` itself is asked with -n: the target is there, and its recipe can be read.
NOT_RUN = {
    r"uv tool install|pipx install|pip install": "installs what is published; test_wheel.py installs this tree",
    r"docker ": "needs Docker; the Dockerfile and compose.yaml are linted",
    r"curl ": "needs a daemon with [http]; tests/integration/test_http.py asks it",
    r"duckdb ": "the DuckDB program is none of Neaptide's packages",
    r"neaptide demo --data": "needs the Online Retail file; tests/integration/test_retail_import.py imports one",
    r"neaptide lake ": "needs a lake; tests/integration/test_lake.py and tests/acceptance/test_lake_face.py have one",
    r"neaptide report .*--engine spark": "needs Spark; tests/spark/test_face.py types these",
    r"neaptide serve": "goes on until Ctrl-C; the tests of the page start it",
    r"neaptide alerts test": "needs a URL; tests/integration/test_alerts.py has one",
}
_ENDLESS = re.compile(r"neaptide (daemon|status --watch)( [^-].*)?")
_MAKE = re.compile(r"make [a-z-]+")
# These begin with nothing at all; the others on a synced shop.
_FROM_NOTHING = ("README.md", "demo.md", "index.md", "own-database.md")
_SOMEBODYS = "postgresql://reader@db.example.com/shop"


@dataclass
class Shell:
    """A shell that keeps its folder and its variables from one command to the next, and stops a page at an error."""

    folder: Path
    home: Path
    url: str

    def type(self, line: str) -> None:
        line = line.replace(_SOMEBODYS, self.url)
        if _MAKE.match(line):
            self._done(f"cd '{ROOT}' && {line.replace('make ', 'make -n ', 1)} >/dev/null", line, keep=False)
        elif _ENDLESS.fullmatch(line):
            self._interrupted(line)
        else:
            self._done(line, line)

    def _done(self, text: str, line: str, *, keep: bool = True) -> None:
        kept = f"\ndeclare -px > '{self.home}/variables'; pwd > '{self.home}/folder'" if keep else ""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{self._before()}\n{text}{kept}"], cwd=self.folder, env=self._env(),
            capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}"

    def _before(self) -> str:
        """What the commands before left: their variables, and where they went."""
        left = f"'{self.home}/variables'"
        return f"if [ -f {left} ]; then . {left}; cd \"$(cat '{self.home}/folder')\"; fi"

    def _interrupted(self, line: str) -> None:
        """One that goes on until Ctrl-C: it starts, and then ends in order."""
        process = subprocess.Popen(
            ["bash", "-c", f"{self._before()}\nexec {line}"], cwd=self.folder, env=self._env(), text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        assert any("has started" in said for said in process.stderr), line
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode in (0, -signal.SIGTERM, 143), line

    def _env(self) -> dict[str, str]:
        kept = cli.Cli(self.folder).env(PGPASSWORD=urlsplit(self.url).password or "", NO_COLOR="1")
        return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def template(postgres: cluster.Cluster) -> Iterator[str]:
    """A database with the shop, 400 generated orders in it, tracked."""
    url = postgres.create_database(postgres.shop_template())
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DROP ROLE IF EXISTS reader")
        conn.execute("CREATE ROLE reader LOGIN")
    made = engine.create(url)
    seeded.place(made, 400)
    made.dispose()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def shell(
    request: pytest.FixtureRequest, postgres: cluster.Cluster, template: str, open_folder: Path
) -> Iterator[Shell]:
    """In an empty folder, or in a project with a synced shop."""
    page: Path = request.getfixturevalue("page")
    url = postgres.create_database(template.rpartition("/")[2])
    work, home = open_folder / "work", open_folder / "home"
    work.mkdir()
    home.mkdir()
    if page.name not in _FROM_NOTHING:
        there = _project(work, url)
        there("track").ok()
        there("sync").ok()
    yield Shell(work, home, url)
    EmbeddedServer(work / "neaptide-demo" / "var/postgres").remove()
    postgres.drop_database(url)


def _project(folder: Path, url: str) -> cli.Cli:
    """A project with reports and models of its own: some pages write one."""
    there = cli.config(folder, url)
    for name in ("reports", "models"):
        shutil.copytree(ROOT / "sql" / name, folder / name)
    config = folder / "config.toml"
    config.write_text(re.sub(r"\n\[reports\]\npath = .*", "", config.read_text()))
    return there


def typed(page: Path) -> list[str]:
    """The commands of a page that are run."""
    lines = [line for block in pages.blocks(page) for line in block.commands()]
    return [line for line in lines if not any(re.match(pattern, line) for pattern in NOT_RUN)]


@pytest.mark.parametrize("page", [page for page in pages.pages() if typed(page)], ids=lambda page: page.name)
def test_a_page_can_be_typed(page: Path, shell: Shell) -> None:
    for line in typed(page):
        shell.type(line)


def test_what_is_not_run_is_in_the_docs() -> None:
    lines = [line for page in pages.pages() for block in pages.blocks(page) for line in block.commands()]
    assert [pattern for pattern in NOT_RUN if not any(re.match(pattern, line) for line in lines)] == []


PYTHON = [(page, block) for page in pages.pages() for block in pages.blocks(page) if block.language == "python"]


@pytest.mark.parametrize(("page", "block"), PYTHON, ids=[f"{page.name}:{block.line}" for page, block in PYTHON])
def test_blocks_of_python_run(page: Path, block: pages.Block, shown: cli.Cli, tmp_path: Path) -> None:
    text = block.text.replace("var/reporting.duckdb", str(shown.folder / "var/reporting.duckdb"))
    text = text.replace('"config.toml"', repr(str(shown.folder / "config.toml")))
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, env=shown.env(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{page.name}:{block.line}\n{done.stderr}"
