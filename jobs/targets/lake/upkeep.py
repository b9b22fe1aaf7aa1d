"""What keeps a lake small: files are put together, and what no reader may go on with any more is deleted.

Each run leaves a few small files. `CHECKPOINT` merges them, writes those anew of which much is deleted, and forgets the
snapshots that are older than the retention. A file that no snapshot has any more is deleted later, for the sake of a
query that began with it: so long after it was found to be one, and no sooner than the next time. Files of runs that
were cut short go by their age: nobody's file is younger than a run, and the lock lets in one run at a time.
"""

from __future__ import annotations

from datetime import timedelta

from app import statements
from jobs.results import Run
from jobs.targets.lake.session import LakeSession

EVERY = 50
# A file of which a tenth is deleted is written anew.
_REWRITE = "0.1"
# No query goes on for longer. To wait as long as for the snapshots would keep all files twice as long as was asked for.
_QUERY = timedelta(days=1)


def is_due(run: Run) -> bool:
    """After one changed run of so many."""
    return run.changed and int(run.run_id.partition("-")[0]) % EVERY == 0


def tidy(file: LakeSession, retention: timedelta) -> None:
    """Do it all, by the retention of the config."""
    options = {
        "expire_older_than": _seconds(retention),
        "delete_older_than": _seconds(min(retention, _QUERY)),
        "rewrite_delete_threshold": _REWRITE,
    }
    for name, value in options.items():
        file.execute(f"CALL out.set_option('{name}', '{value}')")
    file.execute(statements.get("engine", "checkpoint"))


def _seconds(span: timedelta) -> str:
    return f"{int(span.total_seconds())} seconds"


def forget(file: LakeSession) -> None:
    """Let no row be found any more that the newest snapshot doesn't have. Readers of an older one lose it."""
    for name in ("expire", "rewrite", "expire", "clean_up"):
        file.execute(statements.get("lakefile", name))
