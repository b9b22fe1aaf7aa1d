"""What a person reads when something went wrong: what happened, the next step, and no secret."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from app import errors, escapes

if TYPE_CHECKING:
    from app.face.base import Face

INTERRUPTED = 130
# What a shell says of a program that SIGPIPE ended, which is how others end where their reader leaves.
READER_GONE = 141
# Options of the whole command line, which are often typed after the command.
_GLOBAL = ("--config", "--verbose", "--quiet", "--version")

# How click says that words are left over.
_EXTRA = re.compile(r"Got unexpected extra arguments? \((.*)\)")


class ReaderGone(Exception):
    """Whoever read our output has left, as `head` does."""


@contextmanager
def to_readers() -> Iterator[None]:
    """Raises `ReaderGone` for the error that click would make an exit code of 1 of."""
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGone from error


def report(error: BaseException, face: Face) -> int:
    """Say on stderr what went wrong and return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if _is_interrupted(error):
        return INTERRUPTED
    if isinstance(error, ReaderGone | BrokenPipeError):
        return _reader_gone()
    if isinstance(error, SystemExit):
        raise error
    if face.verbose:
        click.echo(escapes.lines(redact("".join(traceback.format_exception(error)), face)), err=True)
    message, hint, code = _explained(error)
    _print("error", message, face)
    if hint:
        _print("hint", hint, face)
    return code


def _is_interrupted(error: BaseException | None) -> bool:
    """Also where tidying up after Ctrl-C fails, as on a connection that still has the answer to its last question."""
    # By way of causes and contexts one may come to the same error again.
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt | click.Abort):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def redact(text: str, face: Face) -> str:
    """The text without any secret of the config, the environment and the command line."""
    from app import redaction

    return redaction.of(vars(face).get("settings"), *face.urls).text(text)


def _explained(error: BaseException) -> tuple[str, str | None, int]:
    """Message, hint and exit code."""
    from app.domain.errors import DomainError

    if isinstance(error, errors.NeaptideError):
        return error.message, error.hint, error.exit_code
    if isinstance(error, DomainError):
        return error.message, None, 1
    if isinstance(error, click.NoSuchOption) and error.option_name in _GLOBAL:
        return f"{error.option_name} stands before the command", f"neaptide {error.option_name} … {_command(error)}", 2
    if isinstance(error, click.NoSuchOption) and error.option_name[1:2].isdigit():
        message = f"{error.option_name} is below zero: a price or an amount is not"
        return message, f"see neaptide {_command(error)} --help", 2
    if isinstance(error, click.UsageError):
        return error.format_message(), _how(error), 2
    if isinstance(error, click.ClickException):
        return error.format_message(), None, 2
    if isinstance(error, OSError):
        return _told_of_system(error)
    what = f"{type(error).__name__}: {error}"
    return what, "this is a bug in Neaptide; `neaptide --verbose …` shows where", 1


def _how(error: click.UsageError) -> str:
    """The next step: what is missing in its own words, a table where a command takes one by an option, or the help."""
    path = error.ctx.command_path if error.ctx else "neaptide"
    if isinstance(error, click.MissingParameter) and isinstance(error.param, click.Option) and error.param.help:
        return f"{error.param.opts[0]}: {error.param.help}"
    extra = _EXTRA.match(error.message)
    options = {name for one in error.ctx.command.params for name in one.opts} if error.ctx else set()
    if extra and "--table" in options:
        return f"tables are named by an option: {path} --table {extra[1]}"
    if extra and "--url" in options and "://" in extra[1]:
        return f"the database is named by an option: {path} --url …"
    return f"see {path} --help"


def _command(error: click.UsageError) -> str:
    return error.ctx.command_path.partition(" ")[2] if error.ctx else "COMMAND"


def _told_of_system(error: OSError) -> tuple[str, str | None, int]:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"no room left on the disk: {error}", "free some room and run the same command again", 1
    if isinstance(error, PermissionError):
        return f"no permission: {error}", "check who owns the file", 1
    return str(error), None, 1


def _print(label: str, message: str, face: Face) -> None:
    """One labelled paragraph; further lines are indented below it."""
    first, *rest = escapes.lines(redact(message, face).strip()).split("\n")
    colour = {"error": "red", "hint": "cyan"}[label]
    plain = "NO_COLOR" in os.environ or not sys.stderr.isatty()
    shown = label if plain else click.style(label, fg=colour, bold=True)
    click.echo("\n".join([f"{shown}: {first}", *(f"  {line}" for line in rest)]), err=True)


def _reader_gone() -> int:
    """No more is written, also not by Python when it ends."""
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return READER_GONE
