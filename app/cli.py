"""The command line: find the command, run it, and turn what goes wrong into two lines and an exit code.

A module is imported when its command is called, and imports what is heavy when that runs, so `--help` is fast.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from app import __version__, extras
from app.face import failures
from app.face.base import Face, Group

# Each with its module, under the title that the help has it by.
_SECTIONS = {
    "To start": {
        "demo": "app.face.demo",
        "init": "app.face.init",
        "track": "app.face.track",
        "untrack": "app.face.track:untrack",
        "db": "app.face.db",
    },
    "Every day": {
        "sync": "app.face.sync",
        "daemon": "app.face.daemon",
        "status": "app.face.status",
        "report": "app.face.report",
        "sql": "app.face.sql",
        "tables": "app.face.schema",
        "serve": "app.page.command",
    },
    "Now and then": {
        "verify": "app.face.verify",
        "doctor": "app.face.doctor",
        "runs": "app.face.runs",
        "models": "app.face.models",
        "backfill": "app.face.backfill",
        "pause": "app.face.pause",
        "resume": "app.face.pause:resume",
        "feed": "app.face.feed",
        "events": "app.face.events",
        "relay": "app.face.events:relay",
        "broker": "app.face.broker",
        "lake": "app.face.lake",
        "alerts": "app.face.alerts",
        "completion": "app.face.shellscript",
    },
    "The demo's shop": {
        "product": "app.face.product",
        "customer": "app.face.customer",
        "order": "app.face.order",
        "payment": "app.face.payment",
        "financing": "app.face.financing",
    },
}
COMMANDS = {name: module for section in _SECTIONS.values() for name, module in section.items()}
# What one would also say.
_ALIASES = {"model": "models"}


class LazyGroup(Group):
    """Commands by name, each module loaded when its command is asked for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Called without anything, it shows what there is."""
        return super().parse_args(ctx, args or ["--help"])

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with failures.to_readers():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with failures.to_readers():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """By what somebody wants to do, instead of all in one list."""
        for title, names in _SECTIONS.items():
            room = formatter.width - 6 - max(map(len, names))
            with formatter.section(title):
                formatter.write_dl([(name, self._short(ctx, name, room)) for name in names])

    def _short(self, ctx: click.Context, name: str, room: int) -> str:
        command = self.get_command(ctx, name)
        assert command is not None
        return command.get_short_help_str(room)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Raises `click.UsageError` with the nearest names for a command that there isn't."""
        args[0] = _ALIASES.get(args[0], args[0])
        near = difflib.get_close_matches(args[0], COMMANDS, n=2) if args[0] not in COMMANDS else []
        if near:
            ctx.fail(f"there is no command {args[0]!r}: did you mean {' or '.join(near)}?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name or "command")
        return command


@click.group(cls=LazyGroup, examples=("neaptide demo", "neaptide report sales_monthly"))
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("config.toml"),
    show_default=True,
    envvar="NEAPTIDE_CONFIG",
    help="The settings; NEAPTIDE_… variables win over it.",
)
@click.option("--verbose", is_flag=True, envvar="NEAPTIDE_DEBUG", help="Say more, and show a traceback on failure.")
@click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors.")
@click.version_option(__version__, package_name="neaptide", prog_name="neaptide", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context, config_path: Path, verbose: bool, quiet: bool) -> None:
    """Keeps a columnar DuckDB file equal to your PostgreSQL.

    Commands write to PostgreSQL, `sync` copies what changed, reports read the file and say how fresh it is.
    Data goes to stdout, everything else to stderr.
    """
    face = ctx.ensure_object(Face)
    face.config_path, face.verbose, face.quiet = config_path, verbose, quiet
    face.config_given = ctx.get_parameter_source("config_path") is not ParameterSource.DEFAULT


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    face = Face(page=_page)
    try:
        code = root.main(list(arguments), prog_name="neaptide", standalone_mode=False, obj=face)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:  # noqa: BLE001  the edge: whatever goes wrong is told here, once
        face.close()
        return failures.report(error, face)


def _page() -> Any:
    """The page, for a command that shows it: the room above those of the commands."""
    return importlib.import_module("app.page.command")


def prepare() -> None:
    """Set this process up as one of the command; benchmarks do so, too."""
    # What imports make stays: to look for garbage in it after every 700 objects takes a tenth of a short command, and
    # so it does once in the 80,000 of a sync, or while Python ends.
    gc.set_threshold(100_000, 20, 20)
    extras.know_absent("pandas")


def main() -> None:
    """The `neaptide` command."""
    prepare()
    code = run(sys.argv[1:])
    gc.freeze()
    if _query_goes_on():
        # While Python ends in good order, DuckDB would be pulled away from under it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _query_goes_on() -> bool:
    """Whether DuckDB is still busy with a query that nobody waits for; no query has run where the module isn't here."""
    execution = sys.modules.get("app.execution")
    return execution is not None and execution.stuck()
