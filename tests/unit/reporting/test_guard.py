"""What the guard knows of DuckDB: its functions, and its scanner's cuts."""

from __future__ import annotations

import duckdb
import pytest

from app.reporting import functions, guard, tokens

# Why a function that DuckDB has is none that a query may call.
LEFT_OUT = {
    "read files": """
        glob parquet_bloom_probe parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata
        parquet_scan parquet_schema read_blob read_csv read_csv_auto read_duckdb read_json read_json_auto
        read_json_objects read_json_objects_auto read_ndjson read_ndjson_auto read_ndjson_objects read_parquet read_text
        sniff_csv which_secret
    """,
    "run or bind SQL from text": """
        histogram histogram_values json_deserialize_sql json_execute_serialized_sql json_serialize_plan
        json_serialize_sql query query_table
    """,
    "take addresses or raw bytes": """
        arrow_scan arrow_scan_dumb combine finalize pandas_scan python_map_function variant_bytes_to_variant
        variant_to_parquet_variant
    """,
    "change the session, or wait": """
        checkpoint disable_logging disable_profiling enable_logging enable_profiling force_checkpoint nextval pg_sleep
        sleep_ms truncate_duckdb_logs write_log
    """,
    "tell of settings, the catalogue, storage or the machine": """
        col_description current_connection_id current_query_id current_setting current_transaction_id currval
        duckdb_approx_database_count duckdb_columns duckdb_connection_count duckdb_constraints
        duckdb_coordinate_systems duckdb_databases duckdb_dependencies duckdb_extensions duckdb_external_file_cache
        duckdb_functions duckdb_indexes duckdb_keywords duckdb_log_contexts duckdb_logs duckdb_logs_parsed duckdb_memory
        duckdb_optimizers duckdb_prepared_statements duckdb_profiling_settings duckdb_schemas duckdb_secret_types
        duckdb_secrets duckdb_sequences duckdb_settings duckdb_table_sample duckdb_tables duckdb_temporary_files
        duckdb_types duckdb_variables duckdb_views get_block_size getvariable in_search_path parse_duckdb_log_message
        pragma_collations pragma_database_size pragma_metadata_info pragma_platform pragma_show pragma_storage_info
        pragma_table_info pragma_user_agent pragma_version seq_scan stats summary txid_current vector_type
    """,
    "nobody needs": """
        format_pg_type format_type get_type icu_calendar_names icu_sort_key make_type map_to_pg_oid
        pg_timezone_names replace_type test_all_types test_vector_types
    """,
}
_OF_POSTGRESQL = ("has_", "inet_", "obj_description", "shobj_description", "pg_")


def _functions() -> set[tuple[str, str]]:
    query = "SELECT DISTINCT function_type, function_name FROM duckdb_functions() WHERE function_type <> 'pragma'"
    return {(kind, guard.fold(name)) for kind, name in duckdb.connect().execute(query).fetchall()}


def test_each_function_of_duckdb_is_one_that_a_query_may_call_or_is_left_out_for_a_reason() -> None:
    left_out = {name for names in LEFT_OUT.values() for name in names.split()}
    known = functions.ALLOWED | functions.ROW_MAKERS | left_out
    unknown = {
        name for _, name in _functions()
        if name not in known and not name.startswith(("__internal_", "icu_collate_", *_OF_POSTGRESQL))
    }  # fmt: skip
    assert unknown == set()
    # An aggregate, and a macro that reads a table by its name.
    assert left_out & (functions.ALLOWED | functions.ROW_MAKERS) == {"histogram"}


def test_each_function_that_a_query_may_call_is_one_of_duckdb_s() -> None:
    """Else a macro in a file could be meant by it."""
    scalar = {name for kind, name in _functions() if kind not in ("table", "table_macro")}
    table = {name for kind, name in _functions() if kind == "table"}
    assert scalar >= functions.ALLOWED - {"unnest"}
    assert table >= functions.ROW_MAKERS


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1; ;; -- end", "SELECT 1"),
        ("SELECT ';' -- ;", "SELECT ';' -- ;"),
        ("SELECT 'ü';", "SELECT 'ü'"),
        ("SELECT $$;$$ /* /* ; */ ; */;", "SELECT $$;$$ /* /* ; */ ; */"),
        ("", ""),
        ("-- nothing", "-- nothing"),
    ],
)
def test_a_statement_s_end_is_cut_off(sql: str, wanted: str) -> None:
    assert tokens.without_end(sql) == wanted


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("EXPLAIN SELECT 1", ("EXPLAIN \n", "SELECT 1")),
        ("/* a /* b */ */ explain -- c\n analyze FROM t", ("EXPLAIN ANALYZE\n", "FROM t")),
        ("EXPLAIN (ANALYZE, FORMAT json) SELECT 1", ("EXPLAIN (ANALYZE , FORMAT JSON)\n", "SELECT 1")),
        ("EXPLAIN (SELECT 1)", ("EXPLAIN \n", "(SELECT 1)")),
        (
            "EXPLAIN /* /* */ ANALYZE SELECT 1 -- */ ANALYZE COPY (SELECT 'x') TO 'f'",
            ("EXPLAIN ANALYZE\n", "COPY (SELECT 'x') TO 'f'"),
        ),
        ("EXPLAIN", None),
        ("SELECT 1", None),
    ],
)
def test_what_explain_explains(sql: str, wanted: tuple[str, str] | None) -> None:
    assert tokens.explained(sql) == wanted


@pytest.mark.parametrize(
    "sql",
    [
        "PIVOT t ON a USING sum(b)",
        "PIVOT t ON a, c || 'x' USING sum(b) AS s, count(*) GROUP BY d ORDER BY d LIMIT 1",
        "PIVOT t ON a -- why",
        "WITH p AS (PIVOT t ON a USING sum(b)), q AS (PIVOT t ON c USING sum(b)) FROM p, q",
        "PIVOT (t JOIN t AS u ON t.a = u.a) ON c IN (1, 2), d USING sum(t.b)",
        "PIVOT (PIVOT t ON a USING sum(b)) ON c USING count(*)",
    ],
)
def test_a_pivot_with_values_put_in_is_one_select(sql: str) -> None:
    with duckdb.connect() as connection:
        assert len(connection.extract_statements(sql)) > 1
        assert len(connection.extract_statements(tokens.with_pivot_values(sql))) == 1


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("CREATE VIEW a.b AS SELECT 1;", ([], "SELECT 1")),
        ('CREATE VIEW "as"."x y" (a, "b ""c", "as") AS WITH q AS (SELECT 1)SELECT * FROM q;',
         (["a", 'b "c', "as"], "WITH q AS (SELECT 1)SELECT * FROM q")),
    ],
)  # fmt: skip
def test_a_view_s_columns_and_query(sql: str, wanted: tuple[list[str], str]) -> None:
    assert tokens.of_view(sql) == wanted
