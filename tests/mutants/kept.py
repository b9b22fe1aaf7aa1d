"""Mutants of what a process keeps of its last run."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CHANGESET = "tests/integration/test_changeset.py::"
RULE = "tests/unit/test_watermark.py::"

KEPT = (
    Mutant(
        "what was kept is used for a file of any state",
        "jobs/changeset.py",
        "return state == self.base and published.run_id == self.run_id and",
        "return published.run_id == self.run_id and",
        CHANGESET + "test_another_process_syncs_or_dies_in_between",
    ),
    Mutant(
        "an older version that was kept goes in beside a newer one",
        "jobs/delta.py",
        " ANTI JOIN {newer} USING ({key})",
        "",
        CHANGESET + "test_what_one_run_changed_is_changed_again_by_the_next",
    ),
    Mutant(
        "a key that was kept as gone is taken out although it came back",
        "jobs/delta.py",
        " ANTI JOIN {self.changed} USING ({key})",
        "",
        CHANGESET + "test_rows_that_are_read_again_are_handed_on_all_the_same",
    ),
    Mutant(
        "what a run read that began ahead of the published file is kept as if it were all",
        "jobs/watermark.py",
        "return lower and base.snapshot.sees_all_of(since.snapshot)",
        "return True",
        RULE + "test_a_delta_holds_all_that_a_later_file_lacks_and_no_more",
    ),
)
