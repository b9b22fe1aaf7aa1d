"""One process that syncs a lake and four that read it: no error, no torn read, and the same rows at the end.

`python -m tests.soak.lake --minutes 5` prints runs and reads. Exit 1 if anything differed or went wrong.
"""

from __future__ import annotations

import argparse
import random
import time
from contextlib import ExitStack

from jobs.status import report
from jobs.targets import targets
from tests.support import cluster
from tests.support.lakechild import SETUP, child, lab_of, looks, move

READERS = 4


def soak(minutes: float) -> None:
    """The whole of it; an `AssertionError` where anything differs."""
    with cluster.open_folder() as folder, cluster.running(folder / "postgres") as server, ExitStack() as ending:
        arguments = (server.create_database(), server.create_database(), str(folder))
        lab, rng = lab_of(*arguments, "here"), random.Random(18)
        lab.run(*SETUP)
        lab.track()
        lab.sync()
        readers = [ending.enter_context(child("read", *arguments, "here")) for _ in range(READERS)]
        writer = ending.enter_context(child("sync", *arguments, "here"))
        until = time.monotonic() + minutes * 60
        while time.monotonic() < until:
            lab.run(move(rng))
            assert writer.poll() is None, writer.communicate()[1]
            assert all(reader.poll() is None for reader in readers)
            time.sleep(0.02)
        reads = sum(looks(reader) for reader in readers)
        writer.kill()
        writer.communicate()
        lab.sync()
        lab.assert_equal()
        last, size = report.history(lab.job, 1)[0]["run_id"], targets.of(lab.job).size() / 2**20
        print(f"{reads} reads by {READERS} processes, the last run is {last}, {size:.1f} MB, 0 differences")


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.lake", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    soak(parser.parse_args().minutes)


if __name__ == "__main__":
    main()
