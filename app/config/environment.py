"""The environment, laid over what stands in the file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from app import errors

_PREFIX = "neaptide_"
_NESTED = "__"


def over(content: Mapping[str, Any], environ: Mapping[str, str], sections: Collection[str]) -> dict[str, Any]:
    """`content` with each `NEAPTIDE_SECTION__KEY` in its place; `NEAPTIDE_SECTION` is the whole of one, as JSON.

    Case does not count in names. A key wins over its section, and both win over the file. Other variables without a
    `__` are somebody else's. Raises `errors.ConfigError` for a section that does not exist, and for what is no JSON.
    """
    found = dict(content)
    # The shorter first: a section as a whole, then its keys.
    for name in sorted(environ, key=lambda name: (name.count(_NESTED), name)):
        place = name.lower().removeprefix(_PREFIX).split(_NESTED)
        if not name.lower().startswith(_PREFIX) or (len(place) == 1 and place[0] not in sections):
            continue
        if place[0] not in sections:
            raise errors.ConfigError(f"{name}: there is no section [{place[0]}]", hint="correct or unset the variable")
        value = environ[name] if len(place) > 1 else _parsed(name, environ[name])
        found = _merged(found, _nested(place, value))
    return found


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # Not the text itself: there may be a password in it.
        hint = f"write single keys, like {name}{_NESTED}KEY"
        raise errors.ConfigError(f"{name} is a whole section, and not in JSON", hint=hint) from None


def _nested(place: list[str], value: Any) -> dict[str, Any]:
    first, *rest = place
    return {first: _nested(rest, value) if rest else value}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, key by key; `above` wins."""
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        found[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found
