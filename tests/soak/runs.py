"""Ten thousand runs in one process: memory, descriptors, threads, sessions and files stay flat.

.venv/bin/python -m tests.soak.runs [--runs 10000] [--rows 20000] [--models]
"""

from __future__ import annotations

import argparse

from tests.support import cluster, endurance
from tests.support.syncing import Lab


def main() -> None:
    """Run, print the readings, and fail where anything grew."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=endurance.ROWS)
    parser.add_argument("--models", action="store_true", help="with read models of every kind")
    given = parser.parse_args()
    with cluster.open_folder() as folder, cluster.running(folder / "postgres") as server:
        lab = Lab(server.create_database(), folder, [{"name": "public.item"}])
        found = endurance.endure(
            lab, given.runs, lambda reading: print(reading, flush=True), rows=given.rows, models=given.models
        )
        lab.sync(full=True)
        published = lab.job.files.published
        assert published is not None
        fresh = published.stat().st_size
        print(f"fresh: {fresh} bytes; the largest was {max(max(one.sizes) for one in found) / fresh:.2f} times that")
        endurance.assert_flat(found, fresh)


if __name__ == "__main__":
    main()
