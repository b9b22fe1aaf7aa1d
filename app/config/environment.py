"""The environment, laid over what stands in the file."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from app import errors

_PREFIX = "neaptide_"
_NESTED = "__"
# The section whose entries have names.
_NAMED = "sources"
# What is read without a section: by the command line, and by the tests' fault points.
_OTHERS = ("NEAPTIDE_CONFIG", "NEAPTIDE_DEBUG", "NEAPTIDE_FAULT")
# Kubernetes sets these for a service that is called neaptide.
_OF_A_SERVICE = re.compile(r"NEAPTIDE_(SERVICE_HOST|SERVICE_PORT\w*|PORT(_\d+_\w+)?)")


def over(content: Mapping[str, Any], environ: Mapping[str, str], sections: Collection[str]) -> dict[str, Any]:
    """`content` with each `NEAPTIDE_SECTION__KEY` in its place; `NEAPTIDE_SECTION` is the whole of one, as JSON.

    Case does not count in names. A key wins over its section, and both win over the file. Other variables without a
    `__` are somebody else's. Raises `errors.ConfigError` for a section that does not exist, and for what is no JSON.
    """
    merged = dict(content)
    # The shorter first: a section as a whole, then its keys.
    for name in sorted(environ, key=lambda name: (name.count(_NESTED), name)):
        place = name.lower().removeprefix(_PREFIX).split(_NESTED)
        if not name.lower().startswith(_PREFIX) or (len(place) == 1 and place[0] not in sections):
            continue
        if place[0] not in sections:
            raise errors.ConfigError(f"{name}: there is no section [{place[0]}]", hint=_nearest(place, sections))
        value = environ[name] if len(place) > 1 else _parsed(name, environ[name])
        if place[0] == _NAMED and len(place) > 1:
            merged = {**merged, _NAMED: _in_one(name, place[1:], value, merged.get(_NAMED))}
        else:
            merged = _merged(merged, _nested(place, value))
    return merged


def _nearest(place: list[str], sections: Collection[str]) -> str:
    """The variable with the section that was meant, where there is one like it."""
    near = difflib.get_close_matches(place[0].strip("_"), sections, n=1)
    return f"did you mean {_spelling([near[0], *place[1:]])}?" if near else "correct or unset the variable"


def _spelling(place: list[str]) -> str:
    return _PREFIX.upper() + _NESTED.join(place).upper()


def _in_one(variable: str, place: list[str], value: Any, sources: Any) -> list[Any]:
    """The entries of [[sources]], with `NEAPTIDE_SOURCES__NAME__KEY` in the one of that name."""
    entries = list(sources) if isinstance(sources, list) else []
    names = [_spelled_name(one) for one in entries]
    if place[0] not in names or len(place) == 1:
        hint = f"write {_PREFIX.upper()}SOURCES__NAME__URL, and the name of an entry"
        raise errors.ConfigError(f"{variable}: there is no such entry of [[sources]]", hint=hint)
    at = names.index(place[0])
    entries[at] = _merged(entries[at], _nested(place[1:], value))
    return entries


def _spelled_name(entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name.lower().replace("-", "_") if isinstance(name, str) else ""


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # Not the text itself: there may be a password in it.
        lists = name.lower() in ("neaptide_tables", "neaptide_exclude", "neaptide_sources")
        hint = "write it like in the file, as JSON" if lists else f"write single keys, like {name}{_NESTED}KEY"
        raise errors.ConfigError(f"{name} is a whole section, and not in JSON", hint=hint) from None


def _nested(place: list[str], value: Any) -> dict[str, Any]:
    first, *rest = place
    return {first: _nested(rest, value) if rest else value}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, key by key; `above` wins."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def unknown(environ: Iterable[str], keys: Mapping[str, Collection[str]]) -> list[str]:
    """One sentence for each variable that looks like one of ours and is none; `keys` are those of each section.

    Raises `errors.ConfigError` for one that would be a key with a second `_` after its section: who set it means it.
    """
    names = {
        f"NEAPTIDE_{section}_{key}".upper(): (section, key)
        for section, section_keys in keys.items()
        for key in section_keys
    }
    sentences = []
    for name in sorted(environ):
        upper = name.upper()
        if (
            not upper.startswith(_PREFIX.upper())
            or _NESTED in name
            or upper in _OTHERS
            or _OF_A_SERVICE.fullmatch(upper)
        ):
            continue
        if upper in names:
            raise errors.ConfigError(
                f"{name} is not read: a section and its key have two underscores between them",
                hint=f"write {_spelled(upper, names)}",
            )
        if upper.lower().removeprefix(_PREFIX) not in keys:
            near = difflib.get_close_matches(upper, [*names, *_OTHERS], n=1, cutoff=0.8)
            sentences.append(f"{name} is no setting" + (f"; did you mean {_spelled(near[0], names)}?" if near else ""))
    return sentences


def _spelled(name: str, names: Mapping[str, tuple[str, str]]) -> str:
    section, key = names.get(name, ("", ""))
    return f"NEAPTIDE_{section.upper()}{_NESTED}{key.upper()}" if section else name
