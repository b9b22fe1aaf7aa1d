"""The whole path on the screen, from commands to reports."""

from __future__ import annotations

import shlex
import socket
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import errors
from app.face import show, watching
from app.face.base import Command, Face, pass_face

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.demo.progress import Total

_REPORTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("sales_monthly", {}),
    ("top_products", {"limit": "5"}),
    ("sales_by_country", {}),
)
_EXAMPLES = (
    "neaptide demo",
    "neaptide demo --orders 5000",
    "neaptide demo --feed wal",
    "neaptide demo --feed dual",
    "neaptide demo --serve",
)
_PAGE = ("127.0.0.1", 8321)
_DUAL = "dual"


@click.command("demo", cls=Command, examples=_EXAMPLES)
@click.option(
    "--orders", type=click.IntRange(0, 1_000_000), default=3000, show_default=True, help="Generated orders in all."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Import the Online Retail file instead: online_retail.parquet, say.",
)
@click.option(
    "--feed",
    type=click.Choice(("watermark", "wal", "events", _DUAL)),
    help="How changes get into the file; watch it work.",
)
@click.option("--serve", is_flag=True, help="Then open the page, and sync while orders come in, until Ctrl-C.")
@pass_face
def command(face: Face, *, orders: int, data: Path | None, feed: str | None, serve: bool) -> int:
    """Show the whole path: orders in, a sync, reports out.

    Starts a PostgreSQL of its own, makes the schema of a shop, and places orders over two years through the command
    handlers, the same ones each time. Without a config it makes the folder neaptide-demo with all that belongs to it.
    Run again, it goes on from what is there.
    """
    from app import bootstrap, extras
    from jobs.run import sync
    from jobs.tracking import install

    with extras.needed("demo"):
        from app.oltp import engine

    if data is not None and not data.is_file():
        raise errors.UsageError(f"there is no file {data}", hint="give the Parquet file with --data FILE.parquet")
    began = time.monotonic()
    _choose_project(face)
    if feed is not None:
        _choose(face, feed)
    face.say("PostgreSQL: starting (the first time takes a moment), and bringing the schema up to date")
    if face.settings.embedded_root is not None:
        bootstrap.embedded(face.settings).start()
    database = engine.create(bootstrap.migrate(face.settings))
    try:
        _fill(face, database, orders, data)
    finally:
        database.dispose()
    job = bootstrap.job(face.settings)
    install.track(job, [])
    run = sync.sync_once(job, progress=face.progress())
    rows = sum(table.rows_in for table in run.tables)
    took = (run.finished_at - run.started_at).total_seconds()
    face.say(f"sync: {rows:,} rows in {took:.1f} s" if run.changed else "sync: nothing changed")
    _reports(face)
    if feed is not None and not run.failed:
        _watch(face, feed, orders)
    if serve and not run.failed:
        return _serve(face, orders)
    _next(face, time.monotonic() - began)
    return 1 if run.failed else 0


def _choose(face: Face, feed: str) -> None:
    """Write it into the config, for the commands that come later, too."""
    from app.demo import project

    dual = feed == _DUAL
    project.choose_mechanism(face.config_path, feed="watermark" if dual else feed, dual=dual)
    vars(face).pop("settings", None)
    face.say(f"{face.config_path.name}: [sync] " + ("dual = true" if dual else f'feed = "{feed}"'))


def _watch(face: Face, feed: str, orders: int) -> None:
    from app import bootstrap

    if feed == _DUAL:
        watching.show_dual(face)
    else:
        watching.show(face, bootstrap.source_url(face.settings), orders)


def _serve(face: Face, orders: int) -> int:
    """The daemon with the page, while orders come in."""
    from app import bootstrap
    from app.demo import visitors
    from app.face import daemon
    from app.oltp import engine
    from jobs.daemon import process

    listen = face.settings.http.listen or _free()
    database = engine.create(bootstrap.source_url(face.settings))
    make = face.page().maker()
    face.say(f"\nThe page is on http://{listen}/, and an order comes in every second, until Ctrl-C.")
    face.quiet = True
    if sys.stderr.isatty():
        click.launch(f"http://{listen}/")
    try:
        with visitors.coming(database, orders):
            return process.serve(lambda: daemon.load(face, listen), make)
    finally:
        database.dispose()


def _free() -> str:
    """The page's usual address, or another one where somebody has that."""
    host, port = _PAGE
    for one in (port, 0):
        with suppress(OSError), socket.create_server((host, one)) as listener:
            return f"{host}:{listener.getsockname()[1]}"
    return f"{host}:{port}"


def _choose_project(face: Face) -> None:
    """Use the config that is meant or is a demo's; else make a project, and leave what is here alone."""
    from app.demo import project

    if face.config_given or (face.config_path.exists() and face.settings.embedded_root is not None):
        return
    vars(face).pop("settings", None)
    face.config_path = project.make(Path.cwd())
    face.say(f"{face.config_path.parent.name}/: the config, and the reports in reports/")


def _next(face: Face, seconds: float) -> None:
    """What to do now, and how to stop what goes on running."""
    folder = face.config_path.absolute().parent
    here = folder == Path.cwd()
    face.say(f"\nThat took {seconds:.0f} s. next:")
    for command, does in (
        *([] if here else [(f"cd {shlex.quote(_from_here(folder))}", "")]),
        ("neaptide report", "the reports; neaptide report new NAME writes one of yours"),
        ('neaptide sql "SELECT count(*) FROM shop.orders"', "any question"),
        ("neaptide serve", _page()),
        ("neaptide daemon", "keeps the file up to date, until Ctrl-C"),
        *([("neaptide db stop", "the PostgreSQL goes on running until then")] if face.settings.embedded_root else []),
    ):
        face.say(f"  {command:<50} {does}".rstrip())


def _page() -> str:
    """Where the page will be, or what it needs first."""
    needs = "" if find_spec("starlette") else "; first: pip install 'neaptide[web]'"
    return f"all of it as a page, on http://{_PAGE[0]}:{_PAGE[1]}/{needs}"


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _fill(face: Face, engine: Engine, orders: int, data: Path | None) -> None:
    if data is not None:
        from app.demo import retail

        read, totals = retail.import_file(engine, data, show=face.progress())
        face.say(f"{data.name}: {read:,} lines read" if read else f"{data.name}: every line is in already")
        _verdicts(totals)
        return
    from app.demo import seeded

    done = seeded.place(engine, orders, show=face.progress())
    there = f"{done.before:,} generated orders were there, "
    face.say(f"orders: {there if done.before else ''}{done.placed:,} placed")
    for name, count in sorted(done.refused.items()):
        face.say(f"  {count:,} commands were refused: {name}")


def _verdicts(totals: list[Total]) -> None:
    rows = [(total.verdict, total.lines, total.amount) for total in totals]
    lines, amount = sum(total.lines for total in totals), sum(total.amount for total in totals)
    click.echo()
    show.table(("verdict", "lines", "amount"), [*rows, ("read", lines, amount)])


def _reports(face: Face) -> None:
    from app import bootstrap
    from app.queries import reports

    with bootstrap.reporting_file(face.settings) as store:
        for name, parameters in _REPORTS:
            click.echo()
            report = reports.shop().get(name)
            show.report(reports.run(store, report, parameters), report.title, face.now())
