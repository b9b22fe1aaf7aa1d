"""Mutants of what bounds a run: hidden transactions, clocks, another source, what a table's signature knows."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SILENT = "tests/integration/test_traps_silent.py::"
SOURCE = "tests/integration/test_traps_source.py::"
CLOCK = "tests/unit/test_clock.py::"

MUTANTS = (
    Mutant(
        "the floor rises while a session's activities are not tracked",
        "jobs/source.py",
        "return not self.hidden and not self.silent and not self.prepared",
        "return not self.hidden and not self.prepared",
        SILENT + "test_a_transaction_of_a_session_that_is_not_tracked_loses_nothing",
    ),
    Mutant(
        "who shows no beginning passes for idle unless its state is disabled",
        "sql/source.sql",
        "a.state IS DISTINCT FROM 'idle')",
        "a.state = 'disabled')",
        SILENT + "test_a_transaction_of_a_session_that_is_not_tracked_loses_nothing",
    ),
    Mutant(
        "every session that shows no beginning holds the floor, in a transaction or not",
        "sql/source.sql",
        "AND a.pid IN (SELECT l.pid FROM pg_locks AS l WHERE l.locktype = 'virtualxid') AS unknown",
        "AS unknown",
        SILENT + "test_who_is_in_no_transaction_holds_nothing_up",
    ),
    Mutant(
        "a stall after the server's answer counts as time gone by before it",
        "jobs/clock.py",
        'now["asked"] - saved["seconds"]',
        'now["seconds"] - saved["seconds"]',
        CLOCK + "test_a_step_back_is_told_from_a_stall",
    ),
    Mutant(
        "a stall before the server's answer counts as time gone by after it",
        "jobs/clock.py",
        'now["asked"] - saved["seconds"]',
        'now["asked"] - saved["asked"]',
        CLOCK + "test_a_step_back_is_told_from_a_stall",
    ),
    Mutant(
        "a clock whose answer came late is good enough",
        "jobs/source.py",
        "if clock.took(found[-1][1]) < _PROMPT:",
        "if found:",
        CLOCK + "test_a_clock_whose_answer_came_late_is_asked_for_again",
    ),
)
