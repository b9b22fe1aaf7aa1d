"""The Java that Spark needs is asked for by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import errors
from app.spark import java


def _program(folder: Path, said: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("said", "version"),
    [('openjdk version "17.0.15" 2025-04-15', "17"), ('java version "21" 2023-09-19', "21"), ('version "25-ea"', "25")],
)
def test_a_java_that_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, version: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_program(tmp_path / "jdk", said)))
    assert java.checked() == version


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ('openjdk version "11.0.2" 2019-01-15', "is Java 11"),
        ('java version "1.8.0_392"', "is Java 8"),
        ("exec format error", "doesn't say its version"),
    ],
)
def test_an_older_java_is_named_and_where_it_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, named: str
) -> None:
    home = _program(tmp_path / "jdk", said)
    monkeypatch.setenv("JAVA_HOME", str(home))
    with pytest.raises(errors.UsageError, match="Java 17") as caught:
        java.checked()
    assert f"JAVA_HOME, {home}, {named}" in caught.value.message
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(home / "bin"))
    with pytest.raises(errors.UsageError, match=f"the java on the PATH {named}"):
        java.checked()


def test_no_java_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.UsageError, match="Java 17: there is none") as caught:
        java.checked()
    assert "openjdk-17" in str(caught.value.hint)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(errors.UsageError, match="gone, has no Java"):
        java.checked()
