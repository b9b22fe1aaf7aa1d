"""The JSON of the benchmarks as tables for a README: `python -m tests.bench.markdown var/bench.json …`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.figures import shown


def main(paths: Sequence[str]) -> None:
    """Print what each file holds."""
    for path in paths:
        print("\n".join(tables(json.loads(Path(path).read_text(encoding="utf-8")))))


def tables(report: dict[str, Any]) -> Iterator[str]:
    """Goals, figures, phases, growth and counts; those that the report has."""
    about = report["about"]
    yield f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, {about['commit']}, {about['at']}"
    yield from _table(("goal", "measured", "limit", ""), (_goal(goal) for goal in report["goals"]))
    yield from _table(("measurement", "median", "spread", "n"), (_figure(figure) for figure in report["figures"]))
    for name, phases in report["phases"].items():
        yield f"\n{name}: " + ", ".join(f"{phase} {shown(spent, 's')}" for phase, spent in phases.items())
    if "growth" in about:
        yield from _table(("rows", "changed", "time", "peak memory"), (_growth(cell) for cell in about["growth"]))
    if "counts" in about:
        yield from _counts(about["counts"])


def _goal(goal: dict[str, Any]) -> tuple[str, ...]:
    sign = "at least" if goal["at_least"] else "at most"
    return goal["text"], f"{goal['value']:.3g}", f"{sign} {goal['limit']:g}", "met" if goal["met"] else "**not met**"


def _figure(figure: dict[str, Any]) -> tuple[str, ...]:
    unit = figure["unit"]
    spread = f"{shown(figure['low'], unit)} to {shown(figure['high'], unit)}"
    return f"{figure['group']}: {figure['name']}", shown(figure["median"], unit), spread, str(len(figure["values"]))


def _growth(cell: dict[str, Any]) -> tuple[str, ...]:
    changed = "all (first load)" if cell["changed"] == "all" else f"{cell['changed']:,}"
    return f"{cell['rows']:,}", changed, shown(cell["seconds"], "s"), shown(cell["peak"], "MB")


def _counts(counts: dict[str, dict[str, Any]]) -> Iterator[str]:
    names = [name for name in next(iter(counts.values())) if name != "values"]
    yield from _table(
        ("tool", *names), ((tool, *(str(found[name]) for name in names)) for tool, found in counts.items())
    )
    kinds = next(iter(counts.values()))["values"]
    rows = ((kind, *(found["values"][kind] for found in counts.values())) for kind in kinds)
    yield from _table(("value", *counts), rows)


def _table(head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield ""
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


if __name__ == "__main__":
    main(sys.argv[1:])
