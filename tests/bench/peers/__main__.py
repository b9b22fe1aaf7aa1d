"""`make bench-peers`: the same work with every tool, results compared before times."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tests.bench import child, machine, source
from tests.bench.__main__ import summary, write
from tests.bench.bench import interleaved
from tests.bench.figures import Report
from tests.bench.peers import checks, install
from tests.bench.peers.tools import TOOLS, Failed, Neaptide, Tool

ROWS, CHANGED = 1_000_000, 10_000


def main() -> None:
    """Install, measure, count, say."""
    options = parsed()
    install.install()
    report = Report(
        machine.about(rows=options.rows, changed=CHANGED, repeats=options.repeats, packages=install.PACKAGES)
    )
    with source.folder() as folder, source.running(folder / "postgres") as cluster:
        url = cluster.create_database()
        tools = [kind(folder / kind.name.replace(" ", "-")) for kind in TOOLS if kind.name in options.only]
        if "times" in options.parts:
            source.make_facts(url, options.rows)
            _times(report, url, tools, options.rows, options.repeats)
            write(report, options.json)
        if "counts" in options.parts:
            report.about["counts"] = {tool.name: _counts(url, tool) for tool in tools}
            write(report, options.json)
    print(summary(report))
    print(counted(report.about.get("counts", {})))


def parsed() -> argparse.Namespace:
    """The command line."""
    names = [kind.name for kind in TOOLS]
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--parts", nargs="+", choices=["times", "counts"], default=["times", "counts"])
    parser.add_argument("--json", type=Path, default=Path("var/bench-peers.json"))
    return parser.parse_args()


def _times(report: Report, url: str, tools: list[Tool], rows: int, repeats: int) -> None:
    loads = interleaved([lambda tool=tool: _load(url, tool) for tool in tools], repeats)  # type: ignore[misc]
    turns = iter(range(10_000))

    def update(tool: Tool) -> dict[str, float]:
        source.change(url, CHANGED, rows, next(turns))
        return _equal(url, tool, tool.update(url, source.FACTS))

    updates = interleaved([lambda tool=tool: update(tool) for tool in tools], repeats + 1)  # type: ignore[misc]
    group = f"first load of {rows:,} rows"
    first = {tool.name: _figure(report, group, tool, found) for tool, found in zip(tools, loads, strict=True)}
    group = f"{CHANGED:,} of {rows:,} rows changed"
    # The first of them is not counted: each tool sets something up then.
    later = {tool.name: _figure(report, group, tool, found[1:]) for tool, found in zip(tools, updates, strict=True)}
    _daemon(report, url, tools, rows, group)
    _hold(report, first, "first load: fastest peer / Neaptide", 5)
    _hold(report, later, f"{CHANGED:,} changed rows: fastest peer / neaptide sync from the shell", 10)


def _load(url: str, tool: Tool) -> dict[str, float]:
    tool.prepare(url, source.FACTS)
    return _equal(url, tool, tool.load(url, source.FACTS))


def _equal(url: str, tool: Tool, found: dict[str, float]) -> dict[str, float]:
    """Times count only where the copy equals the source."""
    ours, theirs = checks.fingerprint(tool.path, source.FACTS), checks.fingerprint_of_source(url, source.FACTS)
    if ours != theirs:
        raise RuntimeError(f"{tool.name}: the copy {ours} differs from the source {theirs}")
    return found


def _figure(report: Report, group: str, tool: Tool, found: list[dict[str, float]]) -> float:
    median = report.add(group, tool.name, "s", [one["seconds"] for one in found], "whole process").median
    inside = [one["inside"] for one in found if one["inside"] == one["inside"]]
    if inside:
        report.add(group, f"{tool.name}, imports left out", "s", inside)
    return median


def _daemon(report: Report, url: str, tools: list[Tool], rows: int, group: str) -> None:
    if any(isinstance(tool, Neaptide) for tool in tools):
        path = str(next(tool.path for tool in tools if isinstance(tool, Neaptide)))
        changes = [(source.FACTS, CHANGED, rows)]
        done: dict[str, Any] = child.call("runs", url=url, path=path, tables=[source.FACTS], times=5, changes=changes)
        figure = report.add(group, "neaptide daemon", "s", done["seconds"], "one run, publish included")
        peers = [f.median for f in report.figures if f.group == group and not f.name.startswith("neaptide")]
        if peers:
            report.hold(
                "peers",
                f"{CHANGED:,} changed rows: fastest peer / daemon",
                min(peers) / figure.median,
                10,
                at_least=True,
            )


def _hold(report: Report, medians: dict[str, float], text: str, limit: float) -> None:
    peers = [value for name, value in medians.items() if name != Neaptide.name]
    if peers and Neaptide.name in medians:
        report.hold("peers", text, min(peers) / medians[Neaptide.name], limit, at_least=True)


def _counts(url: str, tool: Tool) -> dict[str, Any]:
    """Correctness in numbers; a tool that ends with an error says so in place of a number."""
    print(tool.name, flush=True)
    source.execute(url, "CREATE SCHEMA IF NOT EXISTS bench")
    kinds = checks.values(tool, url)
    found: dict[str, Any] = {
        "lost by a late commit, of 10": _or_error(lambda: checks.lost_by_late_commit(tool, url)),
        "deleted rows left, of 10": _or_error(lambda: checks.deleted_left(tool, url)),
        f"values changed, of {len(kinds)}": sum(text.startswith("changed") for text in kinds.values()),
        f"values refused, of {len(kinds)}": sum(text.startswith("refused") for text in kinds.values()),
        "values": kinds,
    }
    found["readers locked out"] = _or_error(lambda: _readers(url, tool))
    return found


def _readers(url: str, tool: Tool) -> str:
    """While 10,000 rows of a table of 200,000 are brought up to date."""
    rows = 200_000
    checks.make_small(url, rows)
    tool.prepare(url, checks.SMALL)
    tool.load(url, checks.SMALL)
    source.change(url, CHANGED, rows, 1, checks.SMALL)
    return checks.readers_locked_out(tool, url, checks.SMALL)


def _or_error(work: Any) -> Any:
    try:
        return work()
    except Failed as error:
        return f"failed: {str(error).strip().splitlines()[-1][:200]}"


def counted(counts: dict[str, dict[str, Any]]) -> str:
    """The counts as a table."""
    lines = ["", "correctness on the same work"]
    for name, found in counts.items():
        lines.append(f"  {name}")
        lines += [f"    {what:<34} {value}" for what, value in found.items() if what != "values"]
        lines += [f"      {kind}: {said}" for kind, said in found["values"].items() if said != "kept"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
