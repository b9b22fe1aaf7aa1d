"""config.toml: read once, checked once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from app import errors
from app.config import complaints, environment
from app.config.sections import NamedSource, Section
from app.config.settings import Settings
from app.config.table import Table

_HIDDEN = "base"
# The sections that are lists of entries.
_ENTRIES: dict[str, type[Section]] = {"tables": Table, "sources": NamedSource}


def load(path: Path) -> Settings:
    """Read and check the config file. Raises `errors.ConfigError` naming file, key and what is wrong with it."""
    return _checked(path, _read(path))


def checked(path: Path, text: str) -> Settings:
    """The same of a text that isn't in the file yet."""
    return _checked(path, _parsed(path, text))


def _checked(path: Path, content: dict[str, Any]) -> Settings:
    if _HIDDEN in content:
        raise errors.ConfigError(f"{path}: {_HIDDEN}: unknown key")
    content = environment.over(content, os.environ, Settings.model_fields.keys() - {_HIDDEN})
    try:
        return Settings(**content, base=path.absolute().parent)
    except ValidationError as error:
        _refuse(path, content, error)


def sources(path: Path, text: str) -> list[str]:
    """The names of [[sources]] in the text of a file, whatever else is wrong with it."""
    entries = _parsed(path, text).get("sources")
    names = [one.get("name") for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    return [name for name in names if isinstance(name, str)]


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
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise errors.ConfigError(
            f"{path} does not exist", hint="run `neaptide init --url …`, or name a file with --config"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"{path} can't be read: {error}") from error
    return _parsed(path, text)


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise errors.ConfigError(f"{path} can't be read: {error}") from error


def _refuse(path: Path, content: Mapping[str, Any], error: ValidationError) -> NoReturn:
    problems = error.errors(include_url=False)
    lines = [f"{_source(path, content, one['loc'])}: {_complaint(dict(one))}" for one in problems]
    raise errors.ConfigError("\n".join(lines), hint="every key is explained in the sample config.toml") from None


def _complaint(item: dict[str, Any]) -> str:
    return complaints.sentence(item, _keys(item["loc"][:-1]))


def _source(path: Path, content: Mapping[str, Any], loc: tuple[int | str, ...]) -> str:
    """The variable that it comes from, or the file with what variables add there, and the place in it."""
    at, place = [str(part).upper() for part in loc], _place(loc, content)
    variables = {name: _inside(name) for name in sorted(os.environ)}
    whole = [name for name, inside in variables.items() if inside and at[: len(inside)] == inside]
    parts = [name for name, inside in variables.items() if at and inside[: len(at)] == at and name not in whole]
    if whole:
        return whole[-1] if variables[whole[-1]] == at else f"{whole[-1]}: {place}"
    return ": ".join(filter(None, (" and ".join([str(path), *parts]), place)))


def _inside(variable: str) -> list[str]:
    """The place that a variable sets, `["SOURCE", "URL"]`; nothing for one of somebody else's."""
    prefix, _, rest = variable.upper().partition("_")
    return rest.split("__") if prefix == "NEAPTIDE" and rest else []


def _place(loc: tuple[int | str, ...], content: Mapping[str, Any]) -> str:
    """`source.url`, `tables[0].key of shop.orders`."""
    name = ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in loc).replace(".[", "[")
    if len(loc) < 2 or loc[0] not in _ENTRIES:
        return name
    table = content[str(loc[0])][loc[1]]
    called = table.get("name") if isinstance(table, dict) else None
    return f"{name} of {called}" if isinstance(called, str) and loc[2:] != ("name",) else name


def _keys(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that there are in this place of the file."""
    if not loc:
        return [name for name in Settings.model_fields if name != _HIDDEN]
    if loc[0] in _ENTRIES:
        return list(_ENTRIES[str(loc[0])].model_fields)
    kind = Settings.model_fields[str(loc[0])].annotation
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, Section) else []
