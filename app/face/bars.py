"""Progress on stderr: bars on a terminal, nothing elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from app.face import values

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from jobs.results import Progress

# A unit, from how many on it is used, and what it stands for.
_UNITS = ((" M", 1_000_000, 1_000_000), (" k", 10_000, 1_000), ("", 0, 1))
# Seconds before a speed says something.
_SETTLED = 0.5


class Bars:
    """One bar per task. It draws from the first task's start until no task is left."""

    def __init__(self, rich_progress: RichProgress) -> None:
        self._rich = rich_progress
        self._tasks: dict[str, TaskID] = {}

    def start(self, task: str, total: int | None) -> None:
        self._rich.start()
        # Of no rows, or of an unknown number, a bar would have nothing to fill.
        self._tasks[task] = self._rich.add_task(task, total=total or None, said=said(0, total, 0))

    def advance(self, task: str, rows: int) -> None:
        number = self._tasks[task]
        self._rich.update(number, advance=rows)
        one = next(one for one in self._rich.tasks if one.id == number)
        self._rich.update(number, said=said(one.completed, one.total, one.elapsed or 0.0))

    def finish(self, task: str) -> None:
        self._rich.remove_task(self._tasks.pop(task))
        if not self._tasks:
            self._rich.stop()

    def stop(self) -> None:
        """Leave nothing on the terminal, whatever was under way."""
        self._rich.stop()


def for_stream(stream: TextIO, *, quiet: bool) -> Progress:
    """Bars where the stream is a terminal and nobody asked for quiet."""
    from jobs.results import Silent

    if quiet or not stream.isatty():
        return Silent()
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[said]}"),
    )
    return Bars(Progress(*columns, console=Console(file=stream), transient=True))


def said(done: float, total: float | None, seconds: float) -> str:
    """`4.1 of 5.0 M rows  1.6 M/s  1 s left`; what nobody knows yet is left out."""
    unit, size = _unit(max(done, total or 0))
    # What was planned is an estimate, and may be less than there is.
    known = total if total and total >= done else None
    parts = [
        f"{_short(done, size)} of {_short(known, size)}{unit} rows" if known else f"{_short(done, size)}{unit} rows"
    ]
    if done and seconds >= _SETTLED:
        speed = done / seconds
        unit, size = _unit(speed)
        parts.append(f"{_short(speed, size)}{unit}/s")
        parts += [f"{values.age((known - done) / speed)} left"] if known else []
    return "  ".join(parts)


def _unit(number: float) -> tuple[str, int]:
    return next((unit, size) for unit, least, size in _UNITS if number >= least)


def _short(number: float, size: int) -> str:
    return f"{number / size:.1f}" if size > 1 else f"{number:,.0f}"
