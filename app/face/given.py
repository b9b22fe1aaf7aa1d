"""A report's name and its parameters, as somebody types them: `NAME -p key=value`, and what is nearly that."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from app import errors
from app.face.base import Command, Face

NEW = "new"
_HELP = {"-h", "--help"}


class ReportCommand(Command):
    """`report NAME --help` is about that report, `report --help` about the command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep click from answering `--help` where a report is named; `--months 6` is told as `-p months=6`."""
        name = _name(args)
        asked = {*args} & _HELP
        if name is not None and name != NEW and asked:
            ctx.meta["report help"] = True
            args = [word for word in args if word not in asked]
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            option = error.option_name.lstrip("-").replace("-", "_")
            if option in _declared(ctx, name):
                message = f"{option} is a parameter of the report {name}, and no option"
                raise errors.UsageError(message, hint=f"neaptide report {name} -p {option}=…") from None
            raise


class Setting(click.ParamType[tuple[str, str]]):
    """`key=value`."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, equals, text = str(value).partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is not KEY=VALUE", param, ctx)
        return key.strip(), text


def as_values(_ctx: click.Context, _param: click.Parameter, options: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The values by name. Raises `errors.UsageError` for one that has two: nobody could say which of them is meant."""
    names = [name for name, _ in options]
    for name in names:
        if names.count(name) > 1:
            raise errors.UsageError(f"the parameter {name} is given {names.count(name)} times", hint="give it once")
    return dict(options)


def parameters(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Those of the report that is named, for completion; click has not read its name while a `-p` lacks its value."""
    report = ctx.params.get("name") or _name(ctx.args)
    return [name for name in _declared(ctx, report) if name.startswith(begun)]


def refuse_second(name: str, word: str) -> None:
    """Raises `errors.UsageError` for a second word behind the command."""
    hint = f"neaptide report {name} -p {word}" if "=" in word else "see `neaptide report --help`"
    raise errors.UsageError(f"one report at a time, not {word!r} too", hint=hint)


def _name(args: Sequence[str]) -> str | None:
    return next((word for word in args if not word.startswith("-")), None)


def _declared(ctx: click.Context, name: str | None) -> list[str]:
    """The parameters of a report; none where it can't be found out."""
    from app import bootstrap

    with suppress(Exception):
        face = Face()
        face.config_path = ctx.find_root().params["config_path"]
        return [one.name for one in bootstrap.reports(face.settings).get(name or "").parameters]
    return []
