"""What a dual write costs: `python -m tests.bench.dual_cost CONFIG`, on the embedded shop of a demo.

Three ways to change one product, in turns, so that what else the machine does meets all of them alike: committed as
ever; committed, and then a run (`--max-staleness 0s`); and as a dual write.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app import bootstrap
from app.commands import bus
from app.commands.product import ChangePrice
from app.domain.money import Money
from app.ports import UnitOfWorkFactory
from jobs.sessions import OpenSessions

TURNS = 20


def main(config: str) -> None:
    """Medians in milliseconds, and how many times the plain one each is."""
    settings = bootstrap.load_settings(Path(config))
    product, keep = bootstrap.identify(settings, "product", "D-001"), OpenSessions()

    def changed(units: UnitOfWorkFactory) -> None:
        now = datetime.now(UTC)
        price = Money.of(str(1 + now.microsecond % 1000), "EUR")
        bus.handle(ChangePrice(product_id=product, unit_price=price, at=now), units)

    def followed(units: UnitOfWorkFactory) -> None:
        changed(units)
        with bootstrap.reporting_file(settings, max_staleness=timedelta(0), sessions=keep):
            pass

    took: dict[str, list[float]] = {"plain": [], "commit, then a run": [], "dual": []}
    with bootstrap.write_side(settings) as plain, bootstrap.write_side(settings, dual=True) as dual:
        turns = zip(took, (changed, followed, changed), (plain, plain, dual), strict=True)
        for name, way, units in list(turns) * TURNS:
            began = time.perf_counter()
            way(units)
            took[name].append((time.perf_counter() - began) * 1000)
    keep.close()
    usual = statistics.median(took["plain"])
    for name, spans in took.items():
        middle = statistics.median(spans)
        print(f"{name:20}{middle:8.1f} ms{middle / usual:8.1f} x")


if __name__ == "__main__":
    main(*sys.argv[1:])
