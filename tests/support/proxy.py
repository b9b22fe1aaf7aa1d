"""A TCP proxy of the tests' own that drops, stalls, resets, or slows what goes through it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from psycopg import conninfo

_CHUNK = 65536


@dataclass
class Pair:
    """One client and its connection to the server."""

    client: socket.socket
    server: socket.socket
    passed: int = 0

    def close(self, *, reset: bool = False) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                if reset:
                    # A linger of zero seconds makes close send RST instead of FIN.
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Wakes the thread that waits in recv, which would keep the socket alive.
                end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                end.close()


@dataclass
class Proxy:
    """Forwards to one server. `after` counts the bytes a connection gets from the server before the fault strikes.

    `fault` is "", "drop", "reset" or "stall"; `rate` is bytes per second and connection, 0 for as fast as it goes.
    `skip` connections pass unharmed first: the first is the control connection, the next ones are DuckDB's.
    """

    url: str
    fault: str = ""
    after: int = 0
    skip: int = 0
    rate: int = 0
    pairs: list[Pair] = field(default_factory=list)
    struck: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self.pairs:
            pair.close()

    @property
    def through(self) -> str:
        """The source's URL by way of the proxy."""
        parts = conninfo.conninfo_to_dict(self.url)
        port = self._listener.getsockname()[1]
        password = f":{parts['password']}" if parts.get("password") else ""
        return f"postgresql://{parts['user']}{password}@127.0.0.1:{port}/{parts['dbname']}"

    def heal(self) -> None:
        """From now on every new connection passes unharmed; those that stalled stay so."""
        self.fault, self.rate = "", 0

    def _accept(self) -> None:
        while self._open:
            try:
                client, _ = self._listener.accept()
                pair = Pair(client, self._connect())
            except OSError:
                continue
            number = len(self.pairs)
            self.pairs.append(pair)
            harmed = number >= self.skip
            for source, target, counts in ((client, pair.server, False), (pair.server, client, True)):
                threading.Thread(target=self._pump, args=(pair, source, target, counts, harmed), daemon=True).start()

    def _connect(self) -> socket.socket:
        parts = conninfo.conninfo_to_dict(self.url)
        host, port = str(parts.get("host") or "127.0.0.1"), int(str(parts.get("port") or 5432))
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        found = socket.socket(socket.AF_UNIX)
        found.connect(f"{host}/.s.PGSQL.{port}")
        return found

    def _pump(self, pair: Pair, source: socket.socket, target: socket.socket, counts: bool, harmed: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if harmed and self.fault and pair.passed + len(data) > self.after and self._strike(pair):
                    return
                if counts:
                    pair.passed += len(data)
                if self.rate:
                    time.sleep(len(data) / self.rate)
                target.sendall(data)
        if not self._stalled(harmed, pair):
            pair.close()

    def _strike(self, pair: Pair) -> bool:
        self.struck.set()
        if self.fault == "stall":
            # Both ends stay open and nobody reads or writes any more.
            return True
        pair.close(reset=self.fault == "reset")
        return True

    def _stalled(self, harmed: bool, pair: Pair) -> bool:
        return harmed and self.fault == "stall" and pair.passed > self.after
