"""Mutants of the histories of tables."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RUNS = "tests/integration/test_history.py::"
FEEDS = "tests/integration/test_history_feeds.py::"
EVERY = RUNS + "test_every_version_that_a_run_has_seen_is_there_and_no_other"
SCHEMA = RUNS + "test_a_history_follows_the_schema_and_shows_nothing_that_is_masked"

MUTANTS = (
    Mutant(
        "what the last run wrote of a history is not taken over",
        "jobs/history/taking.py",
        "return theirs is not None and (mine is None or theirs.moment > mine.moment)",
        "return theirs is not None and mine is None",
        EVERY,
    ),
    Mutant(
        "a row that the last run changed begins a version once more",
        "jobs/history/turn.py",
        ' ANTI JOIN {self.theirs.keys} USING ({key})" if self.theirs else ""\n            parts',
        '" if self.theirs else ""\n            parts',
        EVERY,
    ),
    Mutant(
        "a row as this file has it is taken for what the last run wrote",
        "jobs/history/turn.py",
        'f"SELECT {self._columns} FROM {gathered.changed} SEMI JOIN {self.theirs.keys} USING ({key})"',
        'f"SELECT {self._columns} FROM {fresh} SEMI JOIN {self.theirs.keys} USING ({key})"',
        EVERY,
    ),
    Mutant(
        "a key that came and went unseen stays current",
        "jobs/history/turn.py",
        "if self.theirs is None or not self.file.one(",
        "if True or not self.file.one(",
        RUNS + "test_a_key_that_came_and_went_where_keys_are_compared_has_ended",
    ),
    Mutant(
        "a full copy doubles the history",
        "jobs/history/whole.py",
        'ON {key} WHERE c.valid_from IS NULL OR NOT ({same(())})"',
        'ON {key}"',
        EVERY,
    ),
    Mutant(
        "a mask leaves the old values in the history",
        "jobs/history/rewriting.py",
        "elif info.name in table.spec.mask and (",
        "elif False and (",
        SCHEMA,
    ),
    Mutant(
        "a new filter leaves what it hides in the history",
        "jobs/history/rewriting.py",
        "if old[_WHERE] != new[_WHERE]:",
        "if False:",
        SCHEMA,
    ),
    Mutant(
        "the histories of a damaged file go with it",
        "jobs/targets/file/target.py",
        "past.retain(self._files, self._files.spare)",
        "pass",
        RUNS + "test_a_damaged_file_costs_no_history_that_the_other_file_has",
    ),
    Mutant(
        "a repair passes for a change of the source",
        "jobs/verify/histories.py",
        'origin="repair"',
        'origin=""',
        RUNS + "test_verify_compares_and_mends_the_present_versions",
    ),
    Mutant(
        "a row that an event tells of begins a version although it is what it was",
        "jobs/history/keeper.py",
        "if table.from_events or table.name in self._known.dual:",
        "if table.name in self._known.dual:",
        FEEDS + "test_every_version_of_every_feed_and_way_of_deleting",
    ),
    Mutant(
        "a row of a dual write begins a version once more when it is read again",
        "jobs/history/keeper.py",
        "if table.from_events or table.name in self._known.dual:",
        "if table.from_events:",
        FEEDS + "test_a_dual_write_is_a_run_like_every_other",
    ),
    Mutant(
        "what every run finds is marked as a backfill's",
        "jobs/history/turn.py",
        'IN (SELECT {key} FROM {self.exempt})" if self.exempt else "false"',
        'IN (SELECT {key} FROM {self.told})" if False else "false"',
        FEEDS + "test_what_a_backfill_finds_is_marked_and_nothing_else",
    ),
    Mutant(
        "nobody looks at the slot while all that it is for is paused",
        "jobs/feeds/wal/opening.py",
        "if job.settings.reads_log and now.paused():",
        "if False:",
        "tests/integration/test_pause.py::test_log_that_is_held_for_a_paused_table_is_told_before_it_is_let_go",
    ),
    Mutant(
        "a moment before the history began has an empty answer where no row meets a reader's condition",
        "jobs/history/place.py",
        ' WHERE {early} ELSE false END"',
        ' WHERE false"',
        RUNS + "test_readers_see_what_was_valid_when",
    ),
    Mutant(
        "a version is not valid yet at the moment when it begins",
        "jobs/history/place.py",
        "WHERE h.valid_from <= moment AND",
        "WHERE h.valid_from < moment AND",
        RUNS + "test_readers_see_what_was_valid_when",
    ),
    Mutant(
        "a column that is called like the macro's parameter shows the moment",
        "jobs/history/place.py",
        'f"h.{quoting.identifier(column.name)}" for column in shown',
        'f"{quoting.identifier(column.name)}" for column in shown',
        RUNS + "test_what_ended_before_the_time_that_is_kept_is_forgotten",
    ),
    Mutant(
        "a table that is renamed or moved loses its history",
        "jobs/history/known.py",
        "        if table.name in self:\n",
        "        if True:\n",
        RUNS + "test_a_table_keeps_its_history_under_another_name",
    ),
    Mutant(
        "the history of a table that is gone takes that of its namesake in another schema with it",
        "jobs/history/known.py",
        "if place.of(name).name not in taken:",
        "if True:",
        RUNS + "test_a_table_of_the_name_in_another_schema_has_a_history_of_its_own",
    ),
)
