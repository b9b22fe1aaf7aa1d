"""Mutants of dual writes: what decides, what is undone, and which moment the file is of."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

DUAL = "tests/integration/test_dual.py::"
KILLED = "tests/chaos/test_dual_kills.py::test_a_kill_at_any_step_leaves_a_write_in_both_or_in_neither"
MOMENT = DUAL + "test_as_of_and_watermarks_are_the_snapshot_s_and_nothing_that_overtakes_is_lost"

MUTANTS = (
    Mutant(
        "a dual write that is published is rolled back",
        "jobs/run/prepared.py",
        'word = "COMMIT" if one.removeprefix(prefix) in written else "ROLLBACK"',
        'word = "ROLLBACK"',
        KILLED,
    ),
    Mutant(
        "a dual write that is not published is committed",
        "jobs/run/prepared.py",
        'word = "COMMIT" if one.removeprefix(prefix) in written else "ROLLBACK"',
        'word = "COMMIT"',
        KILLED,
    ),
    Mutant(
        "a work file keeps the rows of a dual write that is rolled back",
        "jobs/run/prepared.py",
        "        draft.drop_unpublished(job.files)\n",
        "",
        KILLED,
    ),
    Mutant(
        "a file that has its public name, and is not published, keeps the rows of such a dual write",
        "jobs/targets/file/draft.py",
        "if number is not None and version.number > number:",
        "if False:",
        KILLED,
    ),
    Mutant(
        "a run does not end the dual write that was cut short",
        "jobs/run/sync.py",
        "        _recover(job)\n",
        "",
        KILLED,
    ),
    Mutant(
        "a stranger's prepared transaction is rolled back",
        "sql/sync/dual.sql",
        "AND left(p.gid, length(%(prefix)s)) = %(prefix)s",
        "AND %(prefix)s <> ''",
        DUAL + "test_a_stranger_s_prepared_transaction_is_left_alone",
    ),
    Mutant(
        "a dual write sees what is committed while it writes",
        "jobs/source/borrowed.py",
        "IsolationLevel.REPEATABLE_READ",
        "IsolationLevel.READ_COMMITTED",
        MOMENT,
    ),
    Mutant(
        "what a transaction wrote itself is no news to it",
        "jobs/position/snapshot.py",
        "if self.writes:",
        "if False:",
        MOMENT,
    ),
    Mutant(
        "PostgreSQL is committed before the file is, and not prepared",
        "jobs/run/write.py",
        "self._context.hand_over(self._record.run_id)",
        "pass",
        KILLED,
    ),
    Mutant(
        "what a command deferred is not read",
        "jobs/run/dual.py",
        'self._lent.conn.execute(statements.get("dual", "fire_deferred"))',
        "pass",
        DUAL + "test_what_is_deferred_is_written_before_it_is_read",
    ),
    Mutant(
        "what failed after the publish is told as not written",
        "jobs/run/dual.py",
        "if not self._stands():",
        "if True:",
        DUAL + "test_what_fails_after_the_publish_is_written_all_the_same",
    ),
)
