"""The reporting file, the only door to it: read-only, locked down, and every answer says how fresh it is."""

from __future__ import annotations

from typing import Any

# What programs use, by the name of the room; `neaptide` is the module for them.
_OFFERED = ("Limits", "Result", "Store", "open")


def __getattr__(name: str) -> Any:
    """Imported when asked for: whoever needs only a part of the room needs no DuckDB."""
    if name not in _OFFERED:
        raise AttributeError(name)
    from app.reporting import opening, store

    return opening.open if name == "open" else getattr(store, name)
