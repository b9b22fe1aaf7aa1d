"""Rows as text, a batch at a time, for whoever downloads them.

A spreadsheet program takes a text that begins with `=` for a formula, and runs it. Here a person clicks on a link that
somebody else may have sent: such a text, also where it is a column's name, gets an apostrophe in front, which those
programs show as text. JSON, Parquet and the command line have every text as it is.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

from app.face import tables, values
from app.reporting.result import Result

_ACTING = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv(batches: Iterator[Result]) -> Iterator[str]:
    """CSV with a head."""
    for number, batch in enumerate(batches):
        names = tuple(harmless(name) for name in batch.columns)
        rows = [tuple(harmless(value) for value in row) for row in batch.rows]
        text = tables.render(replace(batch, columns=names, rows=rows), "csv")
        head, _, _ = tables.render(replace(batch, columns=names, rows=[]), "csv"), "", ""
        yield text if number == 0 else text.removeprefix(head)


def harmless(value: Any) -> Any:
    """The value, as nothing but text where it is a text that would act."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_ACTING) else value


def json(batches: Iterator[Result]) -> Iterator[str]:
    """One object as the command line has it: `as_of`, `columns`, `rows`."""
    between = "\n  "
    for number, batch in enumerate(batches):
        if number == 0:
            yield f'{{"as_of": {values.as_json(batch.as_of)}, "columns": {values.as_json(batch.columns)}, "rows": ['
        for line in tables.render(batch, "jsonl").splitlines():
            yield f"{between}{line}"
            between = ",\n  "
    yield "\n]}\n"


def encoded(texts: Iterator[str]) -> Generator[bytes, None, None]:
    """As bytes, some thousands at a time: a part for each line would take longer than the line."""
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size > 1 << 16:
            yield "".join(held).encode("utf-8", "replace")
            held, size = [], 0
    yield "".join(held).encode("utf-8", "replace")
