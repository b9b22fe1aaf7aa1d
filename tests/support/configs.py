"""A config.toml as a test writes it, and the words in which it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import config, errors

SECRET = "hunter2/secret"


def load(folder: Path, content: str) -> config.Settings:
    """The settings of a file of this content."""
    path = folder / "config.toml"
    path.write_text(content, encoding="utf-8")
    return config.load(path)


def refusal(folder: Path, content: str) -> str:
    """What is said of a file of this content."""
    with pytest.raises(errors.ConfigError) as caught:
        load(folder, content)
    assert caught.value.exit_code == 2
    return caught.value.message
