"""What the tests of the reports share: a shop, its file, and dates worked out without SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.queries import reports
from app.reporting import opening
from app.reporting import store as reporting
from app.reporting.result import Result
from tests.support import shopdata, shopfile
from tests.support.shopdata import Shop

CENT = Decimal("0.01")


@contextmanager
def opened(folder: Path, shop: Shop | None) -> Iterator[reporting.Store]:
    """The store over a new file with the shop's rows."""
    with opening.open(shopfile.build(folder, shop.tables if shop else {})) as store:
        yield store


def drawn(*seeds: int) -> tuple[Any, Any]:
    """The fixtures `shop` and `store` of a module: a shop for each seed, and the store over its file."""

    @pytest.fixture(scope="module", params=seeds)
    def shop(request: pytest.FixtureRequest) -> Shop:
        return shopdata.draw(request.param)

    @pytest.fixture(scope="module")
    def store(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[reporting.Store]:
        with opened(tmp_path_factory.mktemp("file"), shop) as made:
            yield made

    return shop, store


def run(store: reporting.Store, name: str, **given: object) -> list[tuple[Any, ...]]:
    """The rows of one of the shop's reports."""
    return result(store, name, **given).rows


def result(store: reporting.Store, name: str, **given: object) -> Result:
    """What one of the shop's reports gives; a parameter that is a word of Python's ends in `_` here."""
    return reports.run(store, reports.shop().get(name), {key.rstrip("_"): str(value) for key, value in given.items()})


def day_of(at: datetime, zone: str = "UTC") -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def months_between(one: date, other: date) -> int:
    return (other.year - one.year) * 12 + other.month - one.month


def cents(value: Decimal) -> Decimal:
    """To two places, halves away from zero."""
    return value.quantize(CENT, ROUND_HALF_UP)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]
