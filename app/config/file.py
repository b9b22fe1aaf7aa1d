"""config.toml: read once, checked once."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from app import errors
from app.config import environment
from app.config.sections import Section
from app.config.settings import Settings
from app.config.table import Table

# What is never shown, not even where it is wrong.
_SECRETS = {"url", "urls", "mask_key", "token"}
_HIDDEN = "base"
_NEAR = 0.7


def load(path: Path) -> Settings:
    """Read and check the config file. Raises `errors.ConfigError` naming file, key and what is wrong with it."""
    content = _read(path)
    if _HIDDEN in content:
        raise errors.ConfigError(f"{path}: {_HIDDEN}: unknown key")
    content = environment.over(content, os.environ, Settings.model_fields.keys() - {_HIDDEN})
    try:
        return Settings(**content, base=path.absolute().parent)
    except ValidationError as error:
        _refuse(path, error)


def unknown_variables(environ: Iterable[str]) -> list[str]:
    """One sentence for each `NEAPTIDE_…` variable that nothing reads. Raises `errors.ConfigError` for a near miss."""
    kinds = {name: field.annotation for name, field in Settings.model_fields.items() if name != _HIDDEN}
    return environment.unknown(
        environ,
        {
            name: kind.model_fields.keys() if isinstance(kind, type) and issubclass(kind, Section) else ()
            for name, kind in kinds.items()
        },
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise errors.ConfigError(
            f"{path} does not exist", hint="run `neaptide init --url …`, or name a file with --config"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise errors.ConfigError(f"{path} can't be read: {error}") from error


def _refuse(path: Path, error: ValidationError) -> NoReturn:
    lines = [f"{_source(path, item['loc'])}: {_complaint(dict(item))}" for item in error.errors(include_url=False)]
    raise errors.ConfigError("\n".join(lines), hint="every key is explained in the sample config.toml") from None


def _source(path: Path, loc: tuple[int | str, ...]) -> str:
    """The variable that it comes from, or the file and the place there."""
    variable = "NEAPTIDE_" + "__".join(map(str, loc))
    found = next((name for name in os.environ if name.upper() == variable.upper()), None)
    return found or f"{path}: {_place(loc)}"


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in loc).replace(".[", "[") or "config"


def _complaint(item: dict[str, Any]) -> str:
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(item["loc"][-1]), _keys(item["loc"][:-1]), n=1, cutoff=_NEAR)
        return "unknown key" + (f"; did you mean {near[0]}?" if near else "")
    value, loc = item["input"], item["loc"]
    # A whole section that is no table may be a secret that was put in the wrong place.
    plain = isinstance(value, str | int | float | bool) and len(loc) > 1 and not _SECRETS & {*loc}
    return str(item["msg"]).removeprefix("Value error, ") + (f" (is {value!r})" if plain else "")


def _keys(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that there are in this place of the file."""
    if not loc:
        return [name for name in Settings.model_fields if name != _HIDDEN]
    if loc[0] == "tables":
        return list(Table.model_fields)
    kind = Settings.model_fields[str(loc[0])].annotation
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, Section) else []
