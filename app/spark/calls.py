"""Function calls and operators: for each that is known to be the same on Spark, what Spark has to compute."""

from __future__ import annotations

from collections.abc import Callable

from app.spark import aggregates, forms, times
from app.spark.expressions import Expressions
from app.spark.forms import Typed
from app.spark.tree import Node

Rule = Callable[[Expressions, Node, list[Node], str], str]

_REASONS = {
    "/": "numbers of the type FLOAT divided",
    "**": "a power, whose last digits another library computes,",
    "^": "a power, whose last digits another library computes,",
    "pow": "a power, whose last digits another library computes,",
    "~~*": "ILIKE, which folds letters otherwise,",
    "regexp_matches": "a regular expression, whose grammar is another,",
    "regexp_replace": "a regular expression, whose grammar is another,",
    "regexp_extract": "a regular expression, whose grammar is another,",
    "strftime": "a format of times, which is another,",
    "time_bucket": "time_bucket, which Spark doesn't have,",
    "unnest": "unnest, unless it stands once in a SELECT list without aggregates around it,",
}


def typed(of: Expressions, node: Node) -> Typed:
    """A call as Spark's SQL. Raises `errors.NotOnSpark` for one without a rule."""
    name, given = node["function_name"], node["children"]
    if node.get("distinct") or node.get("filter") or of.oracle.is_aggregate(node):
        return aggregates.typed(of, node)
    rule = _RULES.get(name) or times.RULES.get(name)
    if rule is None or (node.get("order_bys") or {}).get("orders"):
        raise of.refuse(node, _REASONS.get(name, f"the function {name}"))
    kind = of.type_of(node)
    if forms.spark(kind) is None:
        raise of.refuse(node, f"the function {name}, which gives {kind},")
    return Typed(rule(of, node, given, kind), kind)


