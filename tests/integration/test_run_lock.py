"""One run at a time, and asking whether one is under way is never in its way."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import errors
from jobs.beside.names import Names
from jobs.targets.file import lock

# A process that does what it is told with the lock of a target, and says when it has begun.
_OTHER = """
import sys
from pathlib import Path
from jobs.targets.file import lock
from jobs.beside.names import Names

target = Names(Path(sys.argv[1]))
if sys.argv[2] == "hold":
    with lock.locked(target):
        print("ready", flush=True)
        sys.stdin.readline()
else:
    print("ready", flush=True)
    seen = set()
    while not Path(sys.argv[1] + ".over").exists():
        seen.add(lock.is_locked(target))
    print(sorted(seen), flush=True)
"""


@contextmanager
def other(target: Names, what: str) -> Iterator[subprocess.Popen[str]]:
    """Such a process, gone at the end."""
    line = [sys.executable, "-c", _OTHER, str(target.link), what]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def target(tmp_path: Path) -> Names:
    return Names(tmp_path / "reporting.duckdb")


def test_to_ask_whether_a_run_is_under_way_never_keeps_one_from_starting(target: Names) -> None:
    with other(target, "ask") as asking:
        for _ in range(5000):
            with lock.locked(target, wait=False):
                pass
        target.link.with_name(f"{target.link.name}.over").touch()
        assert asking.stdout is not None
        assert asking.stdout.readline() == "[False, True]\n"


def test_a_run_of_another_process_is_seen_until_it_is_killed_and_keeps_others_out(target: Names) -> None:
    assert not lock.is_locked(target)
    with other(target, "hold") as holding:
        assert lock.is_locked(target)
        # To open and close the file, as whoever waits does to say for whom, must not make the holder lose it.
        with pytest.raises(errors.LockHeld, match=f"process {holding.pid} since"), lock.locked(target, wait=False):
            pass
        assert lock.is_locked(target)
        holding.kill()
    assert not lock.is_locked(target)
    with lock.locked(target, wait=False):
        pass


def test_a_run_in_a_thread_of_this_process_is_seen_and_keeps_the_other_threads_out(target: Names) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock.locked(target):
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(20)
    target.lock.read_bytes()
    assert lock.is_locked(target)
    with pytest.raises(errors.LockHeld), lock.locked(target, wait=False):
        pass
    done.set()
    thread.join()
    assert not lock.is_locked(target)
