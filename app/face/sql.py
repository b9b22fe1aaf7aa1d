"""Free questions to the reporting file."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from app.face.base import Command, Face, format_options, live_option, pass_face, staleness_option

_EXAMPLES = (
    'neaptide sql "SELECT status, count(*) FROM shop.orders GROUP BY status"',
    'neaptide sql "SHOW ALL TABLES" --json',
    'neaptide sql "FROM shop.orders" -o orders.parquet',
)


@click.command("sql", cls=Command, examples=_EXAMPLES)
@click.argument("query")
@format_options
@staleness_option
@live_option
@pass_face
def command(
    face: Face, *, query: str, kind: str, output: Path | None, max_staleness: timedelta | None, live: bool
) -> None:
    """Run one SELECT on the reporting file; - reads it from stdin.

    Read-only, and no other file can be reached. A name without a schema is looked for in public.
    """
    from app.face import export, tables

    text = _read() if query == "-" else query
    if output is not None:
        export.write(face, output, lambda _: (text, ()), title="query", max_staleness=max_staleness, live=live)
        return
    with face.store(max_staleness=max_staleness, live=live) as store:
        tables.write(store.query(text), kind, sys.stdout, sys.stderr, now=face.now())


def _read() -> str:
    """What stdin says; bytes that are no UTF-8 are refused with the statement."""
    return sys.stdin.buffer.read().decode("utf-8-sig", "surrogateescape")
