"""The embedded PostgreSQL: starting it in every way that is asked of it, and after every way it may have ended."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app import errors
from app.oltp.embedded import home
from app.oltp.embedded.server import EmbeddedServer
from tests.support import cluster
from tests.support.servers import REPOSITORY, ask, starter, until


@pytest.fixture(scope="module")
def made_once() -> Iterator[Path]:
    """The folder of a server that was started and stopped."""
    with cluster.open_folder() as folder:
        made = EmbeddedServer(folder / "postgres", settings=cluster.FAST)
        made.start()
        made.stop()
        yield made.root


@pytest.fixture
def new_server(open_folder: Path) -> Iterator[EmbeddedServer]:
    """A server that was never started."""
    found = EmbeddedServer(open_folder / "var" / "postgres", settings=cluster.FAST)
    yield found
    found.remove()


@pytest.fixture
def server(new_server: EmbeddedServer, made_once: Path) -> EmbeddedServer:
    """A server that doesn't run, with its data in place: a copy, which is quicker to have than a new one."""
    new_server.root.parent.mkdir()
    subprocess.run(["cp", "-a", made_once, new_server.root], check=True)
    return new_server


def nothing_is_left_after_a_start(server: EmbeddedServer) -> bool:
    """The initdb of a killed process goes on for a moment and may write while its draft is removed."""
    server.start()
    return not list(server.root.glob("data.new.*"))


def test_a_started_server_answers_with_the_settings_asked_for(new_server: EmbeddedServer) -> None:
    new_server.start()

    assert ask(new_server.url(), "SELECT current_database() || ' ' || current_user") == "neaptide neaptide"
    assert ask(new_server.url(), "SHOW max_prepared_transactions") == "20"
    assert ask(new_server.url(), "SHOW fsync") == "off"
    assert ask(new_server.url(), "SHOW data_checksums") == "on"
    assert ask(new_server.url(), "SHOW server_encoding") == "UTF8"
    assert ask(new_server.url(), "SELECT upper('ñ')") == "Ñ"


def test_it_listens_on_the_loopback_address_alone_and_has_no_unix_socket(server: EmbeddedServer) -> None:
    server.start()

    assert ask(server.url(), "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server.url(), "SHOW unix_socket_directories") == ""


def test_starting_twice_starts_one_server(server: EmbeddedServer) -> None:
    server.start()
    first = server.status()
    server.start()

    assert first.running
    assert server.status() == first


def test_two_processes_that_start_at_once_get_the_same_server(new_server: EmbeddedServer) -> None:
    command = starter(new_server.root, "print(server.status().pid)")
    racing = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    pids = {process.communicate(timeout=120)[0].strip() for process in racing}

    assert [process.returncode for process in racing] == [0, 0, 0]
    assert pids == {str(new_server.status().pid)}


def test_it_starts_again_after_kill_9_and_keeps_committed_rows(server: EmbeddedServer) -> None:
    server.start()
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    server.start()

    assert ask(server.url(), "SELECT answer FROM kept") == 42
    assert server.status().pid != pid


def test_a_pid_file_whose_number_is_another_program_by_now_does_not_hinder_the_start(server: EmbeddedServer) -> None:
    server.start()
    server.stop()
    pid_file = home.home(server.root) / "data" / "postmaster.pid"
    account = home.account_for(server.root)
    other = subprocess.Popen(["sleep", "600"], **home.run_as(account))
    try:
        home.write(pid_file, f"{other.pid}\n{pid_file.parent}\n1\n1\n\n127.0.0.1\n\n", account)
        assert not server.status().running
        server.start()
        assert ask(server.url(), "SELECT 1") == 1
    finally:
        other.kill()
        other.wait()


def test_a_set_up_that_was_cut_off_is_begun_anew(new_server: EmbeddedServer) -> None:
    process = subprocess.Popen(starter(new_server.root), cwd=REPOSITORY)
    until(lambda: any(new_server.root.glob("data.new.*/cluster/base")), "the set-up is under way")
    process.kill()
    process.wait()
    assert not (new_server.root / "data").exists()

    new_server.start()

    assert ask(new_server.url(), "SELECT 1") == 1
    until(lambda: nothing_is_left_after_a_start(new_server), "the draft is gone")


def test_a_stopped_server_is_gone_and_comes_back_on_its_port(server: EmbeddedServer) -> None:
    server.start()
    port = server.status().port
    server.stop()

    assert not server.status().running
    assert server.status().pid is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port or 0), timeout=60).close()
    server.stop()
    server.start()
    assert server.status().port == port


def test_a_port_that_somebody_else_took_is_given_up_for_a_free_one(server: EmbeddedServer) -> None:
    server.start()
    taken = server.status().port
    server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", taken or 0))
        other.listen()

        server.start()

        assert server.status().port != taken
        assert ask(server.url(), "SELECT 1") == 1


def test_stopping_ends_open_sessions_instead_of_waiting_for_them(server: EmbeddedServer) -> None:
    server.start()
    with psycopg.connect(server.url()) as connection:
        connection.execute("SELECT 1")
        server.stop(timeout=60)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_the_password_is_in_a_private_file_and_in_no_status(server: EmbeddedServer) -> None:
    server.start()
    secret = server.root / "password"
    password = secret.read_text()

    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert len(password) >= 32
    assert password not in repr(server.status())
    assert password in server.url()
    assert password not in (server.root / "log").read_text()


def test_a_wrong_password_is_refused(server: EmbeddedServer) -> None:
    server.start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url().replace((server.root / "password").read_text(), "guessed"))


def test_a_url_before_the_first_start_names_the_command_that_starts(new_server: EmbeddedServer) -> None:
    with pytest.raises(errors.SourceUnavailable) as caught:
        new_server.url()
    assert "neaptide db start" in str(caught.value.hint)
    assert not new_server.status().running


def test_a_server_that_ends_at_once_says_why_in_the_words_of_its_log(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "broken", settings={**cluster.FAST, "shared_buffers": "nonsense"})
    try:
        with pytest.raises(errors.SourceUnavailable, match='invalid value for parameter "shared_buffers"') as caught:
            server.start(timeout=60)
        assert str(server.root / "log") in str(caught.value.hint)
        assert not server.status().running
    finally:
        server.remove()


def test_a_file_where_the_folder_should_be_is_a_clear_error(open_folder: Path) -> None:
    (open_folder / "file").write_text("")
    with pytest.raises(errors.SourceUnavailable, match="can't be used"):
        EmbeddedServer(open_folder / "file").start()
