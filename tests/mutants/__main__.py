"""Applies each change to a copy of the tree and runs its test there, which must fail.

A change that no longer fits the code, a test that can't be run, and a test that fails without any change are failures
of the list itself. Exit 1 if there is one, or if a mutant survives.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants import registered
from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("app", "jobs", "sql", "tests", "docs", "neaptide.py", "pyproject.toml", "config.toml", "README.md")
CAUGHT, SURVIVED, STALE, BROKEN = "caught", "SURVIVED", "does not apply", "test did not run"
# pytest's exit codes: all passed, some failed.
_PASSED, _FAILED = 0, 1
_LONGEST = 600


def copy_tree(to: Path) -> None:
    """What the tests need."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, to / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / part).exists():
            shutil.copy(ROOT / part, to / part)


def run(folder: Path, tests: Sequence[str]) -> int:
    """pytest's exit code in that tree, whose packages come first on the path."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:xdist", *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_LONGEST, check=False
    )
    if done.returncode not in (_PASSED, _FAILED) or (done.returncode == _FAILED and os.environ.get("MUTANTS_VERBOSE")):
        print(done.stdout[-3000:], file=sys.stderr)
    return done.returncode


def judge(mutant: Mutant) -> str:
    """What became of one mutant."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        copy_tree(folder)
        path = folder / mutant.file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if text.count(mutant.before) != 1:
            return STALE
        path.write_text(text.replace(mutant.before, mutant.after), encoding="utf-8")
        return {_PASSED: SURVIVED, _FAILED: CAUGHT}.get(run(folder, [mutant.test]), BROKEN)


def control(tests: Sequence[str], workers: int) -> bool:
    """Without a change every one of the tests passes."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        copy_tree(Path(name))
        parallel = ["-p", "xdist", "-n", str(workers)]
        command = [sys.executable, "-m", "pytest", "-q", *parallel, *tests]
        done = subprocess.run(
            command, cwd=name, env={**os.environ, "PYTHONPATH": name}, capture_output=True, text=True, check=False
        )
        print(done.stdout[-2000:] if done.returncode else f"unchanged: {done.stdout.strip().splitlines()[-1]}")
        return done.returncode == 0


def main() -> int:
    """Print a line for each mutant as it is judged, and the sum."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants whose name holds one of these")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-control", action="store_true", help="take it that the tests pass without a change")
    given = parser.parse_args()
    chosen = [m for m in registered() if not given.words or any(word in m.name for word in given.words)]
    began = time.monotonic()
    sound = given.no_control or control(sorted({m.test for m in chosen}), given.workers)
    width = max(len(m.name) for m in chosen)
    with ThreadPoolExecutor(given.workers) as pool:
        verdicts = []
        for mutant, verdict in zip(chosen, pool.map(judge, chosen), strict=True):
            verdicts.append(verdict)
            print(f"{mutant.name:<{width}}  {verdict:<16}  {mutant.test.split('::')[1]}", flush=True)
    caught = verdicts.count(CAUGHT)
    print(f"{caught} of {len(chosen)} mutants caught in {time.monotonic() - began:.0f} s")
    return 0 if sound and caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
