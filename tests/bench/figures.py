"""What was measured: figures with all their values, the goals they are held against, and both as a table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One quantity, measured several times. `low` and `high` are the quartiles where there are at least four values."""

    group: str
    name: str
    unit: str
    values: tuple[float, ...]
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        if len(self.values) < 4:
            return min(self.values), max(self.values)
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high

    def as_dict(self) -> dict[str, Any]:
        low, high = self.spread
        return {**asdict(self), "median": self.median, "low": low, "high": high}


@dataclass(frozen=True)
class Goal:
    """A figure, or a ratio of two, held against a limit; `at_least` where more is better."""

    group: str
    text: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


@dataclass
class Report:
    """All figures and goals of one run of the benchmark."""

    about: dict[str, Any]
    figures: list[Figure] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    # Seconds of each phase of a measurement, by its name: where the time goes.
    phases: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, group: str, name: str, unit: str, values: Sequence[float], note: str = "") -> Figure:
        """Keep a figure and say it on the way."""
        figure = Figure(group, name, unit, tuple(values), note)
        self.figures.append(figure)
        print(f"  {line(figure)}", flush=True)
        return figure

    def hold(self, group: str, text: str, value: float, limit: float, *, at_least: bool = False) -> Goal:
        """Hold a value against a goal."""
        goal = Goal(group, text, value, limit, at_least)
        self.goals.append(goal)
        print(f"  {verdict(goal)}", flush=True)
        return goal

    def as_dict(self) -> dict[str, Any]:
        return {
            "about": self.about,
            "figures": [figure.as_dict() for figure in self.figures],
            "goals": [goal.as_dict() for goal in self.goals],
            "phases": self.phases,
        }


def line(figure: Figure) -> str:
    """A figure in one line."""
    low, high = figure.spread
    numbers = f"{shown(figure.median, figure.unit):>10}   {shown(low, figure.unit)} to {shown(high, figure.unit)}"
    return f"{figure.name:<58} {numbers}  (n={len(figure.values)}) {figure.note}".rstrip()


def verdict(goal: Goal) -> str:
    """A goal in one line."""
    sign = "at least" if goal.at_least else "at most"
    return f"{'met    ' if goal.met else 'NOT MET'} {goal.text}: {goal.value:.3g}, {sign} {goal.limit:g}"


def shown(value: float, unit: str) -> str:
    """A value with its unit, to three digits or so."""
    if unit == "s":
        return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
    if unit == "MB":
        return f"{value:.0f} MB"
    if unit == "x":
        return f"{value:.2f} x"
    return f"{value:,.6g} {unit}".strip()


def median_phases(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each phase over several runs."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: statistics.median(run.get(name, 0.0) for run in runs) for name in names}


def pair_ratio(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """The ratio of each interleaved pair: what slows the machine down slows both halves of a pair."""
    return [a / b for a, b in zip(one, other, strict=True)]
