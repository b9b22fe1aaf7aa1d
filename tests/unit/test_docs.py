"""README and changelog name what there is, and nothing that isn't."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from app import cli
from tests.support.cli import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def _leaves(command: click.Command = cli.root, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from _leaves(found, (*path, name))


@pytest.mark.parametrize("name", list(_leaves()))
def test_every_command_stands_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize(
    "line", re.findall(r"^ *\$ (neaptide .*)$", README, re.M) + re.findall(r"`(neaptide .*?)`", README)
)
def test_every_call_in_the_readme_can_be_read(line: str) -> None:
    command: click.Command = cli.root
    words = [word for word in shlex.split(line)[1:] if word not in ("COMMAND", "--help")]
    while isinstance(command, click.Group) and words:
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found is not None, line
        command = found
    if words:
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options


@pytest.mark.parametrize("report", re.findall(r"neaptide report (\w+)", README))
def test_every_report_in_the_readme_exists(report: str) -> None:
    assert (ROOT / "sql" / "reports" / f"{report}.sql").is_file()


@pytest.mark.parametrize("target", re.findall(r"`?make ([\w-]+)`?", README))
def test_every_make_target_in_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def test_the_changelog_has_unreleased_on_top_and_each_line_names_a_command_or_a_setting() -> None:
    assert CHANGELOG.split("\n## ")[1].startswith("Unreleased")
    entries = re.findall(r"^- (.*(?:\n  .*)*)", CHANGELOG, re.M)
    assert entries
    for entry in entries:
        names = re.findall(r"`neaptide (\w+)", entry)
        assert all(name in cli.COMMANDS for name in names)
        assert names or re.search(r"`\[\[?\w+", entry), entry


def test_the_sample_config_has_every_key_with_its_default() -> None:
    from app import config

    given = config.load(ROOT / "config.toml")
    empty = config.Settings(base=given.base)
    for section in ("source", "target", "schedule", "sync"):
        sample, default = getattr(given, section), getattr(empty, section)
        for key in type(default).model_fields:
            if key == "every":  # its default depends on cron
                assert sample.interval == default.interval
            elif getattr(default, key) is not None:
                assert getattr(sample, key) == getattr(default, key), f"[{section}] {key}"
