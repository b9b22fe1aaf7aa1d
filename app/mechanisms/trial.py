"""The same work with each mechanism, and what it took."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import errors, extras, statements
from app.mechanisms import place
from app.mechanisms.mechanism import Mechanism
from app.mechanisms.place import Place

if TYPE_CHECKING:
    from app.oltp.embedded.server import EmbeddedServer

RATES = (10, 100, 1000)
# Pairs of bursts by a writer, with the mechanism and without, and how long one lasts, in seconds.
_PAIRS, _BURST = 20, 0.15
# From one row that is waited for to the next, in seconds: not in step with any schedule.
_PAUSE = 0.037


@dataclass(frozen=True)
class Seen:
    """How long a committed row took until a reader had it, in milliseconds, while so many a second were written."""

    rate: int
    reached: float
    rows: int
    p50: float
    p95: float


@dataclass(frozen=True)
class Outcome:
    """What came of one mechanism. `writes` is the rate of writers against those of a bare table, as a share.

    `killed` is how many seconds a row took that was written right after a kill -9 of a part, which was started again at
    once, by the part: the daemon, PostgreSQL, the broker. `wrong` is how many rows were lost or doubled in the end.
    """

    mechanism: Mechanism
    seen: tuple[Seen, ...]
    writes: float
    killed: dict[str, float]
    wrong: int

    def as_dict(self) -> dict[str, Any]:
        """The shape of `--json`."""
        found = asdict(self)
        about = found.pop("mechanism")
        return {name: about[name] for name in ("name", "consistency", "needs", "rights")} | found


def compare(wanted: Sequence[Mechanism], seconds: float, say: Callable[[str], object]) -> Iterator[Outcome]:
    """Each in turn, on a PostgreSQL of its own that is gone afterwards; `seconds` for each rate of writers."""
    with _server() as (server, folder):
        for mechanism in wanted:
            say(f"{mechanism.name}: rows are written and waited for")
            try:
                with place.opened(server, mechanism, folder) as found:
                    yield _measured(found, seconds)
            except errors.MissingExtra as error:
                if len(wanted) == 1:
                    raise
                say(f"{mechanism.name} is left out: {error.message} ({error.hint})")


@contextmanager
def _server() -> Iterator[tuple[EmbeddedServer, Path]]:
    with extras.needed("demo"):
        from app.oltp.embedded.server import EmbeddedServer
    with tempfile.TemporaryDirectory(prefix="neaptide-") as name:
        # The account that the servers run as has to reach their folders.
        Path(name).chmod(0o711)
        server = EmbeddedServer(Path(name) / "postgres")
        server.start()
        files = Path(name) / "files"
        files.mkdir(mode=0o700)
        try:
            yield server, files
        finally:
            server.remove()


def _measured(place: Place, seconds: float) -> Outcome:
    seen = tuple(_seen(place, rate, seconds) for rate in RATES)
    killed = dict(_killed(place))
    with place.connect() as conn:
        place.wait_for(place.write(conn))
    wrong = place.missing()
    # What a daemon takes of the processor is no cost of the writes.
    place.kill()
    return Outcome(place.mechanism, seen, _writes(place), killed, wrong)


def _seen(place: Place, rate: int, seconds: float) -> Seen:
    """Rows are waited for one after the other while another session writes at the rate."""
    over, counts = threading.Event(), list[float]()
    writer = threading.Thread(target=_write, args=(place, rate, over, counts), daemon=True)
    writer.start()
    try:
        delays = sorted(_delays(place, seconds))
    finally:
        over.set()
        writer.join()
    return Seen(rate, counts[0], len(delays), statistics.median(delays), delays[int(len(delays) * 0.95)])


def _delays(place: Place, seconds: float) -> Iterator[float]:
    with place.connect() as conn:
        until, first = time.monotonic() + seconds, True
        while first or time.monotonic() < until:
            first = False
            began = time.perf_counter()
            key = place.write(conn)
            # A dual write is visible once it is committed: there the whole of it counts.
            committed = began if place.mechanism.dual else time.perf_counter()
            place.wait_for(key)
            yield round((time.perf_counter() - committed) * 1000, 1)
            time.sleep(_PAUSE)


def _write(place: Place, rate: int, over: threading.Event, counts: list[float]) -> None:
    """Single rows at a steady rate; notes what was reached."""
    with place.connect() as conn:
        began, count = time.monotonic(), 0
        while not over.wait(max(0.0, began + count / rate - time.monotonic())):
            place.write(conn)
            count += 1
        counts.append(round(count / (time.monotonic() - began), 1))


def _killed(place: Place) -> Iterator[tuple[str, float]]:
    """Each part in turn, with the seconds to the answer for a row written at once; PostgreSQL takes none before."""
    if place.mechanism.copies:
        yield "daemon", _until_answered(place, place.kill, place.start)
    yield "PostgreSQL", _until_answered(place, place.crash_server)
    if place.mechanism.broker:
        yield "broker", _until_answered(place, place.kill_broker)


def _until_answered(place: Place, kill: Callable[[], object], again: Callable[[], object] = int) -> float:
    began = time.monotonic()
    kill()
    with place.connect() as conn:
        key = place.write(conn)
    again()
    place.wait_for(key)
    return round(time.monotonic() - began, 2)


def _writes(place: Place) -> float:
    """In pairs that change their order, so that what slows the machine down slows both."""
    ratios = []
    with place.connect() as conn:
        for name in ("even_out", "checkpoint"):
            conn.execute(statements.get("demo/mechanisms", name).encode())
        for turn in range(_PAIRS):
            order = ("event", "bare") if turn % 2 else ("bare", "event")
            rates = {table: _rate(partial(place.write, conn, table)) for table in order}
            ratios.append(rates["event"] / rates["bare"])
    return round(statistics.median(ratios), 3)


def _rate(write: Callable[[], object]) -> float:
    began, count = time.monotonic(), 0
    while time.monotonic() - began < _BURST:
        write()
        count += 1
    return count / (time.monotonic() - began)
