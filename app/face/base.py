"""What all commands share: the settings they were called with, their options, and help that ends in an example."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app import escapes
from app.face import completion, waits

if TYPE_CHECKING:
    from app import config
    from app.reporting import store as reporting
    from jobs.results import Progress

F = TypeVar("F", bound=Callable[..., Any])
# The same as `app.face.tables.FORMATS`, which would import rich.
FORMATS = ("table", "json", "jsonl", "csv", "markdown")
# What the ending of a file's name means.
ENDINGS = {
    ".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".md": "markdown", ".parquet": "parquet", ".xlsx": "xlsx",
    ".svg": "svg", ".png": "png", ".html": "html",
}  # fmt: skip
# From this age on a replica's answer says what it is as of.
_WHILE = timedelta(seconds=10)
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


class Face:
    """One call of the command line. The settings are read when first asked for.

    `page` gives the module `app.page.command`, which no command here may import.
    """

    def __init__(self, page: Callable[[], Any] = lambda: None) -> None:
        self.page = page
        self.config_path = Path("config.toml")
        self.config_given = False
        self.verbose = False
        self.quiet = False
        self.timeout: timedelta | None = None
        # Which of several sources answers by itself.
        self.source: str | None = None
        self.dual = False
        # Those that are in no config: typed, or made of one.
        self.urls: list[str] = []
        self._bars: Progress | None = None

    @cached_property
    def settings(self) -> config.Settings:
        from app import bootstrap, config

        for sentence in config.unknown_variables(os.environ):
            self.say(f"warning: {sentence}")
        return bootstrap.load_settings(self.config_path)

    def say(self, text: str) -> None:
        """A line for the person at the terminal: on stderr, never mixed with data."""
        if not self.quiet:
            click.echo(escapes.lines(text), err=True)

    def store(
        self,
        *,
        max_staleness: timedelta | None = None,
        live: bool = False,
        writes: Path | None = None,
        engine: str = "duckdb",
    ) -> AbstractContextManager[reporting.Store]:
        """What a command reads: the reporting file, fresh enough, or PostgreSQL itself.

        `writes` is the one file that a result may be written to.
        """
        from app import bootstrap, errors

        if self.source is not None and not live:
            raise errors.UsageError("--source goes with --live", hint="the file answers for all sources at once")
        if live and max_staleness is not None and self.settings.read.url is None:
            raise errors.UsageError("--live is never stale: leave --max-staleness out")
        if engine == "spark":
            return self._on_spark(max_staleness=max_staleness, live=live, writes=writes)
        store = bootstrap.reading(
            self.settings, source=live, max_staleness=max_staleness, timeout=self.timeout, progress=self.progress(),
            watched=lambda job: waits.shown(self.say, job), writes=writes, part=self.source,
        )  # fmt: skip
        of_replica = self.settings.read.url is not None and (live or self.settings.read.on_source)
        return self._of_replica(store) if of_replica and max_staleness is None else store

    def _on_spark(
        self, *, max_staleness: timedelta | None, live: bool, writes: Path | None
    ) -> AbstractContextManager[reporting.Store]:
        from app import bootstrap, errors

        if live:
            raise errors.UsageError("Spark reads the lake, and --live PostgreSQL: leave one of them out")
        return bootstrap.on_spark(
            self.settings, max_staleness=max_staleness, timeout=self.timeout, progress=self.progress(),
            watched=lambda job: waits.shown(self.say, job), writes=writes,
        )  # fmt: skip

    @contextmanager
    def _of_replica(self, opened: AbstractContextManager[reporting.Store]) -> Iterator[reporting.Store]:
        """Say what the moment is that a replica knows of, where that is some time ago."""
        with opened as store:
            if self.now() - store.as_of > _WHILE:
                self.say("the replica replayed its last commit then: nobody wrote since, or it lags behind"
                         " (--max-staleness 0s asks the source)")  # fmt: skip
            yield store

    def now(self) -> datetime:
        """The source's clock, by which an answer has an age."""
        from app import bootstrap

        return bootstrap.source_clock(self.settings)

    def progress(self) -> Progress:
        """Bars on stderr where that is a terminal; otherwise nothing."""
        from app.face import bars

        self._bars = bars.for_stream(sys.stderr, quiet=self.quiet)
        return self._bars

    def close(self) -> None:
        """Give the terminal back: a bar that was cut off has hidden the cursor."""
        stop = getattr(self._bars, "stop", None)
        if stop is not None:
            stop()


