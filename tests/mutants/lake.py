"""Mutants of the lake: what keeps two writers apart, and whole runs whole."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

LAKE = "tests/integration/test_lake.py::"
READERS = "tests/integration/test_lake_readers.py::"
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
        "jobs/targets/lake/catalog.py",
        'if row is None or not row["own"]:',
        "if False:",
        WRITER,
    ),
    Mutant(
        "a table that is copied anew shows in a lake before the run's commit",
        "jobs/targets/lake/session.py",
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
)
