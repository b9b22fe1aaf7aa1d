"""Named points at which a test may kill the process: `NEAPTIDE_FAULT=before_swap`, or `before_swap:3` for the third.

`before_swap:3:STOP` is another signal: the process stands still there until it gets SIGCONT.

Without the variable a point is a call that returns at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter

# Every point there is, in the order in which a run may come by; a test kills a run at each.
POINTS = (
    "floor_read",
    "probed",
    "log_dropped",
    "work_linked",
    "passing_made",
    "spare_replaced",
    "copied",
    "work_opened",
    "piece_loaded",
    "table_loaded",
    "snapshot_joined",
    "table_done",
    "before_commit",
    "after_commit",
    "snapshot_released",
    "after_checkpoint",
    "before_rename",
    "before_swap",
    "swap_made",
    "after_swap",
    "before_freshness",
    "after_freshness",
)
# What happens only where events are handed on to a broker, in the order in which a relay comes by.
OF_RELAY = ("relay_confirmed", "relay_deleted")
# What happens only where there are read models.
OF_MODELS = ("model_kept", "model_built")
# What happens only where a file is written anew, between two runs or so that old rows are gone from it.
WRITTEN_ANEW = ("compacted", "forgotten")
# What happens only where several sources write to one file.
OF_SEVERAL = ("kept_back",)
# What happens only in a dual write.
OF_DUAL = ("prepared", "file_committed")

_WANTED, _NTH, _SIGNAL = [*os.environ.get("NEAPTIDE_FAULT", "").split(":"), "", ""][:3]
_seen: Counter[str] = Counter()


def point(name: str) -> None:
    """Die here, without a word, if the environment asks for it."""
    if name != _WANTED:
        return
    _seen[name] += 1
    if _seen[name] == int(_NTH or 1):
        # To this very thread, which then doesn't get a step further.
        signal.pthread_kill(threading.get_ident(), signal.Signals[f"SIG{_SIGNAL or 'KILL'}"])
