"""What is printed when something went wrong: no secret, whatever the message holds."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from app import errors
from app.face import failures
from app.face.base import Face


@pytest.fixture
def face(tmp_path: Path) -> Face:
    (tmp_path / "config.toml").write_text('[source]\nurl = "postgresql://me:p%40ss%20word@host/db"\n')
    found = Face()
    found.config_path = tmp_path / "config.toml"
    assert found.settings
    return found


@pytest.mark.parametrize(
    "text",
    [
        "could not reach postgresql://me:p%40ss%20word@host/db",
        "the password p@ss word is wrong",
        "host=host password='p@ss word' user=me",
        "password=other user=me",
        "postgres://somebody:else@there/db",
    ],
)
def test_no_password_gets_out(face: Face, text: str) -> None:
    found = failures.redact(text, face)
    assert "***" in found
    for secret in ("p@ss", "p%40ss", "word@", "other", "else"):
        assert secret not in found


def test_a_password_of_the_environment_counts_even_where_the_config_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAPTIDE_SOURCE__URL", "postgresql://me:geheim@host/db")
    monkeypatch.setenv("PGPASSWORD", "auchgeheim")
    assert failures.redact("geheim, auchgeheim", Face()) == "***, ***"


def _failed_after_ctrl_c() -> BaseException:
    """What comes of a `finally` or a library that fails on the way out."""
    try:
        try:
            raise KeyboardInterrupt
        finally:
            try:
                raise RuntimeError("another command is already in progress")
            except RuntimeError as error:
                raise ValueError("no rollback") from error
    except ValueError as error:
        return error


def _in_a_circle() -> BaseException:
    """One whose cause came up while it was handled."""
    first, second = RuntimeError("first"), ValueError("second")
    first.__context__, second.__cause__ = second, first
    return second


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (errors.LockHeld(hint="wait"), 75, ("error: Another run holds the lock.", "hint: wait")),
        (errors.ConfigError("a\nb"), 2, ("error: a\n  b",)),
        (OSError(errno.ENOSPC, "No space left on device"), 1, ("no room", "hint: free")),
        (OSError(errno.EFBIG, "File too large"), 1, ("no room", "hint: free")),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 1, ("no permission", "'x'")),
        (RuntimeError("odd"), 1, ("RuntimeError: odd", "bug in Neaptide")),
        (KeyboardInterrupt(), 130, ()),
        (_failed_after_ctrl_c(), 130, ()),
        (_in_a_circle(), 1, ("ValueError: second",)),
    ],
)
def test_each_error_has_its_words_and_its_exit_code(
    error: BaseException, code: int, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert failures.report(error, Face()) == code
    told = capsys.readouterr().err
    assert all(word in told for word in words) and "Traceback" not in told


def test_verbose_shows_the_traceback_without_the_password(face: Face, capsys: pytest.CaptureFixture[str]) -> None:
    face.verbose = True
    failures.report(RuntimeError("p@ss word"), face)
    told = capsys.readouterr().err
    assert "RuntimeError" in told and "p@ss" not in told
