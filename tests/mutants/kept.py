"""Mutants of what is kept of the last run: by a process, and beside the file."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CARRY = "tests/integration/test_carry.py::"
QUIET = "tests/integration/test_quiet_marks.py::"
CRASH = "tests/chaos/test_source_crash.py::"
KEPT_ROWS = "tests/integration/test_kept_deletes.py::"
RULE = "tests/unit/position/test_watermark.py::"

MUTANTS = (
    Mutant(
        "what was kept is used for a file of any state",
        "jobs/run/carry.py",
        "return state == self.base and published.run_id == self.run_id and",
        "return published.run_id == self.run_id and",
        CARRY + "test_another_process_syncs_or_dies_in_between",
    ),
    Mutant(
        "an older version that was kept goes in beside a newer one",
        "jobs/feeds/changes.py",
        " ANTI JOIN {newer} USING ({key})",
        "",
        CARRY + "test_what_one_run_changed_is_changed_again_by_the_next",
    ),
    Mutant(
        "a key that was kept as gone is taken out although it came back",
        "jobs/feeds/changes.py",
        " ANTI JOIN {later.changed} USING ({key})",
        "",
        CARRY + "test_rows_that_are_read_again_are_handed_on_all_the_same",
    ),
    Mutant(
        "keys that were kept as gone are left out where none is gone since",
        "jobs/feeds/changes.py",
        'f" UNION ALL {keys}" if earlier.keys',
        'f" UNION ALL {keys}" if earlier.keys and later.keys',
        CARRY + "test_what_one_run_changed_is_changed_again_by_the_next",
    ),
    Mutant(
        "a version that was kept goes in although its key is gone since",
        "jobs/feeds/changes.py",
        'FROM {later.gone}" if later.keys else',
        'FROM {later.gone}" if later.keys and earlier.keys else',
        CARRY + "test_what_one_run_changed_is_changed_again_by_the_next",
    ),
    Mutant(
        "what a run read that began ahead of the published file is kept as if it were all",
        "jobs/position/watermark.py",
        "return lower and base.snapshot.sees_all_of(since.snapshot)",
        "return True",
        RULE + "test_a_delta_holds_all_that_a_later_file_lacks_and_no_more",
    ),
    Mutant(
        "a quiet run is built upon although a crash of the source may take back what it saw",
        "jobs/source/position.py",
        'return bool(row["done"])',
        "return True",
        CRASH + "test_a_transaction_id_that_a_quiet_run_saw_and_a_crash_took_back_is_not_taken_for_read",
    ),
    Mutant(
        "how far a quiet run has looked counts for any file",
        "jobs/targets/file/checked.py",
        'not run_id or content.get("run_id") != run_id',
        "not run_id",
        QUIET + "test_marks_of_another_run_or_from_the_future_are_none",
    ),
    Mutant(
        "a server that was set back counts as having been looked at",
        "jobs/targets/file/checked.py",
        "in_time and now.follows(earlier) and position(now.wal) >= position(earlier.wal_end)",
        "in_time",
        QUIET + "test_marks_of_another_run_or_from_the_future_are_none",
    ),
    Mutant(
        "snapshots pass for the same whoever was running",
        "jobs/position/snapshot.py",
        "return bool(self.wal_end) and self.text == earlier.text",
        "return bool(self.wal_end) and self.xmax == earlier.xmax",
        QUIET + "test_what_commits_late_is_not_lost_behind_quiet_runs",
    ),
    Mutant(
        "what one file keeps of rows that are gone does not get into the other",
        "jobs/run/extra_rows.py",
        "if not (table.deletes.keeps and table.key) or",
        "if table.deletes.keeps or not table.key or",
        KEPT_ROWS + "test_what_came_and_went_between_two_runs_of_a_file_stays_in_both",
    ),
    Mutant(
        "of a row that is gone the version before the last published one is kept",
        "jobs/run/extra_rows.py",
        'there = f"SELECT 1 FROM {mine} AS b WHERE {same}"',
        'there = f"SELECT 1 FROM {mine} AS b WHERE p.id = b.id"',
        KEPT_ROWS + "test_what_came_and_went_between_two_runs_of_a_file_stays_in_both",
    ),
    Mutant(
        "a file whose table is copied anew is without what the published one keeps",
        "jobs/run/anew.py",
        "step.table.rows <= _FEW_ROWS and not step.table.deletes.keeps for",
        "step.table.rows <= _FEW_ROWS for",
        KEPT_ROWS + "test_what_a_table_that_was_copied_anew_kept_since_stays",
    ),
)
