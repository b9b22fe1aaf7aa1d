"""Progress on stderr: bars on a terminal, nothing elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from jobs.results import Progress


class Bars:
    """One bar per task. It draws from the first task's start until no task is left."""

    def __init__(self, rich_progress: RichProgress) -> None:
        self._rich = rich_progress
        self._tasks: dict[str, TaskID] = {}

    def start(self, task: str, total: int | None) -> None:
        self._rich.start()
        self._tasks[task] = self._rich.add_task(task, total=total)

    def advance(self, task: str, rows: int) -> None:
        self._rich.update(self._tasks[task], advance=rows)

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
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeElapsedColumn())
    return Bars(Progress(*columns, console=Console(file=stream), transient=True))
