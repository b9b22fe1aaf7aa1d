"""The feeds that the suites run with. What a lab or a config says of its feed, unless a test says so itself, is here.

A module with `pytestmark = pytest.mark.each_feed` runs each of its tests with every feed: with the first one in `make
test`, with the others in `make test-long`. What is about stamps and triggers has the mark `stamps`, and runs with them
alone.
"""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.mark import ParameterSet

# What [sync] says for each.
FEEDS: dict[str, dict[str, Any]] = {"watermark": {}, "wal": {"feed": "wal"}, "events": {"feed": "events"}}
FIRST = "watermark"
_chosen = [FIRST]


def choose(name: str) -> None:
    """Every lab and config from here on has this feed."""
    _chosen[0] = name


def chosen() -> dict[str, Any]:
    """What [sync] says for the feed that was chosen."""
    return dict(FEEDS[_chosen[0]])


def applied(spec: dict[str, Any]) -> dict[str, Any]:
    """A table's entry for the feed that was chosen: a stamp that it names would keep it out of the log's feed."""
    if chosen().get("feed") != "wal" or spec.get("watermark") not in ("updated_at", "xid"):
        return spec
    return {key: value for key, value in spec.items() if key != "watermark"}


def has_each(metafunc: pytest.Metafunc) -> bool:
    """Whether the test runs once with each feed."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    return "each_feed" in marks and "stamps" not in marks


def params() -> list[ParameterSet]:
    """The feeds as cases of a test: the first has the name that the test has elsewhere."""
    return [
        pytest.param(name, id=pytest.HIDDEN_PARAM)
        if name == FIRST
        else pytest.param(name, id=name, marks=pytest.mark.long)
        for name in FEEDS
    ]
