"""Ten thousand runs in one process: memory, descriptors, threads, sessions and files stay flat.

.venv/bin/python -m tests.soak.runs [--runs 10000]
"""

from __future__ import annotations

import argparse

from tests.support import cluster, endurance
from tests.support.syncing import Lab


def main() -> None:
    """Run, print the readings, and fail where anything grew."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10_000)
    given = parser.parse_args()
    with cluster.open_folder() as folder, cluster.running(folder / "postgres") as server:
        lab = Lab(server.create_database(), folder, [{"name": "public.item"}])
        found = endurance.endure(lab, given.runs, tell=lambda reading: print(reading, flush=True))
        lab.sync(full=True)
        published = lab.job.files.published
        assert published is not None
        endurance.assert_flat(found, published.stat().st_size)


if __name__ == "__main__":
    main()
