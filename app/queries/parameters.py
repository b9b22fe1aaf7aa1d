"""The typed parameters of a report: declared in its head, given as text, bound as values.

name type [>= lowest] [<= highest] [in one, other, …] [= default] [| help]
"""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from app import errors

Value = date | int | Decimal | str | bool | None
NONE = "none"
TODAY = "today"
_DECLARATION = re.compile(
    r"(?P<name>[a-z][a-z_0-9]*)\s+(?P<type>[a-z]+)(?:\s*>=\s*(?P<lowest>[^\s|<=]+))?(?:\s*<=\s*(?P<highest>[^\s|=]+))?"
    r"(?:\s+in\s+(?P<choices>[^|=]+?))?(?:\s*=\s*(?P<default>[^|]*?))?\s*(?:\|\s*(?P<help>.*))?"
)
_UNREADABLE = (ValueError, KeyError, InvalidOperation, zoneinfo.ZoneInfoNotFoundError, OSError)
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """One parameter. `default` is text as in the head; None means that a value must be given.

    `lowest` and `highest` are the limits of its values, both included, `choices` all of them; None and empty for any.
    """

    name: str
    type: str
    default: str | None
    help: str
    lowest: Value = None
    highest: Value = None
    choices: tuple[str, ...] = ()


def parse(declaration: str, *, where: str) -> Parameter:
    """Read one declaration; the default `none` is NULL, `today` the day of the file's `as_of`.

    Raises `errors.BadReport` where it is none, or its default is none of its own values.
    """
    match = _DECLARATION.fullmatch(declaration.strip())
    if not match or match["type"] not in _READERS:
        types = ", ".join(_READERS)
        raise errors.BadReport(
            f"{where}: a parameter is declared as `name type = default | help`, not {declaration!r}",
            hint=f"its type is one of {types}; limits stand after it, like months integer >= 1 = 3",
        )
    try:
        lowest, highest = (match[part] and _READERS[match["type"]](match[part]) for part in ("lowest", "highest"))
        choices = tuple(one.strip() for one in (match["choices"] or "").split(",") if one.strip())
        help_text = (match["help"] or "").strip()
        declared = Parameter(match["name"], match["type"], match["default"], help_text, lowest, highest, choices)
        if declared.default is not None:
            _value(declared, None, date.min)
    except (errors.BadParameter, *_UNREADABLE) as error:
        raise errors.BadReport(f"{where}: the parameter {declaration!r} contradicts itself: {error}") from None
    return declared


def values(declared: Sequence[Parameter], given: Mapping[str, str], today: date) -> dict[str, Value]:
    """The value of every declared parameter. Raises `errors.BadParameter` naming the one that is wrong."""
    _refuse_unknown(declared, given)
    by_name = {one.name: _value(one, given.get(one.name), today) for one in declared}
    _refuse_backwards(by_name)
    return by_name


def stand_ins(declared: Sequence[Parameter], today: date) -> dict[str, Value]:
    """A value for every declared parameter, to find out whether a report can be run: the default, or NULL."""
    return {one.name: None if one.default is None else _value(one, None, today) for one in declared}


def _refuse_unknown(declared: Sequence[Parameter], given: Mapping[str, str]) -> None:
    known = [one.name for one in declared]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"it knows {', '.join(known)}" if known else "it has no parameters"
            hint = f"did you mean {near[0]}? {hint}" if near else hint
            raise errors.BadParameter(f"the report has no parameter {name!r}", hint=hint)


def _refuse_backwards(values: Mapping[str, Value]) -> None:
    """A period that ends before it begins has no rows, which would look like an answer."""
    begin, end = values.get("from"), values.get("to")
    if isinstance(begin, date) and isinstance(end, date) and begin > end:
        raise errors.BadParameter(f"from = {begin} is after to = {end}", hint="give the earlier day as from")


def _value(parameter: Parameter, given: str | None, today: date) -> Value:
    text = given if given is not None else parameter.default
    if text is None:
        hint = f"give it with -p {parameter.name}={_EXAMPLES[parameter.type]}"
        raise errors.BadParameter(f"the parameter {parameter.name} must be given: {parameter.help}", hint=hint)
    if text == NONE and parameter.default == NONE:
        return None
    try:
        value = today if (parameter.type, text) == ("date", TODAY) else _READERS[parameter.type](text.strip())
    except _UNREADABLE:
        message = f"the parameter {parameter.name} = {text!r} is no {parameter.type}"
        raise errors.BadParameter(message, hint=f"write it like {_EXAMPLES[parameter.type]}") from None
    _refuse_beyond(parameter, text, value)
    return value


def _refuse_beyond(parameter: Parameter, text: str, value: Any) -> None:
    """Raise `errors.BadParameter` for a value outside of the parameter's limits."""
    said = f"the parameter {parameter.name} = {text!r}"
    if parameter.choices and text.strip() not in parameter.choices:
        raise errors.BadParameter(f"{said} is none of its values", hint=f"give one of {', '.join(parameter.choices)}")
    if parameter.lowest is not None and value < parameter.lowest:
        raise errors.BadParameter(f"{said} is too small", hint=f"give at least {parameter.lowest}")
    if parameter.highest is not None and value > parameter.highest:
        raise errors.BadParameter(f"{said} is too large", hint=f"give at most {parameter.highest}")


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


def example(parameter: Parameter) -> str:
    """A value that can be given on a command line."""
    if parameter.choices:
        return parameter.choices[0]
    return str(parameter.lowest) if parameter.lowest is not None else _EXAMPLES[parameter.type].split(" ")[0]
