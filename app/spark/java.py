"""The Java that Spark runs on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from app import errors

LEAST = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_INSTALL = "install Java 17 (Debian: apt install openjdk-17-jre-headless), and let JAVA_HOME lead to it or unset it"


def checked() -> str:
    """The version of the Java that Spark will start. Raises `errors.UsageError` where it is missing or too old."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    place = f"JAVA_HOME, {home}," if home else "the java on the PATH"
    if program is None or not os.access(program, os.X_OK):
        missing = f"{place} has no Java" if home else "there is none"
        raise errors.UsageError(f"Spark needs Java {LEAST}: {missing}", hint=_INSTALL)
    version = _version(program)
    if version is None or version < LEAST:
        named = f"is Java {version}" if version else "doesn't say its version"
        raise errors.UsageError(f"Spark needs Java {LEAST}: {place} {named}", hint=_INSTALL)
    return str(version)


def _version(program: str) -> int | None:
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stderr + done.stdout)
    return int(match[1]) if match else None
