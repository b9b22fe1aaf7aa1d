"""The embedded server's role that reads is an ordinary one, and nobody else on the server's port is told a password."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from app import bootstrap, config, errors, maskkey
from jobs.job import Job
from jobs.run import sync
from jobs.tracking import install, purge
from jobs.verify import verify
from tests.support.cluster import Cluster

KEY = "a mask key of more than sixteen"
CLEAR_TEXT = struct.pack("!cII", b"R", 8, 3)
ITEM = """
DROP TABLE IF EXISTS public.reader_item;
CREATE TABLE public.reader_item (
    id int PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE public.reader_item ENABLE ROW LEVEL SECURITY;
INSERT INTO public.reader_item VALUES (1, 'a'), (2, 'b')
"""


@pytest.fixture
def settings(postgres: Cluster, tmp_path: Path) -> config.Settings:
    """The tests' own server as an embedded source."""
    return config.Settings(
        source={"url": f"embedded:{postgres.server.root}"}, target={"path": tmp_path / "reporting.duckdb"},
        sync={"margin": "0s", "mask_key": KEY},
        tables=[{"name": "public.reader_item", "mask": {"name": "hash"}}],
    )  # fmt: skip


def test_the_role_that_reads_may_do_nothing_else(settings: config.Settings) -> None:
    job = bootstrap.job(settings)
    with psycopg.connect(job.owner_url, autocommit=True) as owner:
        owner.execute(ITEM)
        install.track(job, [])
        sync.sync_once(job)
        owner.execute("DELETE FROM reader_item WHERE id = 1; UPDATE reader_item SET name = 'c'")
        assert sync.sync_once(job).changed
        assert verify.verify(job).equal
        purge.purge(job)
        with psycopg.connect(job.url) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
            assert reader.execute("SELECT current_user").fetchone() != owner.execute("SELECT current_user").fetchone()
            assert reader.execute("SHOW is_superuser").fetchone() == ("off",)
            reader.execute("UPDATE reader_item SET name = 'd'")
        install.untrack(job, [])
        owner.execute("DROP TABLE reader_item")
    root = settings.embedded_root
    assert root is not None
    assert (root / "reader").stat().st_mode & 0o777 == 0o600
    assert conninfo.conninfo_to_dict(job.url)["password"] not in (root / "log").read_text(errors="replace")


@contextmanager
def impostor() -> Iterator[tuple[int, list[bytes]]]:
    """Somebody who has the port now, asks for the password in clear, and notes what it is told."""
    told: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client, suppress(OSError):
                        client.settimeout(5)
                        first = client.recv(65536)
                        if len(first) == 8:
                            # Whether TLS is spoken here.
                            client.sendall(b"N")
                            first = client.recv(65536)
                        told.append(first)
                        client.sendall(CLEAR_TEXT)
                        told.append(client.recv(65536))

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], told
        listener.shutdown(socket.SHUT_RDWR)


def test_another_process_on_the_port_is_told_neither_a_password_nor_what_masks_are_made_with(
    settings: config.Settings,
) -> None:
    job = bootstrap.job(settings)
    passwords = [str(conninfo.conninfo_to_dict(url)["password"]) for url in (job.url, job.owner_url)]
    known = str(conninfo.conninfo_to_dict(job.url)["port"])
    with impostor() as (port, told):
        urls = [url.replace(f":{known}/", f":{port}/") for url in (job.url, job.owner_url)]
        there = Job(settings, urls[0], None, urls[1])
        with pytest.raises(errors.NeaptideError):
            sync.sync_once(there)
        with pytest.raises(errors.NeaptideError):
            install.track(there, [])
    heard = b"".join(told)
    assert b"neaptide" in heard
    pads = maskkey.pads(KEY)
    assert not [secret for secret in (*passwords, KEY, pads[:32], pads[128:160]) if secret.encode() in heard]
