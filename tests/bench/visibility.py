"""How long a committed write takes until a report shows it, while others write: median and p95.

    .venv/bin/python -m tests.bench.visibility [--seconds 30] [--rate 200]

A daemon with `wake_on_commit` runs as a process of its own. One session writes orders' rows at the given rate; every
so often a row is marked, and a reader opens the published file again and again until the mark is in its answer. The
time is from the end of the COMMIT to the answer, so it holds the reader's own opening and query.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from datetime import timedelta

from app.reporting import opening
from tests.support import cluster, daemons
from tests.support.syncing import Lab

TABLE = """
CREATE TABLE public.event (
    id bigserial PRIMARY KEY, body text, amount numeric(12, 2), updated_at timestamptz NOT NULL DEFAULT now()
)
"""
INSERT = "INSERT INTO public.event (body, amount) VALUES (%s, 1) RETURNING id"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rate", type=float, default=200)
    given = parser.parse_args()
    with cluster.open_folder() as folder, cluster.running(folder / "postgres") as server:
        # The margin of the config's default: what was written within it is read again.
        lab = Lab(server.create_database(), folder, [{"name": "public.event"}], margin=timedelta(seconds=60))
        lab.run(TABLE)
        lab.track()
        config = daemons.write_config(lab, every="10s", margin="60s")
        with daemons.running(config) as daemon:
            daemon.saw("run_done", changed=True)
            show(measure(lab, given.seconds, given.rate), daemon)


def measure(lab: Lab, seconds: float, rate: float) -> list[float]:
    """Delays in milliseconds."""
    done = threading.Event()
    writer = threading.Thread(target=write, args=(lab, rate, done))
    writer.start()
    found: list[float] = []
    try:
        with lab.connect() as conn:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                row = conn.execute(INSERT, ["marked"]).fetchone()
                committed = time.perf_counter()
                assert row is not None
                wait_for(lab, row[0])
                found.append((time.perf_counter() - committed) * 1000)
                # Not in step with the daemon.
                time.sleep(0.05 + (row[0] % 97) / 1000)
    finally:
        done.set()
        writer.join()
    return found


def write(lab: Lab, rate: float, done: threading.Event) -> None:
    """Single-row transactions at a steady rate."""
    with lab.connect() as conn:
        began, count = time.monotonic(), 0
        while not done.wait(max(0.0, began + count / rate - time.monotonic())):
            conn.execute(INSERT, ["x" * 50])
            count += 1
        print(f"{count / (time.monotonic() - began):.0f} writes/s")


def wait_for(lab: Lab, key: int) -> None:
    """Ask anew until the row is there."""
    path, patience = lab.folder / "reporting.duckdb", time.monotonic() + 30
    while time.monotonic() < patience:
        with opening.open(path) as store:
            if store.query("SELECT 1 FROM public.event WHERE id = $id", {"id": key}).rows:
                return
        time.sleep(0.005)
    raise AssertionError(f"row {key} did not come")


def show(delays: list[float], daemon: daemons.Daemon) -> None:
    """The figures."""
    runs = [record["seconds"] * 1000 for record in daemon.records("run_done")]
    ordered = sorted(delays)
    print(
        f"{len(delays)} marked writes: median {statistics.median(delays):.0f} ms,"
        f" p95 {ordered[int(len(ordered) * 0.95)]:.0f} ms, longest {ordered[-1]:.0f} ms;"
        f" {len(runs)} runs, median {statistics.median(runs):.0f} ms"
    )


if __name__ == "__main__":
    main()
