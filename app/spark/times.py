"""Days and moments: what DuckDB's functions of them are on Spark, whose session's zone is UTC, too."""

from __future__ import annotations

from collections.abc import Callable

from app.spark import forms
from app.spark.expressions import Expressions
from app.spark.forms import Typed
from app.spark.tree import Node

Rule = Callable[[Expressions, Node, list[Node], str], str]

# The days between which DuckDB and Spark are compared on how far a zone is ahead of UTC: 1900 to 2100.
FIRST_DAY, LAST_DAY = -25567, 47482
_TRUNCATED = {"year": "YEAR", "quarter": "QUARTER", "month": "MONTH", "week": "WEEK"}
_CUT = {**_TRUNCATED, "day": "DAY", "hour": "HOUR", "minute": "MINUTE", "second": "SECOND"}
_PARTS = {
    "year": "year({v})",
    "quarter": "quarter({v})",
    "month": "month({v})",
    "week": "weekofyear({v})",
    "day": "day({v})",
    "dow": "dayofweek({v}) - 1",
    "dayofweek": "dayofweek({v}) - 1",
    "weekday": "dayofweek({v}) - 1",
    "isodow": "weekday({v}) + 1",
    "doy": "dayofyear({v})",
    "dayofyear": "dayofyear({v})",
    "hour": "hour({v})",
    "minute": "minute({v})",
}
_OF_CLOCK = ("hour", "minute")
_SERIES = (["DATE", "DATE", "INTERVAL"], ["TIMESTAMP", "TIMESTAMP", "INTERVAL"])
_PLURALS = {"years": "year", "quarters": "quarter", "months": "month", "weeks": "week", "days": "day", "hours": "hour",
            "minutes": "minute", "seconds": "second", "dayofmonth": "day", "weekofyear": "week"}  # fmt: skip
_BETWEEN = {
    "day": "datediff({b}, {a})",
    "week": "datediff({b}, {a}) div 7",
    "month": "(year({b}) * 12 + month({b}) - year({a}) * 12 - month({a}))",
    "quarter": "(year({b}) * 4 + quarter({b}) - year({a}) * 4 - quarter({a}))",
    "year": "(year({b}) - year({a}))",
}


def _unit(of: Expressions, node: Node, word: Node) -> str:
    if not of.is_constant(word):
        raise of.refuse(node, f"{node['function_name']} of a part that is no constant")
    unit = str(of.oracle.value(word)[1]).lower()
    return _PLURALS.get(unit, unit)


def _time(of: Expressions, node: Node, one: Node) -> Typed:
    value = of.typed(one)
    if value.type != "DATE" and not forms.is_moment(value.type):
        raise of.refuse(node, f"{node['function_name']} of the type {value.type}")
    return value


