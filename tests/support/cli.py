"""The command line from outside: a process of its own, in a folder with a config."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import cli
from tests.support import feeds

ROOT = Path(__file__).resolve().parents[2]
TABLES = (
    "products", "customers", "orders", "order_items", "order_returns", "payments", "financings", "instalments",
)  # fmt: skip


@dataclass(frozen=True)
class Done:
    """What a call left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def ok(self) -> Done:
        """Itself, if it went well."""
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        return self


@dataclass(frozen=True)
class Cli:
    """`neaptide` in `folder`. Variables of the one who runs the tests don't count."""

    folder: Path

    def __call__(self, *arguments: str) -> Done:
        """In this process, which saves the imports: what `main` does, but for the exit."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run(["--config", str(self.folder / "config.toml"), *arguments])
        return Done(code, out.getvalue(), err.getvalue())

    def process(self, *arguments: str | Path, timeout: float = 300, typed: str = "", **env: str) -> Done:
        """As a process of its own, with this on stdin."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.env(**env), capture_output=True, text=True,
            timeout=timeout, check=False, input=typed,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def begun(self, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """As a process that Ctrl-C reaches, also where the tests run in the background, which a shell shields."""
        python, option, code, *rest = self.command(*arguments)
        heard = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {code}"
        return subprocess.Popen(
            [python, option, heard, *rest], cwd=self.folder, env=self.env(), stdout=stdout, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-c", "from app.cli import main; main()", *map(str, arguments)]

    def env(self, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("NEAPTIDE_", "PG"))}
        return {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more}


def config(folder: Path, url: str, *, tables: tuple[str, ...] = TABLES, more: str = "") -> Cli:
    """A folder with the shop's config for this source."""
    more += _feed(more) + f'\n[reports]\npath = "{ROOT / "sql" / "reports"}"\n'
    names = "".join(f'[[tables]]\nname = "shop.{name}"\n' for name in tables)
    (folder / "config.toml").write_text(f'[source]\nurl = "{url}"\n{more}\n{names}', encoding="utf-8")
    return Cli(folder)


def widest(text: str) -> int:
    """The longest line."""
    return max(map(len, text.splitlines()), default=0)


def _feed(more: str) -> str:
    """The section that says which feed was chosen, where the test has none of that name."""
    options = "" if "[sync]" in more else "".join(f'{key} = "{value}"\n' for key, value in feeds.chosen().items())
    return f"\n[sync]\n{options}" if options else ""
