"""The same work with each mechanism, and what it took."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from app import errors, extras, statements
from app.mechanisms import place
from app.mechanisms.mechanism import Mechanism
from app.mechanisms.place import Place, until_true

if TYPE_CHECKING:
    from app.oltp.embedded.server import EmbeddedServer

RATES = (10, 100, 1000)
# Pairs of bursts by a writer, with the mechanism and without, and how long one lasts, in seconds.
_PAIRS, _BURST = 20, 0.15
# In how many turns the rows of one rate are written, each of a second at least.
_TURNS = 4
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
class _Part:
    """One turn: the writers' rate, and the milliseconds of each row that was waited for."""

    reached: float
    delays: list[float]


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
        fields = asdict(self)
        about = fields.pop("mechanism")
        return {name: about[name] for name in ("name", "consistency", "needs", "rights")} | fields


def compare(wanted: Sequence[Mechanism], seconds: float, say: Callable[[str], object]) -> Iterator[Outcome]:
    """All on a PostgreSQL of its own that is gone afterwards; `seconds` for each mechanism and rate of writers.

    Rows are written to each in turns, so that whatever else the machine does meets all alike; then each goes on alone.
    """
    with _server() as (server, folder), ExitStack() as beside:
        places = []
        for mechanism in wanted:
            try:
                places.append(beside.enter_context(place.opened(server, mechanism, folder)))
            except errors.MissingExtra as error:
                if len(wanted) == 1:
                    raise
                say(f"{mechanism.name} is left out: {error.message} ({error.hint})")
        seen = _in_turns(places, seconds, say)
        for one in places:
            one.kill()
        for one in places:
            say(f"{one.mechanism.name}: its parts are killed")
            one.start()
            yield _measured(one, tuple(seen[one]))
            one.end()


def _in_turns(places: Sequence[Place], seconds: float, say: Callable[[str], object]) -> dict[Place, list[Seen]]:
    """What was seen of each at each rate."""
    turns = max(1, min(_TURNS, int(seconds)))
    seen: dict[Place, list[Seen]] = {one: [] for one in places}
    for rate in RATES:
        say(f"{rate:,} rows a second are written and waited for")
        parts: dict[Place, list[_Part]] = {one: [] for one in places}
        for turn in range(turns):
            for one in places if turn % 2 == 0 else reversed(places):
                parts[one].append(_part(one, rate, seconds / turns))
        for one in places:
            seen[one].append(_seen(rate, parts[one]))
    return seen


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


def _measured(place: Place, seen: tuple[Seen, ...]) -> Outcome:
    _settle(place)
    # What the others wrote is not for this one's crash to be recovered.
    _run(place, "checkpoint")
    killed = dict(_killed(place))
    _settle(place)
    wrong = place.missing()
    # What a daemon takes of the processor is no cost of the writes.
    place.kill()
    return Outcome(place.mechanism, seen, _writes(place), killed, wrong)


def _part(place: Place, rate: int, seconds: float) -> _Part:
    """Rows are waited for one after the other while another session writes at the rate."""
    over, counts = threading.Event(), list[float]()
    writer = threading.Thread(target=_write, args=(place, rate, over, counts), daemon=True)
    writer.start()
    try:
        delays = list(_delays(place, seconds))
    finally:
        over.set()
        writer.join()
    # The next one's turn is to begin with nothing under way here.
    _settle(place)
    return _Part(counts[0], delays)


def _settle(place: Place) -> None:
    """Return once readers have all."""
    with place.connect() as conn:
        place.wait_for(place.write(conn))


def _seen(rate: int, parts: Sequence[_Part]) -> Seen:
    delays = sorted(delay for part in parts for delay in part.delays)
    reached = round(statistics.fmean(part.reached for part in parts), 1)
    return Seen(rate, reached, len(delays), statistics.median(delays), delays[int(len(delays) * 0.95)])


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
    key = _written(place)
    again()
    place.wait_for(key)
    return round(time.monotonic() - began, 2)


def _written(place: Place) -> int:
    """The key of a row that was taken: a server that crashes may let a session in before it ends all."""
    keys: list[int] = []

    def is_written() -> bool:
        with suppress(psycopg.Error), place.connect() as conn:
            keys.append(place.write(conn))
        return bool(keys)

    until_true(is_written, "a write after a crash")
    return keys[-1]


def _writes(place: Place) -> float:
    """In pairs that change their order, so that what slows the machine down slows both."""
    ratios = []
    _run(place, "even_out", "checkpoint")
    with place.connect() as conn:
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


def _run(place: Place, *names: str) -> None:
    with place.connect() as conn:
        for name in names:
            conn.execute(statements.get("demo/mechanisms", name).encode())
