"""`neaptide feed compare`: each mechanism does the same work, and nothing of it is left."""

from __future__ import annotations

import pytest

from app.mechanisms import mechanism
from tests.support.cli import Cli


def test_a_mechanism_that_is_not_there_is_named_with_those_that_are(tmp_path_factory: pytest.TempPathFactory) -> None:
    done = Cli(tmp_path_factory.mktemp("none"))("feed", "compare", "--only", "smoke signals")
    assert done.code == 2
    assert "wal" in done.err


@pytest.mark.long
@pytest.mark.timeout(600)
def test_each_is_measured_and_loses_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    done = Cli(tmp_path_factory.mktemp("none"))("feed", "compare", "--seconds", "0.5", "--json").ok()
    found = {one["name"]: one for one in done.json}
    assert tuple(found) == mechanism.NAMES
    for one in found.values():
        assert one["wrong"] == 0
        parts = {"PostgreSQL"} | ({"broker"} if one["name"] == "nats" else set())
        assert set(one["killed"]) == parts | ({"daemon"} if one["name"] not in ("replica", "one database") else set())
        assert [at["rate"] for at in one["seen"]] == [10, 100, 1000]
        assert all(0 < at["p50"] <= at["p95"] for at in one["seen"])
        assert 0.1 < one["writes"] < 10 or one["name"] == "dual"