def _truncated(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    unit, value = _unit(of, node, given[0]), _time(of, node, given[1])
    if unit not in _CUT:
        raise of.refuse(node, f"date_trunc to {unit}")
    if value.type == "DATE":
        day = f"trunc({value.sql}, '{_TRUNCATED[unit]}')" if unit in _TRUNCATED else value.sql
        return forms.dated(value, f"CAST({day} AS {forms.spark(kind)})", kind)
    cut = f"date_trunc('{_CUT[unit]}', CAST({value.sql} AS TIMESTAMP))"
    return forms.dated(value, f"CAST({cut} AS {forms.spark(kind)})", kind)


def _part(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    return _part_of(of, node, _unit(of, node, given[0]), given[1], kind)


def _named_part(unit: str) -> Rule:
    return lambda of, node, given, kind: _part_of(of, node, unit, given[0], kind)


def _part_of(of: Expressions, node: Node, unit: str, one: Node, kind: str) -> str:
    value = _time(of, node, one)
    if unit not in _PARTS or (unit in _OF_CLOCK and value.type == "DATE"):
        raise of.refuse(node, f"the {unit} of the type {value.type}")
    return forms.dated(value, f"CAST({_PARTS[unit].replace('{v}', value.sql)} AS {forms.spark(kind)})", kind)


def _between(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    """How many borders lie between two days."""
    unit, kinds = _unit(of, node, given[0]), [of.type_of(one) for one in given[1:]]
    # Weeks are seven days each, whatever day they begin with; the others are borders that lie in between.
    if unit not in _BETWEEN or set(kinds) - {"DATE", "TIMESTAMP"}:
        what = f"{node['function_name']} of {unit}s between {' and '.join(kinds)}"
        raise of.refuse(node, what, "count days, weeks, months, quarters or years, and CAST(… AS DATE) a TIMESTAMPTZ")
    first, last = (of.typed(one) for one in given[1:])
    days = [f"CAST({one.sql} AS DATE)" for one in (first, last)]
    count = _BETWEEN[unit].replace("{a}", days[0]).replace("{b}", days[1])
    return forms.dated(first, forms.dated(last, f"CAST({count} AS {forms.spark(kind)})", kind), kind)


def _in_zone(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    """AT TIME ZONE. The zone is noted, for both to be asked about it before the report runs."""
    value = of.typed(given[1]) if len(given) == 2 else None
    if value is None or value.type != forms.ZONED or not of.is_constant(given[0]):
        raise of.refuse(node, "AT TIME ZONE of anything but a TIMESTAMPTZ and a constant zone")
    zone = str(of.oracle.value(given[0])[1])
    local = f"CAST({value.sql} AS TIMESTAMP_NTZ)"
    if zone == "UTC":
        return local
    of.refusals.zones.add(zone)
    first, last = (f"timestamp_micros({day * 86_400_000_000})" for day in (FIRST_DAY, LAST_DAY))
    message = forms.raised("a time zone before 1900 or after 2100 may be another on Spark", kind)
    moved = f"convert_timezone('UTC', {forms.text(zone)}, {local})"
    within = f"{value.sql} >= {first} AND {value.sql} < {last}"
    return f"CASE WHEN {within} THEN {moved} WHEN {value.sql} IS NOT NULL THEN {message} END"


def _microseconds(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    """Of infinity DuckDB gives none."""
    value = _time(of, node, given[0])
    if value.type == "DATE":
        raise of.refuse(node, "epoch_us of the type DATE")
    number = f"unix_micros(CAST({value.sql} AS TIMESTAMP))"
    return f"CAST(CASE WHEN abs({number}) <> {forms.LAST_MICROSECOND} THEN {number} END AS {forms.spark(kind)})"


def _of_microseconds(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    if len(given) != 1:
        raise of.refuse(node, f"{node['function_name']} of several parts")
    return f"CAST(timestamp_micros({of.as_type(given[0], 'BIGINT', node)}) AS {forms.spark(kind)})"


def is_infinite(value: Typed, *, inverted: bool) -> str:
    """Whether a day or a moment is infinity, or `inverted`, is not."""
    if value.type == "DATE":
        number, last = f"unix_date({value.sql})", forms.LAST_DAY
    else:
        number, last = f"unix_micros(CAST({value.sql} AS TIMESTAMP))", forms.LAST_MICROSECOND
    return f"({'NOT ' if inverted else ''}{number} IN ({last}, -{last}))"


def moved(of: Expressions, node: Node, given: list[Node], sign: str, kind: str) -> str:
    """A day or a moment, and what is added to it or taken away."""
    kinds = [of.type_of(one) for one in given]
    if sign == "+" and kinds[1] in ("DATE", "TIMESTAMP", forms.ZONED):
        given, kinds = given[::-1], kinds[::-1]
    if sign in "+-" and kinds[1] == "INTERVAL" and of.is_constant(given[1]):
        return _moved_by(of, node, given, sign, kind)
    if sign in "+-" and kinds[0] == "DATE" and kinds[1] in ("TINYINT", "SMALLINT", "INTEGER"):
        name = "date_add" if sign == "+" else "date_sub"
        return forms.dated(of.typed(given[0]), f"{name}({of.sql(given[0])}, CAST({of.sql(given[1])} AS INT))", kind)
    if sign == "-" and kinds == ["DATE", "DATE"]:
        first, last = (of.typed(one) for one in given)
        count = f"CAST(datediff({first.sql}, {last.sql}) AS {forms.spark(kind)})"
        return forms.dated(first, forms.dated(last, count, kind), kind)
    raise of.refuse(node, f"{kinds[0]} {sign} {kinds[1]}")


def _moved_by(of: Expressions, node: Node, given: list[Node], sign: str, kind: str) -> str:
    """Both add the months, then the days, then the rest; a day beyond its month becomes that month's last."""
    value = of.typed(given[0])
    if value.type != "DATE" and not forms.is_moment(value.type):
        raise of.refuse(node, f"{value.type} {sign} INTERVAL")
    moment = f"CAST({value.sql} AS {forms.spark(kind)})"
    return forms.dated(value, f"({moment} {sign} {_interval(of, given[1])})", kind)


def _interval(of: Expressions, node: Node) -> str:
    months, days, micros = of.oracle.interval(node)
    seconds = f"CAST('{micros // 1_000_000 if micros >= 0 else -(-micros // 1_000_000)}' AS DECIMAL(18,6))"
    if micros % 1_000_000:
        seconds = f"CAST('{micros / 1_000_000:.6f}' AS DECIMAL(18,6))"
    return f"make_interval(0, {months}, 0, {days}, 0, 0, {seconds})"


def series(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    """A list of moments from one day to another, by whole days or months."""
    kinds = [of.type_of(one) for one in given]
    if node["function_name"] != "generate_series" or kinds not in _SERIES or kind != "TIMESTAMP[]":
        raise of.refuse(node, f"{node['function_name']} of {', '.join(kinds)}")
    months, days, micros = of.oracle.interval(given[2]) if of.is_constant(given[2]) else (0, 0, 1)
    first, last = (of.typed(one) for one in given[:2])
    if micros or min(months, days) < 0 or (months > 0) == (days > 0):
        raise of.refuse(node, "generate_series by anything but a constant number of days or months")
    listed = f"sequence({first.sql}, {last.sql}, make_interval(0, {months}, 0, {days}))"
    moments = f"transform({listed}, d -> CAST(d AS TIMESTAMP_NTZ))"
    some = f"CASE WHEN {last.sql} >= {first.sql} THEN {moments} END"
    if months:
        # DuckDB counts on from a day that a short month has moved, Spark from the first one.
        message = forms.raised("months counted from a day after the 28th are others on Spark", kind)
        some = f"CASE WHEN day({first.sql}) > 28 THEN {message} ELSE {some} END"
    return forms.dated(first, forms.dated(last, some, kind), kind)


RULES: dict[str, Rule] = {
    "date_trunc": _truncated,
    "datetrunc": _truncated,
    "date_part": _part,
    "datepart": _part,
    "date_diff": _between,
    "datediff": _between,
    "timezone": _in_zone,
    "epoch_us": _microseconds,
    "make_timestamp": _of_microseconds,
    "make_timestamptz": _of_microseconds,
    **{name: _named_part(name) for name in _PARTS if name not in ("dow",)},
    "dayofmonth": _named_part("day"),
}
