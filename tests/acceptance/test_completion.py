"""Completion, as a shell asks for it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import cli
from tests.support.cli import Cli

# What bash does at a Tab: the words so far, and which of them is meant.
TAB = """
source <(neaptide completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
$(complete -p neaptide | sed 's/.*-F \\([^ ]*\\).*/\\1/') neaptide
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A config, whose source is not asked, and the command on the path."""
    folder = tmp_path_factory.mktemp("project")
    found = cli.config(folder, "postgresql://nobody@127.0.0.1:1/none")
    command = folder / "bin" / "neaptide"
    command.parent.mkdir()
    python, option, code = found.command()
    command.write_text(f"#!/bin/sh\nexec '{python}' {option} '{code}' \"$@\"\n", encoding="utf-8")
    command.chmod(0o755)
    return found


def _offered(project: Cli, *words: str) -> set[str]:
    path = f"{project.folder / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", TAB, "bash", *words], cwd=project.folder, env=project.env(PATH=path), capture_output=True,
        text=True, check=True, timeout=60,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return {*done.stdout.split()}


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("neaptide", "stat"), {"status"}),
        (("neaptide", "db", "st"), {"start", "stop", "status"}),
        (("neaptide", "sync", "--dr"), {"--dry-run"}),
        (("neaptide", "report", "sales_"), {"sales_by_country", "sales_daily", "sales_monthly"}),
        (("neaptide", "report", "top_products", "--format", "j"), {"json", "jsonl"}),
        (("neaptide", "tables", "shop.order_"), {"shop.order_items", "shop.order_returns"}),
        (("neaptide", "verify", "--table", "shop.p"), {"shop.products", "shop.payments"}),
        (("neaptide", "untrack", "shop.p"), {"shop.products", "shop.payments"}),
        (("neaptide", "report", "sales_monthly", "-p", "t"), {"to", "timezone"}),
        (("neaptide", "--config", "none.toml", "report", "sales_"), set()),
    ],
)
def test_bash_is_offered_commands_options_reports_and_tables(
    project: Cli, words: tuple[str, ...], offered: set[str]
) -> None:
    assert _offered(project, *words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_it_can_read(project: Cli, tmp_path: Path, shell: str) -> None:
    script = project("completion", shell).ok().out
    assert "_NEAPTIDE_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, capture_output=True, cwd=tmp_path)


def test_tables_of_a_pattern_are_those_of_the_file(shown: Cli) -> None:
    text = (shown.folder / "config.toml").read_text().split("[[tables]]")[0]
    other = shown.folder / "pattern.toml"
    other.write_text(f'{text}[[tables]]\nname = "shop.*"\n', encoding="utf-8")
    asked = {"COMP_WORDS": f"neaptide --config {other} tables shop.c", "COMP_CWORD": "4"}
    done = shown.process(_NEAPTIDE_COMPLETE="bash_complete", **asked)
    assert done.out == "plain,shop.customers\n"
