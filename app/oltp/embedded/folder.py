"""The folder of an embedded server: its small files, the URLs they make, and what is said where it can't be used."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from urllib.parse import quote

from app import errors
from app.oltp.embedded import home, initdb
from app.oltp.embedded import log as server_log

HOST = "127.0.0.1"
_PORTS = range(15432, 32000)  # below the range the system takes ports for outgoing connections from


class Folder:
    """The folder at `path`: `data/`, `password` and `reader` (0600), `port`, `log`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def data(self) -> Path:
        """Where PostgreSQL's own files lie, which may be outside of the folder."""
        return home.home(self.path) / "data"

    def owner_url(self, database: str) -> str:
        """The URL of the role that may do everything."""
        return self.url(initdb.ROLE, "password", database)

    def url(self, role: str, file: str, database: str) -> str:
        """A role's URL, with the password in `file`. Raises `errors.SourceUnavailable` before the first start."""
        port, password = self.port(), self.read(file)
        if port is None or password is None:
            raise errors.SourceUnavailable(
                f"there is no embedded PostgreSQL in {self.path} yet", hint="start it: neaptide db start"
            )
        return f"postgresql://{role}:{password}@{HOST}:{port}/{quote(database, safe='')}"

    def port(self) -> int | None:
        """The port of the last start; None before the first."""
        text = self.read("port")
        return int(text) if text and text.isdigit() else None

    def choose_port(self) -> int:
        """The port of the last start where it is free still, else a new one, written down."""
        known = self.port()
        if known is not None and is_free(known):
            return known
        port = next((port for port in random.sample(_PORTS, 100) if is_free(port)), None)
        if port is None:
            raise self.failed("finds no free port")
        home.write(self.path / "port", f"{port}\n")
        return port

    def read(self, name: str) -> str | None:
        """A small file of the root; None before the first start."""
        try:
            return (self.path / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise self.unusable(error) from error

    def failed(self, what: str) -> errors.SourceUnavailable:
        """The error for a server that does `what`, with the end of its log."""
        log = self.path / "log"
        end = server_log.end_of(log)
        return errors.SourceUnavailable(
            f"the embedded PostgreSQL in {self.path} {what}\n{end}".rstrip(), hint=server_log.advice(end, log)
        )

    def unusable(self, error: OSError) -> errors.NeaptideError:
        """The error for files that can't be read or written."""
        if isinstance(error, PermissionError):
            return errors.AccessDenied(
                f"the embedded PostgreSQL in {self.path} belongs to somebody else: {error}",
                hint="run neaptide as the account that started it first",
            )
        return errors.SourceUnavailable(
            f"the embedded PostgreSQL in {self.path} can't be used: {error}",
            hint="check the disk and the folder's rights",
        )


def is_free(port: int | None) -> bool:
    """Whether nobody has the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port or 0))
        except OSError:
            return False
    return True
