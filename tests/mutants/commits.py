"""Mutants of histories that are of commits."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

COMMITS = "tests/integration/test_history_commits.py::"
TOLD = "tests/unit/feeds/test_told.py::"
RULE = "tests/unit/tables/test_commits.py::"

MUTANTS = (
    Mutant(
        "what a savepoint undid is a version",
        "jobs/feeds/wal/tape.py",
        "if relid in relids and part not in self._aborted:",
        "if relid in relids:",
        TOLD + "test_what_a_mask_hides_is_not_kept_and_what_a_savepoint_undid_is_not_told",
    ),
    Mutant(
        "what a mask hides is kept of the log",
        "jobs/feeds/wal/pgoutput.py",
        "return [after[place] if clear or not",
        "return [after[place] if True or not",
        TOLD + "test_what_a_mask_hides_is_not_kept_and_what_a_savepoint_undid_is_not_told",
    ),
    Mutant(
        "a version begins before one that was committed earlier",
        "jobs/feeds/wal/told.py",
        "max(_EPOCH + timedelta(microseconds=one.at), after + _TICK)",
        "_EPOCH + timedelta(microseconds=one.at)",
        TOLD + "test_moments_only_go_forward",
    ),
    Mutant(
        "of two changes by one commit the first is the version",
        "jobs/history/commits.py",
        "ORDER BY {PLACE} DESC) = 1",
        "ORDER BY {PLACE}) = 1",
        COMMITS + "test_each_commit_is_a_version_also_of_rows_that_come_and_go_between_two_runs",
    ),
    Mutant(
        "nobody compares the last versions with the rows",
        "jobs/history/commits.py",
        "        self._check(states, merge.changes.changed if merge else rows.out(self.table))\n",
        "",
        COMMITS + "test_where_the_log_is_not_what_the_rows_are_the_run_is_the_grain_and_says_so",
    ),
    Mutant(
        "a value that was left alone is not looked for under the key before",
        "jobs/history/lines.py",
        "coalesce({BEFORE}, {CHAIN}) AS {CHAIN}",
        "{CHAIN} AS {CHAIN}",
        COMMITS + "test_a_large_value_that_is_left_alone_is_followed_from_key_to_key",
    ),
    Mutant(
        "a key is followed back to the one before and no further",
        "jobs/history/lines.py",
        "            turn += 1\n",
        "            return links\n",
        COMMITS + "test_a_large_value_that_is_left_alone_is_followed_from_key_to_key",
    ),
    Mutant(
        "a commit that one run took over is told anew",
        "jobs/feeds/wal/feed.py",
        "read = max(start.reached, start.read)",
        "read = start.reached",
        COMMITS + "test_a_commit_that_is_seen_later_than_one_behind_it_is_told_once_and_both_are",
    ),
    Mutant(
        "a killed run's file has its history from the published one's rows",
        "jobs/history/keeper.py",
        "self.log(turn.table, name in self._known.led)",
        "self.log(turn.table, name in self._known.theirs)",
        COMMITS + "test_a_run_that_was_killed_before_it_published_goes_on_from_its_own_rows",
    ),
    Mutant(
        "a domain's CHECKs are asked by the role that reads",
        "jobs/tables/commits.py",
        "return (element is None or element.base is None) and _is_read_back(kind)",
        "return _is_read_back(kind)",
        RULE + "test_what_the_log_can_not_say_is_refused_by_name",
    ),
)
