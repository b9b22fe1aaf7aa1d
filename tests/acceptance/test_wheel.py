"""The wheel in an environment of its own: small, and it says what an extra would add."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.cli import ROOT

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tree as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def home(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An environment with nothing but the wheel and what it asks for, in the locked versions."""
    folder = tmp_path_factory.mktemp("home") / "env"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--only-binary", ":all:", str(wheel)]
    subprocess.run([*pip, "-c", str(_versions(folder.parent))], check=True, capture_output=True, timeout=170)
    yield folder


def _versions(folder: Path) -> Path:
    """The lock file's versions, without hashes: the wheel itself has none there."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    path = folder / "versions.txt"
    path.write_text("\n".join(line.removesuffix("\\").strip() for line in lines if line[:1].isalnum()))
    return path


def call(home: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("NEAPTIDE_", "PG", "PYTHON"))}
    command = [str(home / "bin" / "neaptide"), *arguments]
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False, timeout=60)


def test_the_wheel_holds_what_runs_and_a_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"neaptide.py", "app/cli.py", "jobs/__init__.py", "sql/__init__.py"} <= names
    assert any(name.endswith("LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "docs/")) for name in names)


def test_a_sync_needs_no_extra(home: Path, tmp_path: Path, empty_db: str) -> None:
    with psycopg.connect(empty_db, autocommit=True) as conn:
        conn.execute("CREATE TABLE t (id int PRIMARY KEY)")
        conn.execute("INSERT INTO t SELECT generate_series(1, 3)")
    (tmp_path / "config.toml").write_text(f'[source]\nurl = "{empty_db}"\n[[tables]]\nname = "t"\nwatermark = "none"\n')
    for arguments in (("--help",), ("sync",), ("verify",), ("status",)):
        done = call(home, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
    done = call(home, tmp_path, "sql", "SELECT count(*) AS n FROM public.t", "--format", "csv")
    assert done.stdout == "n\n3\n"


def test_what_is_missing_names_the_extra(home: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[source]\nurl = "embedded:var"\n[[tables]]\nname = "t"\n')
    for arguments in (("demo",), ("db", "start"), ("product", "create", "A", "B", "1")):
        done = call(home, tmp_path, *arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert "pip install 'neaptide[demo]'" in done.stderr, (arguments, done.stderr)
