"""Who may read the reporting file: its owner, or whoever the operator lets, through every version."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

OWNER_ONLY = 0o600
_READ = 0o444


@dataclass(frozen=True)
class Rights:
    """Permission bits, and the user and group that a file belongs to; -1 is whoever makes it."""

    mode: int = OWNER_ONLY
    user: int = -1
    group: int = -1

    def for_notes(self) -> Rights:
        """Those of a small file beside it: for the same readers, and its maker can write it."""
        return replace(self, mode=self.mode & _READ | OWNER_ONLY)

    def give(self, handle: int) -> str:
        """Give them to an open file; returns what can't be given. Another group than theirs is then given nothing."""
        mode = self.mode if self._give_group(handle) else self.mode & ~0o070
        os.fchmod(handle, mode)
        return "" if mode == self.mode else f"the group {self.group} of the published file can't be kept"

    def _give_group(self, handle: int) -> bool:
        status = os.fstat(handle)
        if self.user in (-1, status.st_uid) and self.group in (-1, status.st_gid):
            return True
        # Only root can give a file away; others keep it for themselves.
        for user in (self.user, -1):
            with suppress(OSError):
                os.fchown(handle, user, self.group)
                return True
        return False


def of(path: Path) -> Rights:
    """Those of a file. Raises `OSError`."""
    status = path.stat()
    return Rights(stat.S_IMODE(status.st_mode) & 0o777, status.st_uid, status.st_gid)
