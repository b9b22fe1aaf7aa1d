"""`make bench`: measures, prints a table, writes JSON, and says which goals are met."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from app import cli
from tests.bench import first_load, growth, history, idle, lake, machine, memory, models, reports, small_runs, source
from tests.bench.bench import Bench
from tests.bench.figures import Report, line, verdict

# In this order: those that only read come before those that change the large table.
MEASUREMENTS: dict[str, Callable[[Bench], None]] = {
    "load": first_load.measure,
    "memory": memory.measure,
    "idle": idle.measure,
    "small": small_runs.measure,
    "tables": small_runs.measure_tables,
    "models": models.measure,
    "history": history.measure,
    "reports": reports.measure,
    "lake": lake.measure,
    "growth": growth.measure,
}
ROWS, QUICK_ROWS = 5_000_000, 500_000


def main() -> None:
    """Run what was asked for."""
    options = parsed()
    cli.prepare()
    rows = options.rows or (QUICK_ROWS if options.quick else ROWS)
    repeats = options.repeats or (3 if options.quick else 5)
    report = Report(machine.about(rows=rows, repeats=repeats, quick=options.quick, big=options.big))
    with source.folder() as folder, source.running(folder / "postgres") as cluster:
        bench = Bench(cluster, folder, report, rows, repeats, options.quick, options.big)
        for name in options.only or MEASUREMENTS:
            print(f"{name}", flush=True)
            MEASUREMENTS[name](bench)
            write(report, options.json)
    print(summary(report))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--rows", type=int, help=f"rows of the large table (default {ROWS:,}, with --quick {QUICK_ROWS:,})"
    )
    parser.add_argument("--repeats", type=int, help="how often each pair is measured (default 5, with --quick 3)")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: to try it out, not to quote")
    parser.add_argument(
        "--big", action="store_true", help="also ten times the rows for memory, and 50 million for growth"
    )
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, help="these measurements")
    parser.add_argument("--json", type=Path, default=Path("var/bench.json"), help="where the JSON goes")
    return parser.parse_args()


def write(report: Report, path: Path) -> None:
    """Write what is known so far: a run may be cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.as_dict(), indent=1, default=str) + "\n", encoding="utf-8")


def summary(report: Report) -> str:
    """Everything once more, in one piece."""
    about = report.about
    lines = [f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, {about['system']}"]
    lines += [f"commit {about['commit']}, {about['versions']}, load average at the start {about['load_average']}", ""]
    group = ""
    for figure in report.figures:
        lines += ["", figure.group] if figure.group != group else []
        group = figure.group
        lines.append(f"  {line(figure)}")
    lines += ["", "goals", *(f"  {verdict(goal)}" for goal in report.goals)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
