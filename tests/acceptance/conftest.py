"""A synced shop, and the command line in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.demo import seeded
from app.oltp import engine
from tests.support import cluster
from tests.support.cli import Cli, config
from tests.support.served import Page, served, settings_of


@pytest.fixture
def neaptide(shop_db: str, tmp_path: Path) -> Cli:
    """The command line on an empty, tracked shop."""
    found = config(tmp_path, shop_db)
    found("track").ok()
    return found


@pytest.fixture(scope="module")
def shown(postgres: cluster.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """The command line on a shop of 120 generated orders, synced; for tests that only look."""
    url = postgres.create_database(postgres.shop_template())
    made = engine.create(url)
    seeded.place(made, 120)
    made.dispose()
    found = config(tmp_path_factory.mktemp("shown"), url)
    found("track").ok()
    found("sync").ok()
    yield found
    postgres.drop_database(url)


@pytest.fixture(scope="module")
def page(shown: Cli) -> Iterator[Page]:
    """The page of a shop of 120 orders."""
    with served(settings_of(shown)) as found:
        yield found
