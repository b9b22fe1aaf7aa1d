"""`neaptide serve`: the page without a daemon, and what a daemon serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app import errors
from app.face.base import Command, Face, pass_face

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config import Settings
    from app.page.server import Server
    from jobs.daemon.monitor import Make, Serving
    from jobs.job import Job
    from jobs.status.board import Board

_DEFAULT = "127.0.0.1:8321"


@click.command("serve", cls=Command, examples=("neaptide serve",))
@click.option("--listen", metavar="HOST:PORT", help=f"Where, if not at [http] listen; {_DEFAULT} without either.")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@pass_face
def command(face: Face, *, listen: str | None, open_it: bool) -> None:
    """Show reports, tables and runs as a page, until Ctrl-C.

    It reads the published file and refreshes when a run publishes. A daemon shows the same page at [http] listen.
    """
    from app import logs, redaction

    server = begin(face.settings, listen)
    try:
        logs.setup(verbose=face.verbose, quiet=face.quiet, redaction=redaction.of(face.settings))
        face.say(f"the page is on {address(server)}, until Ctrl-C")
        if open_it:
            click.launch(address(server))
        _wait(server)
    finally:
        server.shutdown()
        server.server_close()


def maker() -> Make:
    """What a daemon serves at `[http] listen`: the page, or only what monitors ask where its packages aren't there."""
    try:
        from app.page import server
    except ModuleNotFoundError as error:
        return _Monitors(error.name or "").begin
    return server.Server


class _Monitors:
    """Answers monitors, and says once what is missing for more."""

    def __init__(self, missing: str) -> None:
        self._missing = missing

    def begin(self, job: Job, board: Board, alive: Callable[[], bool]) -> Serving:
        """A server without the page."""
        import structlog

        from jobs.daemon import monitor

        server = monitor.Server(job, board, alive)
        if self._missing:
            message = f"there is no page, only what monitors ask: {self._missing} is missing"
            structlog.get_logger().info(message, action="page_missing", hint="pip install 'neaptide[web]'")
            self._missing = ""
        return server


def begin(settings: Settings, listen: str | None) -> Server:
    """A server at work. Raises `errors.ConfigError` where the address can't be had, `errors.MissingExtra`."""
    from app import bootstrap, extras
    from jobs.status.board import Board

    with extras.needed("web"):
        from app.page import server

    listening = _listening(settings, listen)
    try:
        return server.Server(bootstrap.job(listening, start=False), Board(state="serving"), lambda: True)
    except OSError as error:
        message = f"{listening.http.listen} can't be listened on: {error.strerror or error}"
        raise errors.ConfigError(
            message, hint="a daemon may have it: open it there, or give --listen HOST:PORT"
        ) from error


def _listening(settings: Settings, listen: str | None) -> Settings:
    """The settings with the address; the rules for one off the loopback hold for this one, too."""
    from pydantic import ValidationError

    from app.config import Http

    wanted = listen or settings.http.listen or _DEFAULT
    try:
        http = Http(listen=wanted, token=settings.http.token)
        _ = http.address
    except (ValidationError, ValueError) as error:
        details = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise errors.UsageError(f"--listen {wanted}: {details.removeprefix('Value error, ')}") from None
    return settings.model_copy(update={"http": http})


def address(server: Server) -> str:
    """Where a browser finds it."""
    host, port = server.server_address[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _wait(server: Server) -> None:
    from app.page import server as module

    module.wait(server)
