"""As of when a table of the file is, where runs since have found nothing new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

# As of when the last run of a source found nothing new, and the tables in which it could not look, by its name.
Looked = Mapping[str, tuple[datetime | None, list[str]]]


def moved_on(table: str, as_of: datetime, quiet: Looked, source: str) -> datetime:
    """As of when a table is, which was read at `as_of` and perhaps looked at since."""
    later, left = quiet.get(source, (None, []))
    return max(as_of, later) if later and table not in left else as_of
