"""Fixtures for all tests: one real PostgreSQL per worker, databases cloned from a template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from jobs.broker.server import EmbeddedBroker
from tests.support import cluster, feeds, otherserver, several, targets

# Neither how long an example takes nor how long it takes to draw one says anything on a machine under load.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
otherserver.settle()


# Seconds after which a long test hangs: several times what the longest takes with every processor taken.
_LONG_TIMEOUT = 900


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test marked `few(n)` the first n cases are run by `make test`; the others are long, and have more time."""
    items[:] = targets.thinned(items)
    seen: Counter[str] = Counter()
    for item in items:
        if few := item.get_closest_marker("few"):
            test = item.nodeid.partition("[")[0]
            seen[test] += 1
            if seen[test] > few.args[0]:
                item.add_marker(pytest.mark.long)
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_LONG_TIMEOUT))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Some suites run once with each feed, or each target."""
    targets.spread(metafunc)


@pytest.fixture(autouse=True)
def feed(request: pytest.FixtureRequest) -> Iterator[str]:
    """The feed that labs and configs have for this test."""
    name = getattr(request, "param", "watermark")
    feeds.choose(name)
    yield name
    feeds.choose("watermark")


@pytest.fixture(autouse=True)
def target_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where labs keep their copy in this test."""
    name = getattr(request, "param", targets.FILE)
    if name == targets.LAKE:
        targets.chosen.begin(request.getfixturevalue("postgres"))
    yield name
    targets.chosen.end()


@pytest.fixture(scope="session")
def postgres() -> Iterator[cluster.Cluster]:
    """A running PostgreSQL, one for each worker."""
    cluster.sweep()
    with cluster.open_folder() as folder, cluster.running(folder / "postgres") as found:
        yield found


@pytest.fixture
def empty_db(postgres: cluster.Cluster) -> Iterator[str]:
    """The URL of a new empty database."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def shop_db(postgres: cluster.Cluster) -> Iterator[str]:
    """The URL of a new database with the shop's schema."""
    url = postgres.create_database(postgres.shop_template())
    yield url
    postgres.drop_database(url)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A new folder with a space in its name, which the account that runs PostgreSQL can reach, unlike tmp_path."""
    with cluster.open_folder() as folder:
        yield folder


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A broker that runs, a NATS server."""
    found = EmbeddedBroker(tmp_path / "nats")
    found.start()
    yield found
    found.stop()


@pytest.fixture
def two(postgres: cluster.Cluster, tmp_path: Path) -> Iterator[several.Sources]:
    """Two databases that are copied to one file, each with a table of ten rows, tracked."""
    with several.two(postgres, tmp_path) as found:
        yield found
