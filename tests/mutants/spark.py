"""Mutants of Spark's translation: each lets it answer otherwise than DuckDB."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

UNIT = "tests/unit/spark/test_translation.py::"
SAME = UNIT + "test_an_expression_becomes_what_is_the_same_on_spark"
REFUSED = UNIT + "test_what_has_no_rule_is_refused_by_name_and_place"

MUTANTS = (
    Mutant(
        "on Spark NULL comes first, as it would by itself",
        "app/spark/expressions.py",
        'return way + (" NULLS FIRST" if first else " NULLS LAST")',
        "return way",
        UNIT + "test_null_comes_last_unless_it_is_said_otherwise",
    ),
    Mutant(
        "on Spark a DECIMAL is cut to a whole number",
        "app/spark/forms.py",
        'return f"CAST(round({value.sql}, 0) AS {spark(kind)})"',
        'return f"CAST({value.sql} AS {spark(kind)})"',
        SAME,
    ),
    Mutant(
        "on Spark a DOUBLE is cut to a whole number",
        "app/spark/forms.py",
        'return f"CAST(rint(CAST({value.sql} AS DOUBLE)) AS {spark(kind)})"',
        'return f"CAST({value.sql} AS {spark(kind)})"',
        SAME,
    ),
    Mutant(
        "on Spark a long number becomes another DOUBLE",
        "app/spark/forms.py",
        'if digits + places <= 15 or value.type == "BIGINT":',
        "if True:",
        SAME,
    ),
    Mutant(
        "on Spark a DOUBLE is rounded by the digits that it would print",
        "app/spark/calls.py",
        "return _rounded_double(of.as_type(given[0], kind, node), places)",
        'return f"round({of.as_type(given[0], kind, node)}, {places})"',
        SAME,
    ),
    Mutant(
        "on Spark a division by zero ends the query",
        "app/spark/calls.py",
        'return f"CASE WHEN {left} IS NULL THEN NULL WHEN {right} = 0 THEN {nought} ELSE {left} / {right} END"',
        'return f"{left} / {right}"',
        SAME,
    ),
    Mutant(
        "on Spark a backslash in LIKE takes away the next sign's meaning",
        "app/spark/calls.py",
        ".replace(chr(92), chr(92) * 2)",
        "",
        SAME,
    ),
    Mutant(
        "on Spark what isn't in a list is at place 0",
        "app/spark/calls.py",
        'return f"CAST(nullif(array_position({values.sql}, {of.sql(one)}), 0) AS {forms.spark(kind)})"',
        'return f"CAST(array_position({values.sql}, {of.sql(one)}) AS {forms.spark(kind)})"',
        SAME,
    ),
    Mutant(
        "on Spark infinity is worked with like any day",
        "app/spark/forms.py",
        "CASE WHEN {value.sql} BETWEEN {first} AND {last} THEN {sql} WHEN {value.sql} IS NOT NULL THEN {message} END",
        "{sql}",
        SAME,
    ),
    Mutant(
        "on Spark a sum of DOUBLEs has other last digits",
        "app/spark/aggregates.py",
        "    if not forms.is_exact(of_type):\n",
        "    if not forms.is_exact(of_type) and of_type != 'DOUBLE':\n",
        REFUSED,
    ),
    Mutant(
        "on Spark a function without a rule is called as it is",
        "app/spark/calls.py",
        "    if rule is None or",
        "    rule = rule or (lambda of, node, given, kind: name)\n    if",
        REFUSED,
    ),
    Mutant(
        "on Spark a time zone isn't compared first",
        "app/spark/times.py",
        "    of.refusals.zones.add(zone)\n",
        "",
        UNIT + "test_zones_are_noted_to_be_compared_first",
    ),
    Mutant(
        "on Spark a column stays constant where its row may be missing",
        "app/spark/sources.py",
        'rights = _missing(rights) if node["join_type"] in _RIGHT_MAY_MISS else rights',
        "rights = rights",
        UNIT + "test_a_width_that_is_a_constant_column_can_be_a_frame",
    ),
    Mutant(
        "on Spark an older Java is taken",
        "app/spark/java.py",
        "if version is None or version < LEAST:",
        "if version is None:",
        "tests/unit/spark/test_java.py::test_an_older_java_is_named_and_where_it_was_found",
    ),
)