class _WithExamples(click.Command):
    """A command whose help ends in command lines that work as they stand."""

    def __init__(self, *args: Any, examples: Sequence[str], **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", _CONTEXT)
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raises `click.NoSuchOption` with the whole of a number below zero, which is no option."""
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            option = error.option_name
            whole = next((one for one in typed if option[1:2].isdigit() and one.startswith(option)), None)
            raise click.NoSuchOption(whole, ctx=ctx) if whole else error from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
            for line in self.examples:
                formatter.write(f"  {line}\n")


class Command(_WithExamples):
    """One command."""


class Group(_WithExamples, click.Group):
    """Commands on one noun."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are written: that of use."""
        return list(self.commands)


pass_face = click.make_pass_decorator(Face)


class Duration(click.ParamType[timedelta]):
    """`10s`, `1m30s`, `2h` to a timedelta."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from app import config

        try:
            duration: timedelta = config.duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return duration


class OutputFile(click.Path):
    """A file whose name's ending says the format."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if path.suffix.lower() not in ENDINGS:
            self.fail(f"{value}: the ending says the format, and is one of {', '.join(ENDINGS)}", param, ctx)
        return path


def format_options(function: F) -> F:
    """`--format`, `--json` or `-o`: how the result is printed, or the file that it goes to."""
    for option in (
        click.option(
            "-o", "--output", type=OutputFile(), metavar="FILE", callback=_refuse_both,
            help=f"Write a file instead; its ending says the format: {', '.join(ENDINGS)}.",
        ),
        click.option("--json", "kind", flag_value="json", help="The same as --format json."),
        click.option(
            "--format", "kind", type=click.Choice(FORMATS), default="table", show_default=True, is_eager=True
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def _refuse_both(ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
    from click.core import ParameterSource

    if value is not None and ctx.get_parameter_source("kind") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"{value}: its ending says the format, so leave --format and --json out", ctx)
    return value


def chart_option(function: F) -> F:
    """`--chart`: a picture in the terminal."""
    return click.option("--chart", "as_chart", is_flag=True, help="Draw a small chart instead of the table.")(function)


def refuse_chart(as_chart: bool, kind: str, output: Path | None) -> None:
    """Raises `click.UsageError` where a chart of the terminal is asked for as something else."""
    if as_chart and output is not None:
        raise click.UsageError(f"{output}: leave --chart out: a file named .svg, .png or .html is a picture")
    if as_chart and kind != "table":
        raise click.UsageError("--chart draws for the terminal: leave --format and --json out")


def json_option(function: F) -> F:
    """`--json`: the same, for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def staleness_option(function: F) -> F:
    """`--max-staleness`: sync first when the reporting file is older."""
    help_text = "Sync first if the reporting file is older, like 10s or 5m; 0s sees every earlier commit."
    timeout = click.option(
        "--timeout", type=Duration(), metavar="D", expose_value=False, callback=_keep_timeout,
        help="Fail when --max-staleness takes longer to meet.",
    )  # fmt: skip
    return click.option("--max-staleness", type=Duration(), metavar="D", help=help_text)(timeout(function))


def _keep_timeout(ctx: click.Context, _param: click.Parameter, value: timedelta | None) -> None:
    ctx.ensure_object(Face).timeout = value


def live_option(function: F) -> F:
    """`--live`: PostgreSQL itself instead of the file; `--source`: which of several."""
    source = click.option(
        "--source", metavar="NAME", expose_value=False, callback=_keep_source, shell_complete=completion.sources,
        help="With --live: which of several sources.",
    )  # fmt: skip
    return click.option("--live", is_flag=True, help="Ask PostgreSQL itself: no lag, slower.")(source(function))


def _keep_source(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    ctx.ensure_object(Face).source = value


def engine_option(function: F) -> F:
    """`--engine`: Spark instead of DuckDB."""
    return click.option(
        "--engine", type=click.Choice(("duckdb", "spark")), default="duckdb", show_default=True,
        help="What answers; Spark reads a lake.",
    )(function)  # fmt: skip


def table_option(function: F) -> F:
    """`--table`, as often as wanted."""
    return click.option(
        "--table", "tables", multiple=True, metavar="T", help="Only this table; may be repeated.",
        shell_complete=completion.tables,
    )(function)  # fmt: skip
