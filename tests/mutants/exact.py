"""Mutants of what bounds a run: hidden transactions, clocks, another source, what a table's signature knows."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SILENT = "tests/integration/test_traps_silent.py::"
SOURCE = "tests/integration/test_traps_source.py::"
CLOCK = "tests/unit/position/test_clock.py::"
TAKEN = "tests/integration/test_taken_over.py::"
CHILDREN = "tests/integration/test_children.py::"
DECIDING = "tests/integration/test_deciding.py::"
RULE = "tests/unit/position/test_watermark.py::"
SIGNATURES = "tests/unit/tables/test_signatures.py::"
FILTERS = "tests/integration/test_filters.py::"
AS_OF = "tests/integration/test_as_of.py::"

MUTANTS = (
    Mutant(
        "the floor rises while a session's activities are not tracked",
        "jobs/source/position.py",
        "return not self.hidden and not self.silent and not self.prepared",
        "return not self.hidden and not self.prepared",
        SILENT + "test_a_transaction_of_a_session_that_is_not_tracked_loses_nothing",
    ),
    Mutant(
        "who shows no beginning passes for idle unless its state is disabled",
        "sql/sync/source.sql",
        "a.state IS DISTINCT FROM 'idle')",
        "a.state = 'disabled')",
        SILENT + "test_a_transaction_of_a_session_that_is_not_tracked_loses_nothing",
    ),
    Mutant(
        "every session that shows no beginning holds the floor, in a transaction or not",
        "sql/sync/source.sql",
        "AND a.pid IN (SELECT l.pid FROM pg_locks AS l WHERE l.locktype = 'virtualxid') AS unknown",
        "AS unknown",
        SILENT + "test_who_is_in_no_transaction_holds_nothing_up",
    ),
    Mutant(
        "a stall after the server's answer counts as time gone by before it",
        "jobs/position/clock.py",
        'now["asked"] - saved["seconds"]',
        'now["seconds"] - saved["seconds"]',
        CLOCK + "test_a_step_back_is_told_from_a_stall",
    ),
    Mutant(
        "a stall before the server's answer counts as time gone by after it",
        "jobs/position/clock.py",
        'now["asked"] - saved["seconds"]',
        'now["asked"] - saved["asked"]',
        CLOCK + "test_a_step_back_is_told_from_a_stall",
    ),
    Mutant(
        "a clock whose answer came late is good enough",
        "jobs/source/position.py",
        "if clock.took(answers[-1][1]) < _PROMPT:",
        "if answers:",
        CLOCK + "test_a_clock_whose_answer_came_late_is_asked_for_again",
    ),
    Mutant(
        "sync --full takes another source over with a watermark of the old one",
        "jobs/run/recording.py",
        "if not plan.is_of(self._context.published, self._now.identity, self._now.snapshot):",
        "if not self._context.published.identity:",
        TAKEN + "test_a_locked_table_keeps_its_rows_and_moment_and_is_copied_anew_once_it_can_be",
    ),
    Mutant(
        "verify --repair takes another source over with a watermark of the old one",
        "jobs/verify/verify.py",
        "    if not scope.same_source:\n        _disown",
        "    if not published.lineage:\n        _disown",
        TAKEN + "test_a_locked_table_keeps_its_rows_and_moment_and_is_copied_anew_once_it_can_be",
    ),
    Mutant(
        "a repair of the file's own source makes all copy anew that it can't compare",
        "jobs/verify/verify.py",
        "    if not scope.same_source:\n        _disown",
        "    if published.lineage:\n        _disown",
        TAKEN + "test_a_table_that_fails_in_a_repair_of_its_own_source_goes_on_from_its_watermark",
    ),
    Mutant(
        "a run's as_of leaves out what the file held already",
        "jobs/run/write.py",
        "context.held = ledger.as_of(file, context.job.part)",
        "context.held = None",
        AS_OF + "test_a_first_load_is_cut_short_and_then_one_of_its_tables_fails",
    ),
    Mutant(
        "a repair's as_of is its own moment",
        "jobs/verify/verify.py",
        "as_of = ledger.as_of(file, job.part) or now.snapshot.as_of",
        "as_of = now.snapshot.as_of",
        AS_OF + "test_one_table_is_repaired",
    ),
    Mutant(
        "a run that finds nothing moves on what it could not look at",
        "jobs/status/moments.py",
        "if later and table not in left else",
        "if later else",
        AS_OF + "test_a_run_that_finds_nothing_moves_on_what_it_looked_at_and_no_other",
    ),
    Mutant(
        "a table is read with the children that it got in the middle of the run",
        "jobs/tables/origin.py",
        'return f"ONLY {self.quoted}" if',
        'return f"{self.quoted}" if',
        CHILDREN + "test_a_table_without_children_is_read_alone",
    ),
    Mutant(
        "a view is read with the children that a table below it got meanwhile",
        "jobs/source/states.py",
        "views = [table.relid for table in tables if table.kind == VIEW]",
        "views: list[int] = []",
        CHILDREN + "test_a_run_is_begun_again_where_a_table_with_children_got_another",
    ),
    Mutant(
        "a run goes on where a table with children got another",
        "jobs/source/states.py",
        "children = {table.relid: table.parts for table in tables if table.kind == PARTITIONED or table.parts}",
        "children: dict[int, tuple[str, ...]] = {}",
        CHILDREN + "test_a_run_is_begun_again_where_a_table_with_children_got_another",
    ),
    Mutant(
        "a comparison takes a child of another moment for a difference",
        "jobs/verify/verify.py",
        "    states.check(job, now.conn, now.tables)\n    return list(checks.values())",
        "    return list(checks.values())",
        CHILDREN + "test_a_comparison_is_begun_again_too",
    ),
    Mutant(
        "a repair copies a child of another moment",
        "jobs/verify/verify.py",
        "published, began, past)\n                states.check(job, now.conn, now.tables)",
        "published, began, past)",
        CHILDREN + "test_a_comparison_is_begun_again_too",
    ),
    Mutant(
        "a signature knows the columns that are copied alone",
        "jobs/tables/table.py",
        "deciding = [_facts(info) for info in self.deciding]",
        "deciding: list[Any] = []",
        DECIDING + "test_whatever_decides_without_being_copied_is_noticed",
    ),
    Mutant(
        "a condition is known by its text alone, not by the functions in it",
        "jobs/tables/table.py",
        "if self.filtering.version else {}",
        "if self.filtering is None else {}",
        DECIDING + "test_whatever_decides_without_being_copied_is_noticed",
    ),
    Mutant(
        "the functions that a function calls are not looked at",
        "sql/sync/catalogue.sql",
        "INNER JOIN pg_proc AS q ON q.proname = w.word::name AND q.oid >= 16384",
        "INNER JOIN pg_proc AS q ON q.proname = w.word::name AND q.oid < 0",
        DECIDING + "test_whatever_decides_without_being_copied_is_noticed",
    ),
    Mutant(
        "the functions of operators and casts are not looked at",
        "sql/sync/catalogue.sql",
        "SELECT u.function FROM unnamed AS u",
        "SELECT u.function FROM unnamed AS u WHERE false",
        DECIDING + "test_whatever_decides_without_being_copied_is_noticed",
    ),
    Mutant(
        "a run goes on where a function of a condition changed",
        "jobs/source/states.py",
        "calling = [table for table in tables if table.filtering.version]",
        "calling: list[Table] = []",
        DECIDING + "test_a_function_that_changes_while_rows_are_read_by_it_makes_the_run_begin_again",
    ),
    Mutant(
        "a column of few digits is not known to round",
        "jobs/tables/stamps.py",
        "rounded=kind.typmod != -1)",
        "rounded=False)",
        RULE + "test_a_stamp_that_rounds_is_read_from_below_its_floor",
    ),
    Mutant(
        "a signature does not know the masks' key",
        "jobs/tables/table.py",
        "[list(pair) for pair in sorted(self.spec.mask.items())], self.mask_version,",
        '[list(pair) for pair in sorted(self.spec.mask.items())], "",',
        SIGNATURES + "test_a_mask_key_that_changes_is_noticed",
    ),
    Mutant(
        "a changed mask key leaves the hashes of the old one",
        "jobs/source/catalogue.py",
        'if key and "hash" in spec.mask.values() else ""',
        'if key and "hash" in spec.mask else ""',
        FILTERS + "test_another_mask_key_makes_other_hashes_of_the_rows_that_nobody_writes",
    ),
    Mutant(
        "an error shows a masked key",
        "jobs/feeds/watermark/misfits.py",
        "shown = [name for name in table.source_key if name not in table.spec.mask]",
        "shown = list(table.source_key)",
        FILTERS + "test_an_error_that_names_a_row_shows_no_masked_key",
    ),
    Mutant(
        "what leaves the filter of a table that is read whole and keeps deleted rows stays in the file",
        "jobs/feeds/watermark/gather.py",
        "if filters.excluded(table) and (table.stamp is not None or table.deletes.keeps):",
        "if filters.excluded(table) and table.stamp is not None:",
        FILTERS + "test_rows_that_leave_the_filter_leave_the_file",
    ),
)
