"""Mutants of the ways to PostgreSQL: sessions, poolers, secrets, and other people's code."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

POOLERS = "tests/integration/test_poolers.py::"
KEPT = "tests/integration/test_kept_sessions.py::"
FILTERS = "tests/integration/test_filters.py::"
SECRETS = "tests/integration/test_secrets.py::"
REDACTION = "tests/unit/config/test_redaction.py::"
CONFIG = "tests/unit/config/test_config.py::"
CODE = "tests/integration/test_owners_code.py::"
EMBEDDED = "tests/integration/test_embedded_reader.py::"

MUTANTS = (
    Mutant(
        "a process that answers two sessions at once passes for one's own",
        "jobs/source/settings.py",
        "if _backend(other) in mine:",
        "if False:",
        POOLERS + "test_transaction_pooling_is_refused_and_nothing_is_left_behind",
    ),
    Mutant(
        "settings are left on a process that others share",
        "sql/sync/session.sql",
        "WHERE pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %(backend)s::pg_catalog.int4",
        "WHERE %(backend)s::pg_catalog.int4 IS NOT NULL",
        POOLERS + "test_transaction_pooling_is_refused_and_nothing_is_left_behind",
    ),
    Mutant(
        "the daemon's lock is left on a process that others share",
        "sql/sync/daemon.sql",
        "CASE WHEN pg_backend_pid() = %(backend)s THEN pg_try_advisory_lock(%(key)s) END",
        "CASE WHEN pg_backend_pid() <> %(backend)s + 2 THEN pg_try_advisory_lock(%(key)s) END",
        POOLERS + "test_a_statement_that_another_process_answers_ends_the_session",
    ),
    Mutant(
        "the snapshot may be taken by another process than the one with the settings",
        "jobs/source/position.py",
        'settings.check(conn, row["backend"])',
        "pass",
        POOLERS + "test_a_statement_that_another_process_answers_ends_the_session",
    ),
    Mutant(
        "DuckDB's session reads with the settings of its role",
        "jobs/engine/bridge.py",
        "(sessions.statement(self._settings[name]), *first)",
        "first",
        POOLERS + "test_session_pooling_is_as_good_as_the_server",
    ),
    Mutant(
        "a kept session that died fails the run",
        "jobs/sessions.py",
        "greet(idle[0])",
        "pass",
        KEPT + "test_sessions_that_died_between_two_runs_are_replaced",
    ),
    Mutant(
        "a role's idle_session_timeout ends kept sessions",
        "jobs/source/connection.py",
        '"idle_session_timeout": "0",',
        "",
        KEPT + "test_the_limits_of_a_role_end_no_run_and_no_kept_session",
    ),
    Mutant(
        "a role's transaction_timeout ends a run",
        "jobs/source/connection.py",
        '"transaction_timeout": "0",',
        "",
        KEPT + "test_the_limits_of_a_role_end_no_run_and_no_kept_session",
    ),
    Mutant(
        "the pads of the mask key are sent so that a log shows them",
        "sql/sync/masks.sql",
        "string_agg(d.digits, '')",
        "repeat('0', 256 + 0 * min(length(d.digits)))",
        FILTERS + "test_neither_the_key_nor_a_clear_value_reaches_the_file_the_log_or_an_error",
    ),
    Mutant(
        "DuckDB's own error tells what its connection was made with",
        "jobs/engine/failures.py",
        '_OPTIONS.sub(r"\\1: ", text.split("\\n")[0])',
        'text.split("\\n")[0]',
        SECRETS + "test_duckdb_s_words_for_a_refused_connection_are_cleaned",
    ),
    Mutant(
        "the pads of a known mask key are shown",
        "app/redaction.py",
        "yield from (secret, pads, pads[:128], pads[128:])",
        "yield secret",
        REDACTION + "test_what_is_known_goes_wherever_it_stands",
    ),
    Mutant(
        "a traceback is shown as it is",
        "app/face/failures.py",
        'redact("".join(traceback.format_exception(error)), face)',
        '"".join(traceback.format_exception(error))',
        SECRETS + "test_no_output_of_a_failing_connection_shows_a_secret",
    ),
    Mutant(
        "the end of a password with an @ becomes a host",
        "app/config/values.py",
        'user.count("@") > 0',
        "False",
        CONFIG + "test_a_url_that_libpq_reads_otherwise_is_refused_before_a_name_is_asked_for",
    ),
    Mutant(
        "a value is read by the cast that somebody made for its type",
        "jobs/types/column_plan.py",
        "_cast(output.spelled(kind, column), form.casts)",
        "_cast(column, form.casts)",
        CODE + "test_casts_of_owners_are_not_on_the_way_of_a_value",
    ),
    Mutant(
        "a masked value is spelled by the cast that somebody made for its type",
        "jobs/types/column_plan.py",
        "key_text_sql=text,",
        'key_text_sql=_cast(column, ("text",)),',
        CODE + "test_casts_of_owners_are_not_on_the_way_of_a_value",
    ),
    Mutant(
        "a recorded key is read back by somebody's cast",
        "jobs/tables/columns.py",
        "if read_back and (mode",
        "if read_back and not (mode",
        CODE + "test_a_key_that_would_be_read_back_by_somebody_s_cast_is_refused",
    ),
    Mutant(
        "a view that takes a table's place is read",
        "jobs/plan/steps.py",
        'and state.tables[table.name].signature.get("kind") is None',
        "and False",
        CODE + "test_a_table_whose_place_a_view_has_taken_is_refused",
    ),
    Mutant(
        "the session for tables reads views",
        "jobs/source/connection.py",
        '"restrict_nonsystem_relation_kind": "view",',
        "",
        CODE + "test_sessions_for_tables_read_no_view",
    ),
    Mutant(
        "what masks are computed with is given to the session that reads views",
        "jobs/engine/bridge.py",
        "quoting.literal(hidden)), TABLES)",
        "quoting.literal(hidden)), self._joined[-1])",
        CODE + "test_a_view_that_is_asked_for_is_read_in_a_session_that_knows_no_key",
    ),
    Mutant(
        "a view may be masked by hash",
        "jobs/source/readiness.py",
        "if table.runs_code:",
        "if False:",
        CODE + "test_a_view_is_not_masked_by_hash_nor_a_table_with_somebody_s_function_in_its_condition",
    ),
    Mutant(
        "the pads go over a line that others may listen on",
        "jobs/source/readiness.py",
        "if not (conn.pgconn.ssl_in_use or _is_local(conn.info.hostaddr)):",
        "if False:",
        CODE + "test_a_hash_takes_a_connection_that_nobody_listens_on",
    ),
    Mutant(
        "what a view's function set is there in the next run",
        "jobs/source/settings.py",
        "if conn.spoiled:",
        "if False:",
        CODE + "test_what_a_view_set_is_gone_before_the_next_run",
    ),
    Mutant(
        "another process on the embedded server's port is told the password",
        "app/bootstrap.py",
        'return f"{url}?require_auth={LOGIN}"',
        "return url",
        EMBEDDED + "test_another_process_on_the_port_is_told_neither_a_password_nor_what_masks_are_made_with",
    ),
    Mutant(
        "a superuser reads the embedded server",
        "app/bootstrap.py",
        "_careful(embedded(settings).reader_url())",
        "_careful(url)",
        EMBEDDED + "test_the_role_that_reads_may_do_nothing_else",
    ),
    Mutant(
        "an embedded standby makes a role of its own",
        "app/oltp/embedded/database.py",
        "if standby:",
        "if False:",
        "tests/chaos/test_standby.py::test_track_says_that_it_belongs_on_the_primary",
    ),
)
