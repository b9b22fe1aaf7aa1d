"""As of when a table of the file is, where runs since have found nothing new."""

from __future__ import annotations

from datetime import datetime

# As of when the last run found nothing new, and the tables in which it could not look.
Looked = tuple[datetime | None, list[str]]


def moved_on(table: str, as_of: datetime, quiet: Looked) -> datetime:
    """As of when a table is, which was read at `as_of` and perhaps looked at since."""
    later, left = quiet
    return max(as_of, later) if later and table not in left else as_of
