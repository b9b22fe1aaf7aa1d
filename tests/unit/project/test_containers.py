"""Dockerfile and compose.yaml, without Docker: what they name is there, and no secret is in an image."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app.config.settings import Settings
from tests.support.cli import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
SERVICES = yaml.safe_load(COMPOSE)["services"]
LAST = DOCKERFILE.rpartition("\nFROM ")[2]


@pytest.mark.parametrize(
    "call",
    [
        ("hadolint", "Dockerfile"),
        ("yamllint", "--strict", "compose.yaml"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"),
    ],
    ids=lambda call: call[0],
)
def test_linters_have_nothing_to_say(call: tuple[str, ...]) -> None:
    program = Path(sys.executable).with_name(call[0])
    done = subprocess.run([program, *call[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_runs_as_nobody_and_says_whether_it_is_well() -> None:
    assert re.findall(r"^USER (\S+)", LAST, re.M)[-1] not in ("root", "0")
    assert re.search(r"^HEALTHCHECK .*\n.*/healthz", LAST, re.M)


def test_no_secret_is_in_a_layer() -> None:
    settings = re.findall(r"^(?:ARG|ENV) (.*(?:\\\n.*)*)", DOCKERFILE, re.M)
    assert not any(re.search(r"(?i)token|passw|secret|url|key", text) for text in settings)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[0] == "*"
    assert not let_in & {"var", ".env", ".git", "."}


def test_what_is_copied_is_there_and_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M) for name in line.split()}
    assert copied <= let_in
    assert all((ROOT / name).exists() for name in copied)


def test_compose_sets_settings_that_there_are_and_asks_for_each_secret() -> None:
    environment = SERVICES["neaptide"]["environment"]
    for name in (name for name in environment if name.startswith("NEAPTIDE_")):
        section, key = name.removeprefix("NEAPTIDE_").lower().split("__")
        assert key in Settings.model_fields[section].annotation.model_fields  # type: ignore[union-attr]
    everything = {**environment, **SERVICES["postgres"]["environment"]}
    secrets = {name: value for name, value in everything.items() if re.search("PASSWORD|TOKEN", name)}
    assert len(secrets) == 4
    assert all(re.fullmatch(r"\$\{\w+:\?.*\}", value) for value in secrets.values())


def test_the_source_can_be_read_by_every_feed_and_by_no_superuser() -> None:
    assert "wal_level=logical" in SERVICES["postgres"]["command"]
    assert "//postgres@" not in SERVICES["neaptide"]["environment"]["NEAPTIDE_SOURCE__URL"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["neaptide"]["ports"])
