"""Free questions to the reporting file."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from app.face.base import (
    Command,
    Face,
    chart_option,
    format_options,
    live_option,
    pass_face,
    refuse_chart,
    staleness_option,
)

_EXAMPLES = (
    'neaptide sql "SELECT status, count(*) FROM shop.orders GROUP BY status"',
    'neaptide sql "SHOW ALL TABLES" --json',
    'neaptide sql "FROM shop.orders" -o orders.parquet',
    'neaptide sql "SELECT status, count(*) AS orders FROM shop.orders GROUP BY status" --chart',
)


class Asking(Command):
    """Its query may begin with a comment, which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f"\n{word}" if word.startswith(("-- ", "--\n")) else word for word in args])


@click.command("sql", cls=Asking, examples=_EXAMPLES)
@click.argument("query")
@format_options
@chart_option
@staleness_option
@live_option
@pass_face
def command(
    face: Face,
    *,
    query: str,
    kind: str,
    output: Path | None,
    as_chart: bool,
    max_staleness: timedelta | None,
    live: bool,
) -> None:
    """Run one SELECT on the reporting file; - reads it from stdin.

    Read-only, and no other file can be reached. A name without a schema is looked for in public.
    """
    from app.face import export, plots, tables
    from app.queries import report_file

    refuse_chart(as_chart, kind, output)
    text = _read() if query == "-" else query
    chart = report_file.chart_of(text)
    if output is not None:
        export.write(
            face, output, lambda _: (text, ()), title="query", chart=chart, max_staleness=max_staleness, live=live
        )
        return
    with face.store(max_staleness=max_staleness, live=live) as store:
        result = store.query(text)
    if as_chart:
        plots.write(result, chart, "query", sys.stdout, face.now())
    else:
        tables.write(result, kind, sys.stdout, sys.stderr, now=face.now())


def _read() -> str:
    """What stdin says; bytes that are no UTF-8 are refused with the statement."""
    return sys.stdin.buffer.read().decode("utf-8-sig", "surrogateescape")
