"""Pictures for a server, drawn in a process of their own: a browser's engine stays out of the one that syncs.

It is started when the first picture is wanted and ends by itself: when its parent does, or after a quiet while.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from typing import IO

from app import errors
from app.charts import picture
from app.charts.drawn import Spec

# Seconds that one picture may take, and after which nobody seems to want another.
_LIMIT, _QUIET = 20.0, 300.0


class Worker:
    """Draws one picture at a time. Safe to use from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def draw(self, spec: Spec, kind: str) -> bytes:
        """The picture as `svg` or `png`. Raises `errors.QueryFailed` where it can't be drawn."""
        with self._guard:
            process = self._alive()
            try:
                return self._asked(process, json.dumps({"kind": kind, "spec": spec}).encode())
            except (OSError, ValueError) as error:
                self._end()
                raise errors.QueryFailed(f"the picture could not be drawn: {error}") from error

    def close(self) -> None:
        """End the process."""
        with self._guard:
            self._end()

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            # With -P nothing that lies in the working folder is imported.
            command = [sys.executable, "-P", "-c", "from app.charts.worker import main; main()"]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        return self._process

    def _asked(self, process: subprocess.Popen[bytes], job: bytes) -> bytes:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(job + b"\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], _LIMIT)[0]:
            raise ValueError(f"it took more than {_LIMIT:g} s")
        head = process.stdout.readline().split()
        if len(head) != 2:
            raise ValueError("the process that draws has ended")
        body = process.stdout.read(int(head[1]))
        if head[0] != b"ok":
            raise errors.QueryFailed(f"the picture could not be drawn: {body.decode(errors='replace')}")
        return body

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue


def main() -> None:
    """The process: a line of JSON in, a line with the length and the picture out."""
    taken, given = os.fdopen(0, "rb", buffering=0), os.fdopen(1, "wb")
    held = b""
    while select.select([taken], [], [], _QUIET)[0]:
        part = taken.read(1 << 16)
        if not part:
            return
        held += part
        while b"\n" in held:
            line, _, held = held.partition(b"\n")
            _answer(line, given)


def _answer(line: bytes, given: IO[bytes]) -> None:
    job = json.loads(line)
    try:
        body = picture.svg(job["spec"]).encode() if job["kind"] == "svg" else picture.png(job["spec"])
        word = b"ok"
    except Exception as error:  # noqa: BLE001  whatever goes wrong is told where the picture was wanted
        word, body = b"no", str(error).split("\n")[-1].encode()
    given.write(b"%s %d\n%s" % (word, len(body), body))
    given.flush()
