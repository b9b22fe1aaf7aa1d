"""README, docs and changelog name what there is, and nothing that isn't."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel

from app import cli, config
from app.config.settings import Settings
from app.config.table import Table
from jobs.daemon import metrics
from tests.support import pages, pythonpage
from tests.support.cli import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = "\n".join(page.read_text(encoding="utf-8") for page in pages.pages())
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
COMMANDS = [(page.name, line) for page in pages.pages() for block in pages.blocks(page) for line in block.commands()]
# What a README promises to whoever reads it on a phone.
LONGEST = 8_000
_EVERYWHERE = ("COMMAND", "--help", "--version", "--verbose", "--quiet")


def _leaves(command: click.Command = cli.root, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from _leaves(found, (*path, name))


def _keys(model: type[BaseModel], section: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys(kind, f"[{name}]")
        elif not field.exclude:
            yield section, name


def _read(line: str) -> None:
    """A call as click would take it: the command is there, and so is each of its options."""
    command: click.Command = cli.root
    words = [word for word in shlex.split(line)[1:] if word not in _EVERYWHERE]
    while isinstance(command, click.Group) and words:
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found is not None, line
        command = found
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-") and word != "-"} <= options, line


def _code() -> Iterator[str]:
    for room in ("app", "jobs"):
        for path in ROOT.glob(f"{room}/**/*.py"):
            yield path.read_text(encoding="utf-8")


def _in_backticks(text: str) -> list[str]:
    return [line for line in re.findall(r"`(neaptide [^`]*)`", text) if not re.search(r"[{…]|\.\.\.", line)]


def test_the_readme_is_short_and_says_how_to_try_it() -> None:
    assert len(README.encode()) <= LONGEST
    for needed in ("make demo", "make test", " passed, ", "docs/path.svg", "make test-servers", "LICENSE"):
        assert needed in README


@pytest.mark.parametrize("name", list(_leaves()))
def test_every_command_stands_in_the_docs(name: str) -> None:
    assert f"`{name}`" in DOCS or re.search(rf"neaptide {name}\b", DOCS)


@pytest.mark.parametrize(
    ("section", "key"), [*_keys(Settings, ""), *_keys(Table, "[[tables]]")], ids=lambda value: value or "top"
)
def test_every_setting_stands_in_the_docs(section: str, key: str) -> None:
    assert section in DOCS
    assert re.search(rf"`{key}`|\b{key} = |\] {key}\b", DOCS)


def test_the_defaults_in_the_reference_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            part = text.partition(f"\n## [{name}]\n")[2].partition("\n## ")[0]
            for key, default in re.findall(r"^\| `(\w+)` \| (.+?) \|", part, re.M):
                _same(field.annotation, key, default.strip("`"), f"[{name}] {key}")


def _same(model: type[BaseModel], key: str, default: str, where: str) -> None:
    if key in ("url", "every"):  # a secret, and one whose default depends on cron
        return
    real = getattr(model(), key)
    if default == "none":
        assert real in (None, []), where
        return
    assert str(getattr(model(**{key: _value(default)}), key)) == str(real), where


def _value(text: str) -> Any:
    return {"true": True, "false": False}.get(text, int(text) if text.isdigit() else text)


@pytest.mark.parametrize("name", sorted(set(re.findall(r'"(neaptide_\w+)"', Path(metrics.__file__).read_text()))))
def test_every_metric_stands_in_the_docs(name: str) -> None:
    assert re.search(rf"`{name}(_total|_timestamp_seconds)?[`{{]", DOCS)


def test_every_action_of_a_record_stands_in_the_docs() -> None:
    actions = set(re.findall(r'action="(\w+)"', "\n".join(_code()))) | {"source_unreachable", "run_failed"}
    assert {action for action in actions if f"`{action}`" not in DOCS} == set()


def test_every_variable_of_the_environment_stands_in_the_docs() -> None:
    from app.config import environment

    for name in (*environment._OTHERS, "NO_COLOR", "PGPASSWORD", "NEAPTIDE_SYNC__MASK_KEY", "NEAPTIDE_HTTP__TOKEN"):
        assert f"`{name}`" in DOCS


@pytest.mark.parametrize(("page", "line"), [one for one in COMMANDS if one[1].startswith("neaptide ")])
def test_every_call_in_the_docs_can_be_read(page: str, line: str) -> None:
    _read(line.partition("|")[0] if '"' not in line else line)


def test_every_call_in_prose_can_be_read() -> None:
    for page in pages.pages():
        for line in _in_backticks(pages.prose(page)):
            _read(line)


def test_every_call_in_a_message_of_the_code_can_be_read() -> None:
    for text in _code():
        for line in _in_backticks(text):
            _read(line)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b(?=[` \n])", DOCS))))
def test_every_make_target_in_the_docs_exists(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    in_code = re.search(rf"(`|^ *|^\$ )make {target}\b", DOCS, re.M)
    assert not in_code or re.search(rf"^{target}:", makefile, re.M), target


def test_every_link_leads_somewhere() -> None:
    wrong = []
    for page in pages.pages():
        for link in pages.links(page):
            name, _, anchor = link.partition("#")
            there = page.parent / name if name else page
            if not there.exists() or (anchor and anchor not in pages.anchors(there)):
                wrong.append(f"{page.name}: {link}")
    assert wrong == []


def test_every_page_is_led_to_from_the_readme_or_the_index() -> None:
    led = {link.partition("#")[0].removeprefix("docs/") for link in pages.links(ROOT / "README.md")}
    led |= {link.partition("#")[0] for link in pages.links(ROOT / "docs" / "index.md")}
    there = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert there - led == set(), "give it a line in docs/index.md"


@pytest.mark.parametrize("page", pages.pages(), ids=lambda page: page.name)
def test_blocks_of_toml_have_only_settings_that_there_are(page: Path) -> None:
    known = set(_keys(Settings, "")) | set(_keys(Table, "[[tables]]"))
    for block in pages.blocks(page):
        if block.language == "toml":
            for section, key in _given(tomllib.loads(block.text)):
                assert (section, key) in known, f"{section} {key}"


def _given(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from ((f"[{name}]", key) for key in value)
        elif name == "tables":
            yield from (("[[tables]]", key) for table in value for key in table)
        else:
            yield "", name


def test_what_the_architecture_names_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:app|jobs|sql|tests|docs)/[\w./]*|[\w]+\.(?:py|toml))`", text)
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists()] == []
    places = [line for line in text.partition("Where do I change X")[2].splitlines() if line.startswith("| ")]
    assert len(places) >= 13


def test_every_room_of_the_sync_stands_in_the_picture_of_the_floors() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = text.partition("```text")[2].partition("```")[0]
    rooms = [path.name for path in (ROOT / "jobs").iterdir() if (path / "__init__.py").exists()]
    assert [name for name in sorted(rooms) if f" {name}/" not in picture] == []


def test_the_page_on_python_is_made_of_the_docstrings() -> None:
    assert pythonpage.PAGE.read_text(encoding="utf-8") == pythonpage.page(), "run `make docs`"


def test_the_changelog_has_unreleased_on_top_and_each_line_names_a_command_or_a_setting() -> None:
    assert CHANGELOG.split("\n## ")[1].startswith("Unreleased")
    entries = re.findall(r"^- (.*(?:\n  .*)*)", CHANGELOG, re.M)
    assert entries
    for entry in entries:
        names = re.findall(r"`neaptide (\w+)", entry)
        assert all(name in cli.COMMANDS for name in names)
        assert names or re.search(r"`\[\[?\w+", entry), entry


def test_the_sample_config_has_every_key_with_its_default() -> None:
    given = config.load(ROOT / "config.toml")
    empty = config.Settings(base=given.base)
    for section in ("source", "target", "schedule", "sync"):
        sample, default = getattr(given, section), getattr(empty, section)
        for key in type(default).model_fields:
            if key == "every":  # its default depends on cron
                assert sample.interval == default.interval
            elif getattr(default, key) is not None:
                assert getattr(sample, key) == getattr(default, key), f"[{section}] {key}"
