"""Hooks: commands that get a run's JSON after it has published, and whose failure is told and fails nothing."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg.conninfo
import pytest

from app import config, errors
from tests.support.cli import Cli, Done
from tests.support.daemons import running, wait_until, write_config
from tests.support.syncing import Lab

ITEMS = "CREATE TABLE item (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())"
# The folder's name may have spaces.
PYTHON = shlex.quote(sys.executable)
KEEPS = f'{PYTHON} -c \'import sys; open("seen.jsonl", "a").write(sys.stdin.read() + chr(10))\''


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A tracked table, not synced yet."""
    found = Lab(empty_db, tmp_path / "with space", [{"name": "public.item"}])
    found.run(ITEMS)
    found.track()
    return found


def hooked(lab: Lab, *commands: str, timeout: str = "20s") -> Cli:
    """The command line with these hooks."""
    write_config(lab, more=f"[hooks]\nafter_publish = {json.dumps(commands)}\ntimeout = {timeout!r}")
    return Cli(lab.folder)


def seen(lab: Lab) -> list[dict[str, Any]]:
    """What the hooks have read so far."""
    path = lab.folder / "seen.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def told(done: Done) -> str:
    """What was said of the hook; the call itself went well."""
    return done.ok().err


def test_a_hook_reads_the_run_once_it_is_published_and_nothing_where_nothing_was(lab: Lab) -> None:
    neaptide = hooked(lab, KEEPS)
    run = neaptide("sync", "--json").ok().json
    [first] = seen(lab)
    assert first["run_id"] == run["run_id"] == first["runs"][0] and first["changed_tables"] == ["public.item"]
    assert first["path"] == str(lab.folder / "reporting.duckdb") and first["as_of"] == run["as_of"].replace(" ", "T")
    neaptide("sync").ok()
    assert len(seen(lab)) == 1
    lab.run("INSERT INTO item VALUES (1)")
    neaptide("verify").ok()
    assert [one["kind"] for one in seen(lab)] == ["sync", "sync"]


def test_a_function_of_python_reads_it_too(lab: Lab) -> None:
    neaptide = hooked(lab, "python:own.hooks:keep")
    (lab.folder / "own").mkdir()
    body = "import json\ndef keep(run):\n    open('seen.jsonl', 'a').write(json.dumps(run))\n"
    (lab.folder / "own" / "hooks.py").write_text(body)
    assert "warning" not in told(neaptide("sync"))
    assert [one["changed_tables"] for one in seen(lab)] == [["public.item"]]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("false", "the hook 'false' ended with code 1"),
        ("no-such-command --token=s3cret", "the hook 'no-such-command' can't be started: No such file or directory"),
        (f"{PYTHON} -c 'import os; os.kill(os.getpid(), 9)'", "was ended by signal 9"),
        ("python:no.such:thing", "No module named 'no'"),
        (f"{PYTHON} -c 'print(chr(27) + chr(91) + chr(51)); exit(3)'", "ended with code 3"),
    ],
)
def test_what_fails_is_told_and_fails_nothing_and_the_next_one_is_called(lab: Lab, command: str, said: str) -> None:
    err = told(hooked(lab, command, KEEPS)("sync"))
    assert said in err and "s3cret" not in err and "\x1b" not in err
    assert len(seen(lab)) == 1


def test_no_piece_of_a_secret_is_told_wherever_a_long_line_is_cut(lab: Lab) -> None:
    password = psycopg.conninfo.conninfo_to_dict(lab.url)["password"]
    neaptide = hooked(lab, f"{PYTHON} say.py")
    (lab.folder / "say.py").write_text(f"print({'x' * 100 + password * 20!r}); raise SystemExit(3)")
    err = told(neaptide("sync"))
    assert "ended with code 3: xxx" in err and password[:4] not in err
    (lab.folder / "say.py").write_text(f"print({password + 'y' * (16_384 - 20)!r}); raise SystemExit(4)")
    lab.run("INSERT INTO item VALUES (9)")
    err = told(neaptide("sync"))
    assert "ended with code 4" in err and password[-8:] not in err


@pytest.mark.parametrize("how", ["sleep 600", "trap '' TERM; while :; do sleep 1; done"])
def test_a_hook_that_hangs_is_ended_with_all_that_it_started(lab: Lab, how: str) -> None:
    neaptide = hooked(lab, "sh hang.sh", timeout="300ms")
    (lab.folder / "hang.sh").write_text(f"echo $$ > pid\n{how}\n")
    began = time.monotonic()
    assert "took longer than 0.3 s and was ended" in told(neaptide("sync"))
    assert time.monotonic() - began < 10
    group = (lab.folder / "pid").read_text().strip()
    wait_until(lambda: not at_work(group))


def at_work(group: str) -> list[str]:
    """The processes of a group that have not ended; of those that have, nobody may have asked yet."""
    found = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if line.split()[0] == group and not line.split()[1].startswith("Z")]


def test_what_a_hook_leaves_in_the_background_holds_nobody_up(lab: Lab) -> None:
    neaptide = hooked(lab, "sh -c 'sleep 300 & echo $! > pid'", timeout="20s")
    began = time.monotonic()
    told(neaptide("sync"))
    os.kill(int((lab.folder / "pid").read_text()), signal.SIGKILL)
    assert time.monotonic() - began < 10


def test_a_long_output_and_a_command_that_reads_nothing_are_no_trouble(lab: Lab) -> None:
    err = told(hooked(lab, f'{PYTHON} -c \'print("x" * 10**7); print("the end"); exit(1)\'')("sync"))
    assert err.count("\n") < 5 and "the end" in err


def test_the_hooks_of_a_daemon_hold_up_no_run_and_miss_none(lab: Lab) -> None:
    path = write_config(lab, more=f"[hooks]\nafter_publish = {json.dumps(['sh wait.sh', KEEPS, 'false'])}")
    (lab.folder / "wait.sh").write_text("while [ ! -e go ]; do sleep 0.05; done\n")
    with running(path) as daemon:
        daemon.saw("run_done", changed=True)
        for key in range(3):
            lab.run(f"INSERT INTO item VALUES ({key})")
            daemon.saw("run_done", times=2 + key, changed=True)
        assert not seen(lab)
        (lab.folder / "go").touch()
        last = daemon.records("run_done")[-1]["run_id"]
        wait_until(lambda: seen(lab) and seen(lab)[-1]["run_id"] == last)
        changed = [record["run_id"] for record in daemon.records("run_done") if record["changed"]]
        assert [name for one in seen(lab) for name in one["runs"]] == changed and len(seen(lab)) == 2
        assert "'false'" in daemon.saw("hook_failed", times=2)["event"]
        daemon.signal(signal.SIGTERM)
        assert daemon.end() == 0


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"after_publish": [""]}, "a command is empty"),
        ({"after_publish": ["echo 'x"]}, "the command can't be read"),
        ({"after_publish": ["python:json"]}, "python:package.module:function"),
        ({"after_publish": ["python:a.b:c; import os"]}, "python:package.module:function"),
        ({"after_publish": [["dbt", "build"]]}, "a hook is one text"),
        ({"after_publish": "dbt build"}, "has to be a list"),
        ({"timeout": "0s"}, "less than 100ms"),
        ({"before_publish": []}, "unknown key"),
    ],
)
def test_hooks_that_are_none_are_refused(tmp_path: Path, given: dict[str, Any], wrong: str) -> None:
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
    (tmp_path / "config.toml").write_text(f"[hooks]\n{lines}")
    with pytest.raises(errors.ConfigError, match=wrong):
        config.load(tmp_path / "config.toml")
