"""Mutants of the lake: what keeps two writers apart, and whole runs whole."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

LAKE = "tests/integration/test_lake.py::"
BAD = "tests/integration/test_lake_bad_input.py::"
STORE = "tests/integration/test_lake_s3.py::"
READERS = "tests/integration/test_lake_readers.py::"
FEEDS = "tests/integration/test_lake_feeds.py::"
HISTORY = "tests/integration/test_lake_history.py::"
OPENED = READERS + "test_a_reader_knows_from_the_commit_what_the_lake_says"
WRITER = LAKE + "test_what_is_written_follows_what_was_read"

MUTANTS = (
    Mutant(
        "a writer of a lake goes on from what was there before another one",
        "jobs/targets/lake/session.py",
        "if self._seen != self._snapshot():",
        "if False:",
        WRITER,
    ),
    Mutant(
        "a writer of a lake commits without its lock",
        "jobs/beside/catalog.py",
        'if row is None or not row["own"]:',
        "if False:",
        WRITER,
    ),
    Mutant(
        "a table that is copied anew shows in a lake before the run's commit",
        "jobs/targets/lake/staging.py",
        'return "staging"',
        'return "out"',
        LAKE + "test_nothing_but_whole_runs_is_ever_a_snapshot",
    ),
    Mutant(
        "an interval goes into a lake as it is",
        "jobs/types/forms.py",
        '_NOT_IN_PARQUET = ("INTERVAL", "TIMETZ")',
        '_NOT_IN_PARQUET = ("TIMETZ",)',
        LAKE + "test_values_that_parquet_would_change_are_kept_as_text",
    ),
    Mutant(
        "a sum of a model in a lake becomes a double",
        "jobs/targets/lake/session.py",
        "kind = _AS_DECIMAL.get(duckdb_type, duckdb_type)",
        'kind = "DOUBLE" if duckdb_type in _AS_DECIMAL else duckdb_type',
        LAKE + "test_models_are_part_of_the_runs_commit",
    ),
    Mutant(
        "a repair of a lake that mends nothing is a commit",
        "jobs/verify/verify.py",
        "if not file.private and scope.finds_all_equal(checks):",
        "if False:",
        LAKE + "test_a_lake_is_verified_and_mended",
    ),
    Mutant(
        "a reader of a lake that had begun goes on in another snapshot",
        "app/reporting/lakes.py",
        "            if self._answered:\n",
        "            if False:\n",
        READERS + "test_a_reader_keeps_its_snapshot_and_says_when_it_is_gone",
    ),
    Mutant(
        "a lake of somebody else is filled over",
        "jobs/beside/catalog.py",
        'if row and row["names"]:',
        "if False:",
        BAD + "test_somebody_elses_lake_is_refused",
    ),
    Mutant(
        "what an earlier Neaptide left in a lake stays beside what is copied anew",
        "jobs/targets/lake/target.py",
        "file.begin_anew(state.damaged)",
        "file.begin_anew(False)",
        BAD + "test_a_lake_of_an_earlier_neaptide_is_filled_anew_and_one_of_a_later_refused",
    ),
    Mutant(
        "one table of a lake of an earlier format takes the others away",
        "jobs/targets/lake/target.py",
        "if published.damaged and partial:",
        "if False:",
        BAD + "test_a_lake_of_an_earlier_neaptide_is_filled_anew_and_one_of_a_later_refused",
    ),
    Mutant(
        "a session of a lake that is kept goes on with the keys of before",
        "jobs/targets/lake/session.py",
        "            self._renew(self.lake)\n",
        "",
        STORE + "test_keys_that_change_are_taken_up_by_a_session_that_is_kept",
    ),
    Mutant(
        "a reader of a lake reaches all of the object store",
        "app/lakes.py",
        'return f"SET allowed_directories = [{_literal(self.data)}]"',
        """return "SET allowed_directories = ['s3://']\"""",
        STORE + "test_report_sql_reaches_no_other_object_and_no_key",
    ),
    Mutant(
        "a daemon on a lake keeps what every run read",
        "jobs/run/deltas.py",
        "if not self._file.at_once and carry.can_carry(step, self._context.published):",
        "if carry.can_carry(step, self._context.published):",
        LAKE + "test_a_session_that_is_kept_has_nothing_left_of_a_run",
    ),
    Mutant(
        "a commit to a lake says how fresh the one before it was",
        "sql/sync/lakefile.sql",
        "FROM out.neaptide.freshness AS f;",
        "FROM (SELECT as_of, run_id FROM out.neaptide.runs ORDER BY run_id LIMIT 1) AS f;",
        OPENED,
    ),
    Mutant(
        "a reader of a lake takes the last run's word for a later commit",
        "sql/sync/lake.sql",
        "WHERE c.author = 'neaptide' AND c.snapshot_id = (SELECT max(b.snapshot_id) FROM ducklake_snapshot AS b)",
        "WHERE c.author = 'neaptide' ORDER BY c.snapshot_id LIMIT 1",
        OPENED,
    ),
    Mutant(
        "a slot of a lake is each machine's own",
        "jobs/beside/lake_names.py",
        "return identity.slot_of(self.shared_id(), self.part)",
        'return identity.slot(self.beside("daemon.lock"), self.part)',
        FEEDS + "test_machines_take_turns",
    ),
    Mutant(
        "that a slot is made anew is one machine's secret",
        "jobs/beside/lake_names.py",
        '"kept", identity.SLOT)',
        '"kept")',
        FEEDS + "test_a_slot_is_the_lakes_and_not_a_machines",
    ),
    Mutant(
        "a projection in a lake has an interval that Parquet cuts",
        "jobs/projections/projector.py",
        'return self._file.defined(name, str(self._file.one(f"SELECT typeof(NULL::{kind})")), ())',
        'return f"{quoting.identifier(name)} {kind}"',
        FEEDS + "test_a_projection_holds_what_parquet_can",
    ),
    Mutant(
        "a table of a lake has a column that DuckLake takes for its own",
        "jobs/tables/columns.py",
        "if quoting.fold(column) == LAKES_OWN",
        "if False",
        LAKE + "test_a_column_of_a_name_that_ducklake_takes_for_its_own_keeps_no_other_table_away",
    ),
    Mutant(
        "how far a backfill of a lake came is noted for good",
        "jobs/beside/catalog.py",
        'conn.execute(statements.get("lake", "forget_note").encode(), {"name": name})',
        "pass",
        LAKE + "test_a_backfill_that_was_cut_short_goes_on_on_another_machine",
    ),
    Mutant(
        "a history of a lake goes without a word",
        "jobs/history/known.py",
        "self._seen = self.theirs if self.file.private else dict(self.mine)",
        "self._seen = self.theirs",
        "tests/integration/test_history.py::test_what_the_config_says_of_a_history[lake]",
    ),
    Mutant(
        "an earlier format of a lake takes its histories away",
        "jobs/targets/lake/earlier.py",
        "saved = histories(file)",
        "saved: list[str] = []",
        HISTORY + "test_histories_outlive_an_earlier_format_of_the_lake",
    ),
    Mutant(
        "versions that ended move into a lake as if they had not",
        "jobs/history/moving.py",
        'file.execute(f"INSERT INTO {here.ends} BY NAME FROM {there.ends}")',
        "pass",
        HISTORY + "test_a_files_histories_move_with_it",
    ),
    Mutant(
        "a lake's upkeep makes a folder anew that is not mounted",
        "jobs/targets/lake/target.py",
        "            self._lake.check_files()\n            upkeep",
        "            upkeep",
        READERS + "test_files_that_are_away_or_not_whole_are_told_and_nothing_is_lost",
    ),
    Mutant(
        "a file of a lake stays twice as long as was asked for",
        "jobs/targets/lake/upkeep.py",
        "_seconds(min(retention, _QUERY))",
        "_seconds(retention)",
        LAKE + "test_upkeep_keeps_files_few_and_readers_right",
    ),
    Mutant(
        "a lake keeps in its earlier snapshots what is hidden now",
        "jobs/targets/lake/target.py",
        "        if forgetting:\n",
        "        if False:\n",
        "tests/integration/test_lake_forgetting.py::"
        "test_what_is_hidden_or_forgotten_is_in_no_file_of_a_lake_at_once[mask by null]",
    ),
)