def _arithmetic(sign: str) -> Rule:
    def rule(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
        if len(given) == 1:
            return _signed(of, node, given[0], sign, kind)
        kinds = [of.type_of(one) for one in given]
        if kind == "DATE" or "INTERVAL" in kinds or not all(map(_is_number, kinds)):
            return times.moved(of, node, given, sign, kind)
        if kind == "DOUBLE" or (forms.is_whole(kind) and kind != "HUGEINT"):
            left, right = (of.as_type(one, kind, node) for one in given)
            return f"({left} {sign} {right})"
        if kind == "FLOAT":
            raise of.refuse(node, f"{sign} of the type FLOAT", "cast it to DOUBLE")
        left, right = (_decimal(of, one, node) for one in given)
        return f"CAST(({left} {sign} {right}) AS {forms.spark(kind)})"

    return rule


def _is_number(kind: str) -> bool:
    return forms.is_exact(kind) or kind in ("DOUBLE", "FLOAT", "NULL")


def _decimal(of: Expressions, node: Node, within: Node) -> str:
    """A number as a decimal of as many digits as its type may have."""
    kind = of.type_of(node)
    if kind == "NULL":
        return forms.null("DECIMAL(1,0)")
    digits, places = forms.size(kind)
    return of.as_type(node, f"DECIMAL({digits + places},{places})", within)


def _signed(of: Expressions, node: Node, one: Node, sign: str, kind: str) -> str:
    if sign not in "+-" or not _is_number(kind):
        raise of.refuse(node, f"{sign} before a value of the type {kind}")
    return f"({sign}{of.as_type(one, kind, node)})" if sign == "-" else of.as_type(one, kind, node)


def _quotient(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    """A division of DOUBLEs, in which zero gives infinity or NaN, as in DuckDB."""
    if kind != "DOUBLE":
        raise of.refuse(node, f"/ that gives {kind}")
    left, right = (of.as_type(one, kind, node) for one in given)
    sign = "1"
    if of.type_of(given[1]) == "DOUBLE":
        sign = f"CASE WHEN CAST({right} AS STRING) LIKE '-%' THEN -1 ELSE 1 END"
    nought = (
        f"CASE WHEN {left} = 0 OR isnan({left}) THEN CAST('NaN' AS DOUBLE)"
        f" WHEN {left} > 0 THEN CAST('Infinity' AS DOUBLE) * {sign} ELSE CAST('-Infinity' AS DOUBLE) * {sign} END"
    )
    return f"CASE WHEN {left} IS NULL THEN NULL WHEN {right} = 0 THEN {nought} ELSE {left} / {right} END"


def _whole_quotient(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    """Toward zero; by zero it is NULL."""
    if not forms.is_whole(kind):
        raise of.refuse(node, f"// that gives {kind}", "divide whole numbers")
    left, right = (of.as_type(one, kind, node) for one in given)
    quotient = f"({left} - {left} % {right}) / {right}" if kind == "HUGEINT" else f"{left} div {right}"
    return f"CASE WHEN {right} <> 0 THEN CAST({quotient} AS {forms.spark(kind)}) END"


def _remainder(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    if not forms.is_exact(kind):
        raise of.refuse(node, f"% that gives {kind}")
    if forms.is_whole(kind):
        left, right = (of.as_type(one, kind, node) for one in given)
    else:
        left, right = (_decimal(of, one, node) for one in given)
    return f"CASE WHEN {right} <> 0 THEN CAST({left} % {right} AS {forms.spark(kind)}) END"


def _rounded(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    places = int(of.oracle.value(given[1])[1]) if len(given) == 2 and of.is_constant(given[1]) else 0
    if not 0 <= places <= 15 or (len(given) == 2 and not of.is_constant(given[1])):
        raise of.refuse(node, "round to a number of places that is no constant from 0 to 15")
    value = of.typed(given[0])
    if kind == "DOUBLE":
        return _rounded_double(of.as_type(given[0], kind, node), places)
    if not forms.is_exact(kind):
        raise of.refuse(node, f"round of the type {value.type}")
    return f"CAST(round({value.sql}, {places}) AS {forms.spark(kind)})"


def _rounded_double(value: str, places: int) -> str:
    """What DuckDB does: the number times a power of ten, rounded, halves away from zero, and divided again.

    Spark would round the digits that it would print. Beyond what a DOUBLE holds, the number itself comes back.
    """
    factor = f"CAST('1e{places}' AS DOUBLE)"
    scaled = f"({value} * {factor})"
    return (
        f"CASE WHEN {scaled} = 0 OR isnan({scaled}) OR abs({scaled}) = CAST('Infinity' AS DOUBLE) THEN {value}"
        f" WHEN {scaled} > 0 THEN round({scaled}, 0) / {factor} ELSE -round(-{scaled}, 0) / {factor} END"
    )


def _absolute(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    if not _is_number(kind):
        raise of.refuse(node, f"abs of the type {kind}")
    return f"abs({of.as_type(given[0], kind, node)})"


def _sign(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    value = of.typed(given[0])
    if not forms.is_exact(value.type):
        raise of.refuse(node, f"sign of the type {value.type}")
    signs = f"WHEN {value.sql} > 0 THEN 1 WHEN {value.sql} < 0 THEN -1 WHEN {value.sql} = 0 THEN 0"
    return f"CAST(CASE {signs} END AS {forms.spark(kind)})"


def _extreme(name: str) -> Rule:
    """Both leave NULL out, and put NaN above all numbers."""

    def rule(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
        values = [of.as_type(one, kind, node) for one in given]
        return f"{name}({', '.join(values)})" if len(values) > 1 else values[0]

    return rule


def _null_if(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    left, right = of.compared(given[0], given[1], node)
    return f"CASE WHEN {left} = {right} THEN NULL ELSE {of.as_type(given[0], kind, node)} END"


def _if_null(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    return f"coalesce({', '.join(of.as_type(one, kind, node) for one in given)})"


def _texts(of: Expressions, node: Node, given: list[Node]) -> list[str]:
    """Arguments that are texts already: another type is written otherwise."""
    for one in given:
        if of.type_of(one) not in ("VARCHAR", "NULL") and not of.is_constant(one):
            raise of.refuse(node, f"{of.type_of(one)} as a text", "cast it to VARCHAR")
    return [of.as_type(one, "VARCHAR", node) for one in given]


def _joined(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    if kind != "VARCHAR":
        raise of.refuse(node, f"|| of the type {kind}")
    return f"concat({', '.join(_texts(of, node, given))})"


def _concatenated(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    """DuckDB leaves NULL out."""
    if kind != "VARCHAR":
        raise of.refuse(node, f"concat of the type {kind}")
    held = [f"coalesce({one}, '')" for one in _texts(of, node, given)]
    return f"concat({', '.join(held)})"


def _of_texts(name: str) -> Rule:
    def rule(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
        return f"CAST({name}({', '.join(_texts(of, node, given))}) AS {forms.spark(kind)})"

    return rule


def _folded(name: str) -> Rule:
    """Letters of ASCII and Latin-1, but those that become longer in one of the two."""

    def rule(of: Expressions, node: Node, given: list[Node], _kind: str) -> str:
        (value,) = _texts(of, node, given)
        message = forms.raised(f"{name} of letters beyond Latin-1 may be another on Spark", "VARCHAR")
        # Sharp s and y with dots have capitals beyond Latin-1, and so has the micro sign.
        odd = r"'[^\\u0000-\\u00b4\\u00b6-\\u00de\\u00e0-\\u00fe]'"
        return (
            f"CASE WHEN {value} IS NULL THEN NULL WHEN NOT {value} RLIKE {odd} THEN {name}({value}) ELSE {message} END"
        )

    return rule


def _like(inverted: bool) -> Rule:
    def rule(of: Expressions, node: Node, given: list[Node], _kind: str) -> str:
        if not of.is_constant(given[1]):
            raise of.refuse(node, "LIKE with a pattern that is no constant")
        value, pattern = _texts(of, node, given[:1])[0], of.oracle.value(given[1])[1]
        if pattern is None:
            return forms.null("BOOLEAN")
        # DuckDB's patterns have no sign that takes another's meaning away; Spark's have a backslash.
        condition = f"({value} LIKE {forms.text(str(pattern).replace(chr(92), chr(92) * 2))})"
        return f"(NOT {condition})" if inverted else condition

    return rule


def _part(of: Expressions, node: Node, given: list[Node], _kind: str) -> str:
    """A part of a text, counted from its start."""
    if not all(of.is_constant(one) and (of.oracle.value(one)[1] or 0) >= 1 for one in given[1:]):
        raise of.refuse(node, "substring with places that are no constants from 1 on")
    places = [str(int(of.oracle.value(one)[1])) for one in given[1:]]
    return f"substring({_texts(of, node, given[:1])[0]}, {', '.join(places)})"


def _position(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
    """Spark says 0 where DuckDB says NULL."""
    values, one = of.typed(given[0]), given[1]
    if not values.type.endswith("[]") or of.is_constant(one) or of.type_of(one) + "[]" != values.type:
        raise of.refuse(node, f"{node['function_name']} in {values.type}")
    return f"CAST(nullif(array_position({values.sql}, {of.sql(one)}), 0) AS {forms.spark(kind)})"


def _series(behind: int) -> Rule:
    """A list of whole numbers; Spark's would count backwards where the end lies before the start."""

    def rule(of: Expressions, node: Node, given: list[Node], kind: str) -> str:
        if kind == "BIGINT[]" and len(given) <= 2:
            first = of.as_type(given[0], "BIGINT", node) if len(given) == 2 else "CAST(0 AS BIGINT)"
            last = of.as_type(given[-1], "BIGINT", node)
            listed = f"sequence({first}, {last} - {behind})" if behind else f"sequence({first}, {last})"
            empty = "CAST(array() AS ARRAY<BIGINT>)"
            some = f"WHEN {last} - {behind} >= {first} THEN {listed}"
            return f"CASE {some} WHEN {first} IS NOT NULL AND {last} IS NOT NULL THEN {empty} END"
        return times.series(of, node, given, kind)

    return rule


def _finite(name: str) -> Rule:
    """Whether a DOUBLE is such a number."""
    tests = {
        "isnan": "isnan({v})",
        "isinf": "abs({v}) = CAST('Infinity' AS DOUBLE)",
        "isfinite": "NOT isnan({v}) AND abs({v}) <> CAST('Infinity' AS DOUBLE)",
    }

    def rule(of: Expressions, node: Node, given: list[Node], _kind: str) -> str:
        kind = of.type_of(given[0])
        if name != "isnan" and (kind == "DATE" or forms.is_moment(kind)):
            return times.is_infinite(of.typed(given[0]), inverted=name == "isfinite")
        if kind != "DOUBLE":
            raise of.refuse(node, f"{name} of the type {kind}")
        value = of.sql(given[0])
        return f"CASE WHEN {value} IS NOT NULL THEN {tests[name].replace('{v}', value)} END"

    return rule


_RULES: dict[str, Rule] = {
    "+": _arithmetic("+"),
    "-": _arithmetic("-"),
    "*": _arithmetic("*"),
    "/": _quotient,
    "//": _whole_quotient,
    "%": _remainder,
    "round": _rounded,
    "abs": _absolute,
    "sign": _sign,
    "least": _extreme("least"),
    "greatest": _extreme("greatest"),
    "nullif": _null_if,
    "ifnull": _if_null,
    "||": _joined,
    "concat": _concatenated,
    "contains": _of_texts("contains"),
    "starts_with": _of_texts("startswith"),
    "prefix": _of_texts("startswith"),
    "ends_with": _of_texts("endswith"),
    "suffix": _of_texts("endswith"),
    "length": _of_texts("length"),
    "len": _of_texts("length"),
    "lower": _folded("lower"),
    "lcase": _folded("lower"),
    "upper": _folded("upper"),
    "ucase": _folded("upper"),
    "~~": _like(False),
    "!~~": _like(True),
    "substring": _part,
    "substr": _part,
    "list_position": _position,
    "array_position": _position,
    "range": _series(1),
    "generate_series": _series(0),
    "isnan": _finite("isnan"),
    "isinf": _finite("isinf"),
    "isfinite": _finite("isfinite"),
}
