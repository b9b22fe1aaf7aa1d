"""Fixtures of the tests that need Spark: one cluster for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import sparkcluster

_HERE = Path(__file__).parent
_TIMEOUT = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each of these tests needs Spark, and has time for it on a busy machine."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.spark)
            item.add_marker(pytest.mark.timeout(_TIMEOUT))


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sparkcluster.StandaloneCluster]:
    """A master and two workers."""
    with pytest.MonkeyPatch.context() as patch:
        # Whatever this machine calls itself, nothing here leaves it.
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        with sparkcluster.running(tmp_path_factory.mktemp("cluster")) as found:
            yield found
