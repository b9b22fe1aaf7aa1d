"""The typed parameters of a report: declared in its header, given as text, bound as values."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from app import errors

Value = date | int | Decimal | str | bool | None
NONE = "none"
TODAY = "today"
_DECLARATION = re.compile(
    r"(?P<name>[a-z][a-z_0-9]*)\s+(?P<type>[a-z]+)(?:\s*=\s*(?P<default>[^|]*?))?\s*(?:\|\s*(?P<help>.*))?"
)
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """One parameter. `default` is text as in the header; None means that a value must be given."""

    name: str
    type: str
    default: str | None
    help: str


def parse(declaration: str, *, where: str) -> Parameter:
    """Read `name type [= default] [| help]`; the default `none` is NULL, `today` the day of the file's `as_of`."""
    found = _DECLARATION.fullmatch(declaration.strip())
    if not found or found["type"] not in _READERS:
        raise errors.Bug(f"{where}: a parameter is declared as `name type = default | help`, not {declaration!r}")
    return Parameter(found["name"], found["type"], found["default"], (found["help"] or "").strip())


def values(declared: Sequence[Parameter], given: Mapping[str, str], today: date) -> dict[str, Value]:
    """The value of every declared parameter. Raises `errors.BadParameter` naming the one that is wrong."""
    _refuse_unknown(declared, given)
    return {one.name: _value(one, given.get(one.name), today) for one in declared}


def _refuse_unknown(declared: Sequence[Parameter], given: Mapping[str, str]) -> None:
    known = [one.name for one in declared]
    for name in given:
        if name not in known:
            hint = f"it knows {', '.join(known)}" if known else "it has no parameters"
            raise errors.BadParameter(f"the report has no parameter {name!r}", hint=hint)


def _value(parameter: Parameter, given: str | None, today: date) -> Value:
    text = given if given is not None else parameter.default
    if text is None:
        hint = f"give it with -p {parameter.name}={_EXAMPLES[parameter.type]}"
        raise errors.BadParameter(f"the parameter {parameter.name} must be given: {parameter.help}", hint=hint)
    if text == NONE and parameter.default == NONE:
        return None
    try:
        return today if (parameter.type, text) == ("date", TODAY) else _READERS[parameter.type](text.strip())
    except (ValueError, KeyError, InvalidOperation, zoneinfo.ZoneInfoNotFoundError, OSError):
        message = f"the parameter {parameter.name} = {text!r} is no {parameter.type}"
        raise errors.BadParameter(message, hint=f"write it like {_EXAMPLES[parameter.type]}") from None


def _integer(text: str) -> int:
    value = int(text)
    if not -(2**31) <= value < 2**31:
        raise ValueError(text)
    return value


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return value


def _timezone(text: str) -> str:
    return zoneinfo.ZoneInfo(text).key


_READERS: dict[str, Callable[[str], Value]] = {
    "date": date.fromisoformat,
    "integer": _integer,
    "decimal": _decimal,
    "text": str,
    "boolean": lambda text: _BOOLEANS[text.lower()],
    "timezone": _timezone,
}
_EXAMPLES = {
    "date": "2026-02-28",
    "integer": "12",
    "decimal": "0.05",
    "text": "…",
    "boolean": "true or false",
    "timezone": "Europe/Berlin",
}
