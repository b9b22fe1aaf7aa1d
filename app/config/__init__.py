"""config.toml, typed: read once, checked once, the environment over the file.

`NEAPTIDE_SOURCE__URL` overrides `[source] url`, and so on for every key. Unknown keys are refused. Relative paths
count from the folder of the config file.
"""

from __future__ import annotations

from app.config.file import checked, load, sources, unknown_variables
from app.config.sections import (
    Alerts,
    Events,
    Freshness,
    Hooks,
    Http,
    Models,
    NamedSource,
    Query,
    Read,
    Reports,
    Schedule,
    Source,
    Sync,
    Target,
    is_loopback,
)
from app.config.settings import Settings
from app.config.several import variable
from app.config.table import Table
from app.config.values import duration

__all__ = [
    "Alerts", "Events", "Freshness", "Hooks", "Http", "Models", "NamedSource", "Query", "Read", "Reports", "Schedule",
    "Settings", "Source", "Sync", "Table", "Target", "checked", "duration", "is_loopback", "load", "sources",
    "unknown_variables", "variable",
]  # fmt: skip
