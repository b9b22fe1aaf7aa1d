"""Mutants of who reads: what a query may do and use, and what is shown of a value."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SQL = "tests/integration/test_reporting_sql.py::"
ATTACKS = "tests/integration/test_query_attacks.py::"
LIMITS = "tests/integration/test_query_limits.py::"
LAST = "tests/integration/test_last_step.py::"
SPELLED = "tests/unit/face/test_tables.py::test_a_value_is_spelled_in_each_format"
ODD = "tests/integration/test_odd_names.py::"
REFUSED = SQL + "test_anything_else_is_refused_and_leaves_no_trace"

MUTANTS = (
    Mutant(
        "a function that nobody has looked at may be called",
        "app/reporting/guard.py",
        'if name not in allowed or node.get("export_state"):',
        'if node.get("export_state"):',
        REFUSED,
    ),
    Mutant(
        "a function of any schema may be called",
        "app/reporting/guard.py",
        "not in _OF_DUCKDB:",
        "is None:",
        ATTACKS + "test_a_function_is_duckdb_s_own_whatever_the_file_holds",
    ),
    Mutant(
        "a kind of node that nobody has looked at may be in a query",
        "app/reporting/guard.py",
        "if expression not in _KNOWN_EXPRESSIONS:",
        "if False:",
        ATTACKS + "test_what_no_one_has_looked_at_is_refused",
    ),
    Mutant(
        "a recursive expression is known in its first part",
        "app/reporting/guard.py",
        'node.get("type") == "RECURSIVE_CTE_NODE" and key == "right"',
        'node.get("type") == "RECURSIVE_CTE_NODE"',
        ATTACKS + "test_a_name_means_what_it_means_to_duckdb",
    ),
    Mutant(
        "a NUL ends what is judged",
        "app/reporting/guard.py",
        'if "\\0" in sql:',
        "if False:",
        ATTACKS + "test_a_text_that_has_an_end_within_is_refused",
    ),
    Mutant(
        "any SHOW may be asked of the file",
        "app/reporting/guard.py",
        ' or node.get("show_type") != "SHOW_UNQUALIFIED" or node.get("table_name") not in _LISTS',
        "",
        REFUSED,
    ),
    Mutant(
        "any setting may be asked for",
        "app/reporting/guard.py",
        " and fold(asked[0]) in _KNOWN_SETTINGS",
        "",
        REFUSED,
    ),
    Mutant(
        "with --live PostgreSQL's other tables are listed, and plans shown",
        "jobs/live.py",
        "lists = False",
        "lists = True",
        "tests/integration/test_live.py::test_nothing_but_the_config_s_tables_can_be_read",
    ),
    Mutant(
        "a macro of the file is called in place of DuckDB's function",
        "app/reporting/opening.py",
        "session = connection.cursor()",
        "session = connection",
        ATTACKS + "test_a_function_is_duckdb_s_own_whatever_the_file_holds",
    ),
    Mutant(
        "a view of the file is believed",
        "app/reporting/exposure.py",
        "if (schema, name) in self._tables:",
        "if True:",
        ATTACKS + "test_a_view_of_the_file_is_the_query_that_it_is",
    ),
    Mutant(
        "a schema of the file is taken for a database",
        "app/reporting/exposure.py",
        "return table.schema not in _OWN and (",
        "return (",
        ATTACKS + "test_a_schema_of_the_file_stands_for_no_database",
    ),
    Mutant(
        "a result may have any number of rows",
        "app/reporting/answer.py",
        "if len(rows) > limits.max_rows:",
        "if False:",
        LIMITS + "test_a_result_of_too_many_rows_is_refused_without_making_all_of_them",
    ),
    Mutant(
        "a query may fill the disk",
        "app/execution.py",
        '"max_temp_directory_size": self.temp_limit}',
        '"max_temp_directory_size": "90%"}',
        LIMITS + "test_what_does_not_fit_into_memory_goes_to_a_folder_of_its_own_as_far_as_that_may",
    ),
    Mutant(
        "what DuckDB does not count may take all memory",
        "app/execution.py",
        "if _held() > most:",
        "if _held() < 0:",
        LIMITS + "test_memory_that_duckdb_does_not_count_is_bounded_all_the_same[one value]",
    ),
    Mutant(
        "an interval is given as DuckDB spells it",
        "app/exact.py",
        '"interval": _INTERVAL,',
        '"interval": "CAST({v} AS VARCHAR)",',
        LAST + "test_python_gets_its_own_types_where_they_are_exact_and_text_elsewhere",
    ),
    Mutant(
        "an interval is given as a number of days",
        "app/exact.py",
        '    "interval": _as_text,\n',
        "",
        LAST + "test_python_gets_its_own_types_where_they_are_exact_and_text_elsewhere",
    ),
    Mutant(
        "infinity is given as the year 9999",
        "app/exact.py",
        "if kind.id in _WITHIN:",
        "if False:",
        LAST + "test_python_gets_its_own_types_where_they_are_exact_and_text_elsewhere",
    ),
    Mutant(
        "a far time is spelled with its zone, which rounds it",
        "app/exact.py",
        '(_TEXT_IN_UTC if name == "TIMESTAMPTZ" else _TEXT)',
        "_TEXT",
        LAST + "test_python_gets_its_own_types_where_they_are_exact_and_text_elsewhere",
    ),
    Mutant(
        "24:00 with an offset is spelled as DuckDB does, without minutes",
        "app/exact.py",
        '    "time with time zone": _timetz,\n',
        "",
        LAST + "test_values_within_values_and_types_that_only_a_query_makes",
    ),
    Mutant(
        "values within values are taken as Python gets them",
        "app/exact.py",
        "    if inner is None:\n        return None\n    flat",
        "    return None\n    flat",
        LAST + "test_values_within_values_and_types_that_only_a_query_makes",
    ),
    Mutant(
        "NULL in a struct's place becomes a struct of NULLs",
        "app/exact.py",
        "return f\"CASE WHEN {value} IS NOT NULL THEN {maker}({', '.join(parts)}) END\"",
        "return f\"{maker}({', '.join(parts)})\"",
        LAST + "test_values_within_values_and_types_that_only_a_query_makes",
    ),
    Mutant(
        "verify names a difference by what Python gets of its value",
        "jobs/verify/compare.py",
        "return exact.expression(self._session.connection.type(duckdb_type), value)",
        "return value",
        LAST + "test_verify_names_what_differs_by_its_value",
    ),
    Mutant(
        "NaN is null in JSON",
        "app/face/values.py",
        'return "NaN"',
        'return "null"',
        SPELLED,
    ),
    Mutant(
        "a number of 32 bits is shown with digits that it never had",
        "app/face/tables.py",
        'if "FLOAT" in kind and "DOUBLE" not in kind}',
        "if not kind}",
        SPELLED,
    ),
    Mutant(
        "a name acts on the terminal",
        "app/escapes.py",
        "return text if text.isprintable() else",
        "return text if text else",
        SPELLED,
    ),
    Mutant(
        "a table with a quote in its name is asked for by another one's name",
        "jobs/quoting.py",
        "return None if any('\"' in name for name in names) else qualified(*names)",
        "return qualified(*names)",
        ODD + "test_status_tells_of_each_and_knows_the_size_of_those_it_can_ask_for",
    ),
    Mutant(
        "a name with a line break is none",
        "jobs/quoting.py",
        '|.+))", re.S)',
        '|.+))")',
        ODD + "test_every_table_is_proposed_copied_and_compared",
    ),
    Mutant(
        "a comment of the proposed config holds what a name holds",
        "jobs/init/text.py",
        '" ".join(map(escapes.visible, sentences))',
        '" ".join(sentences)',
        ODD + "test_every_table_is_proposed_copied_and_compared",
    ),
    Mutant(
        "an error acts on the terminal",
        "app/face/failures.py",
        "escapes.lines(redact(message, face).strip())",
        "redact(message, face).strip()",
        ODD + "test_an_error_shows_a_name_escaped",
    ),
)
