"""An S3 on the loopback: moto's server in a thread of this process, which keeps what it holds when it is stopped."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

KEY, SECRET = "AKIATESTTESTTESTTEST", "a+very/secret+key/of+the+test/0123456789"


@dataclass
class ObjectStore:
    """The server, and how a process is told of it."""

    server: ThreadedMotoServer

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server.get_host_and_port()
        return f"http://{host}:{port}"

    @property
    def environment(self) -> dict[str, str]:
        """What every tool of AWS looks at."""
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": self.url}

    def make_bucket(self, name: str) -> None:
        """A new bucket."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT"))

    def names(self, bucket: str) -> list[str]:
        """The names of all objects in it."""
        found = s3_backends["123456789012"]["aws"].buckets[bucket].keys
        return sorted(found)


@contextmanager
def running(port: int = 0) -> Iterator[ObjectStore]:
    """A server that is up; at a `port` of before it is the same one again."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    try:
        yield ObjectStore(server)
    finally:
        server.stop()
