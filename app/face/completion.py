"""Completion in the shell: the names that only a project's config knows.

A name that can't be found out is no reason to disturb somebody who types: then there is none.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from app import config


def reports(ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The project's reports, by their files' names."""
    with suppress(Exception):
        names = (file.stem for file in _settings(ctx).reports_path.glob("*.sql"))
        return sorted(name for name in names if name.startswith(begun) and not name.startswith("_"))
    return []


def models(ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The project's read models, by their files' names."""
    with suppress(Exception):
        names = (file.stem for file in _settings(ctx).models_path.glob("*.sql"))
        return sorted(name for name in names if name.startswith(begun))
    return []


def readable(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """What a query can read: tables and models."""
    model_names = [f"models.{name}" for name in models(ctx, parameter, "")]
    return tables(ctx, parameter, begun) + [name for name in model_names if name.startswith(begun)]


def tables(ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The config's tables; where a pattern stands for some, those of the file."""
    with suppress(Exception):
        settings = _settings(ctx)
        names = [one.name for one in settings.tables if not one.is_pattern]
        if len(names) < len(settings.tables):
            names = _in_file(settings)
        return sorted(name for name in names if name.startswith(begun))
    return []


def sources(ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The names of the config's sources, where it has several."""
    with suppress(Exception):
        return sorted(one.name for one in _settings(ctx).sources if one.name.startswith(begun))
    return []


def _in_file(settings: config.Settings) -> list[str]:
    from app import bootstrap
    from jobs import quoting

    with bootstrap.reporting_file(settings) as file:
        return [quoting.readable(*name) for name in file.tables() if name[0] != "models"]


def _settings(ctx: click.Context) -> config.Settings:
    from app import bootstrap

    return bootstrap.load_settings(ctx.find_root().params["config_path"])
