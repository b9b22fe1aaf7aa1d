"""What is wrong with a value, in words of ours: those of the checking library speak of inputs and dictionaries."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

# What is never shown, not even where it is wrong.
_SECRETS = {"url", "urls", "mask_key", "token"}
_NEAR = 0.7
_WHOLE, _NUMBER = "has to be a whole number", "has to be a number"
_SWITCH, _SECTION = "has to be true or false", "has to be a section: names and values"
# By the kind of the library's error; what stands in braces is its context.
_WORDS = {
    "missing": "is missing",
    "literal_error": "has to be {expected}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "greater_than_equal": "has to be at least {ge:g}",
    "greater_than": "has to be above {gt:g}",
    "less_than_equal": "has to be at most {le:g}",
    "bool_type": _SWITCH,
    "bool_parsing": _SWITCH,
    "string_type": "has to be text",
    "string_pattern_mismatch": "has to be a size like 400MB or 2GB",
    "string_too_short": "is empty",
    "path_type": "has to be a path, in quotes",
    "list_type": "has to be a list",
    "too_short": "has to name at least one",
    "dict_type": _SECTION,
    "model_type": _SECTION,
    "invalid_key": "has to be named by text",
}


def sentence(item: Mapping[str, Any], keys: Collection[str]) -> str:
    """One of the library's errors; `keys` are those that there are in this place of the file."""
    name, value = str(item["loc"][-1]) if item["loc"] else "", item["input"]
    if item["type"] == "extra_forbidden":
        return "unknown key" + _meant(name, keys)
    # A whole section that is no table may be a secret that was put in the wrong place.
    plain = isinstance(value, str | int | float | bool) and len(item["loc"]) > 1 and not _SECRETS & {*item["loc"]}
    words = _words(item)
    # A rule of ours may say the value itself.
    said = f" (is {value!r})" if plain and not (item["type"] == "value_error" and repr(value) in words) else ""
    return words + said + (_meant(str(value), _expected(item)) if plain else "")


def _words(item: Mapping[str, Any]) -> str:
    if item["type"] not in _WORDS:
        return str(item["msg"]).removeprefix("Value error, ")
    if item["loc"] in (("tables",), ("sources",)):
        return f"has to be a list: write [[{item['loc'][0]}]]"
    return _WORDS[item["type"]].format(**item.get("ctx", {}))


def _expected(item: Mapping[str, Any]) -> list[str]:
    """The words that there are, of a value that is one of several."""
    if item["type"] != "literal_error":
        return []
    return [word.strip("', ") for word in item["ctx"]["expected"].replace(" or ", ", ").split(", ")]


def _meant(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
    return f"; did you mean {near[0]}?" if near else ""
