"""7. Runs on a file with the shop's read models against the same runs without: processor time, as a shop writes."""

from __future__ import annotations

from tests.bench import child, shop, source
from tests.bench.bench import Bench
from tests.bench.figures import median_phases, pair_ratio

GROUP = "models"
# Changed rows, whether customers move and products are renamed among them, and the ratio that such a run may have.
LIMITS = ((100, False, 3.0), (10_000, False, 5.0), (100, True, 8.0), (10_000, True, 15.0))
_IDLE = 0.015


def measure(bench: Bench) -> None:
    """Both files take in the same changes in turns, each by a process that keeps its sessions."""
    from app.oltp import migrations

    url, report = bench.cluster.create_database(), bench.report
    migrations.migrate(url)
    shop.fill(url, bench.rows)
    tables = [f"shop.{name}" for name in shop.TABLES]
    child.call("track", url=url, tables=tables)
    for count, mixed, limit in LIMITS:
        if count > bench.rows // 10:
            continue
        done = child.call(
            "pairs", url=url, paths=[bench.target("with_models"), bench.target("without")], tables=tables,
            times=bench.repeats, count=count, mixed=mixed,
        )  # fmt: skip
        what = f"{count:,} rows" + (", customers and products among them" if mixed else " as a shop writes")
        report.add(GROUP, f"{what}: processor time with models", "s", done["with"])
        report.add(GROUP, f"{what}: processor time without", "s", done["without"])
        report.phases[f"models, {what}"] = median_phases(done["phases"])
        ratio = report.add(GROUP, f"{what}: with / without", "x", pair_ratio(done["with"], done["without"]))
        report.hold(GROUP, f"{what}: with models / without", ratio.median, limit)
        idle = report.add(GROUP, f"nothing to do, after {what}", "s", done["idle"])
        report.hold(GROUP, "a run with nothing to do", idle.median, _IDLE)
        source.settle(url, *tables)
    bench.drop(url)
