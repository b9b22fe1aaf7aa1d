"""One command of `[hooks]` as a process of its own, which has the run on its stdin and a bounded time."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

# What a Python function is called by: `python:package.module:function`.
PYTHON = "python:"
_CALL = (
    "import importlib, json, sys; sys.path.insert(0, ''); module, _, name = sys.argv[1].partition(':');"
    " getattr(importlib.import_module(module), name)(json.load(sys.stdin))"
)
# How long a command has after SIGTERM, in seconds.
_GRACE = 2.0
# Of what it said, in bytes.
_LOOKED_AT = 16_384


def arguments(text: str) -> list[str]:
    """The command as a list of arguments, split as a shell would, but run without one."""
    if text.startswith(PYTHON):
        return [sys.executable, "-c", _CALL, text.removeprefix(PYTHON)]
    return shlex.split(text)


class Command:
    """A command under way."""

    def __init__(self, text: str, content: str, folder: Path) -> None:
        """Start it in this folder. Raises `OSError` where it can't be started.

        Files in place of pipes: what a command leaves running in the background holds nobody up.
        """
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the command
        with tempfile.TemporaryFile() as given:
            given.write(content.encode())
            given.seek(0)
            self._process = self._start(arguments(text), given, folder)

    def _start(self, command: list[str], given: IO[bytes], folder: Path) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command, cwd=folder, stdin=given, stdout=self._said, stderr=self._said, start_new_session=True
            )
        except OSError:
            self._said.close()
            raise

    def ended(self, seconds: float) -> str:
        """Wait for its end, at most so long, and end it then; what went wrong, or nothing."""
        with self._said:
            try:
                code = self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.end()
                return f"took longer than {seconds:g} s and was ended"
            return "" if code == 0 else f"{_how(code)}{self._last_line()}"

    def end(self) -> None:
        """End it and what it has started: first politely."""
        for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, None)):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)

    def _last_line(self) -> str:
        """As a whole, or nothing of one that is too long: a piece of a secret would not be known for one."""
        start = max(0, self._said.seek(0, os.SEEK_END) - _LOOKED_AT)
        self._said.seek(start)
        lines = self._said.read().decode(errors="replace").rstrip().splitlines()[1 if start else 0 :]
        return f": {lines[-1].strip()}" if lines else ""


def _how(code: int) -> str:
    return f"ended with code {code}" if code > 0 else f"was ended by signal {-code}"
