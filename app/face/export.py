"""A result as a file of the format that its name's ending says: whole and in its place, or not there at all.

It is written beside its place under a passing name, and renamed at the end.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app import errors
from app.face import show
from app.face.base import ENDINGS, Face

if TYPE_CHECKING:
    from app.charts.chart import Chart
    from app.reporting.store import Parameters, Store

    Question = Callable[[Store], tuple[str, Parameters]]

_PICTURES = ("svg", "png", "html")


def write(
    face: Face,
    path: Path,
    question: Question,
    *,
    title: str,
    chart: Chart | None = None,
    max_staleness: timedelta | None,
    live: bool,
    engine: str = "duckdb",
) -> None:
    """Write what a question's SQL gives, and say on stderr how much that is, and as of when.

    Raises `errors.UsageError` where the file can't be written, and what reading raises.
    """
    kind = ENDINGS[path.suffix.lower()]
    _check_installed(kind)
    with _replaced(path) as passing:
        writes = passing if kind == "parquet" else None
        with face.store(max_staleness=max_staleness, live=live, writes=writes, engine=engine) as store:
            rows = _write(store, *question(store), passing, kind, title, chart)
            as_of = store.as_of
    face.say(f"wrote {path}: {show.counted(rows, 'row')}, as of {show.moment(as_of)}")


def _check_installed(kind: str) -> None:
    """Raise `errors.MissingExtra` before anything is asked."""
    if kind == "xlsx":
        from app.face import workbook

        workbook.installed()
    elif kind in _PICTURES:
        from app.charts import picture

        picture.installed()


def _write(store: Store, sql: str, params: Parameters, path: Path, kind: str, title: str, chart: Chart | None) -> int:
    from app.face import pictures, tables, workbook

    if kind == "parquet":
        return store.write_parquet(sql, params)
    result = store.query(sql, params)
    if kind == "xlsx":
        workbook.write([result], path, title)
    elif kind in _PICTURES:
        path.write_bytes(pictures.made(result, chart, kind, title))
    else:
        path.write_text(tables.render(result, kind), encoding="utf-8", newline="\n")
    return len(result.rows)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A new file of a passing name, which takes the place of `path` if all goes well, and is gone if not.

    Where `path` is a link, what it leads to is replaced. The new file is as private as the old one was.
    """
    place = Path(os.path.realpath(path))
    passing = place.with_name(f".{secrets.token_hex(8)}.passing")
    try:
        mode = _checked(place)
        os.close(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode))
        if mode is not None:
            passing.chmod(mode)
    except OSError as error:
        raise errors.UsageError(f"{path} can't be written: {error.strerror}") from error
    try:
        yield passing
        passing.replace(place)
    except BaseException:
        passing.unlink(missing_ok=True)
        raise


def _checked(place: Path) -> int | None:
    """The mode of the file that is there. Raises `OSError` where it is no file, or not to be written."""
    if not place.exists():
        return None
    if not place.is_file():
        raise OSError(0, "it is no regular file")
    if not os.access(place, os.W_OK):
        raise PermissionError(0, "no permission")
    return place.stat().st_mode & 0o777
