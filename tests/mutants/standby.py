"""Mutants of reading a hot standby: by one session, in a snapshot that nobody shares."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

OPEN = "tests/chaos/test_standby_subtransactions.py::"
LOST = OPEN + "test_no_row_is_lost_whatever_reads_while_subtransactions_are_open"
PARTS = "tests/integration/test_spool.py::"

MUTANTS = (
    Mutant(
        "a standby's snapshot is exported and imported like a primary's",
        "jobs/source/session.py",
        "            listing = select(listing, wanted)\n",
        "            name = conn.execute('SELECT pg_export_snapshot() AS name').fetchone()['name']\n"
        "            snapshot = replace(snapshot, exported=name)\n"
        "            Spool = lambda *_: None\n"
        "            listing = select(listing, wanted)\n",
        LOST,
    ),
    Mutant(
        "a standby exports its snapshot, although nobody joins it",
        "sql/sync/source.sql",
        "    '' AS exported,",
        "    pg_export_snapshot() AS exported,",
        LOST,
    ),
    Mutant(
        "--live joins the snapshot of a standby",
        "jobs/live.py",
        "    if now.spool is None:\n        session.join_snapshot(now.snapshot)\n        return\n",
        "    from dataclasses import replace\n\n    if now.spool is None:\n"
        "        session.join_snapshot(now.snapshot)\n        return\n"
        "    query = 'SELECT pg_export_snapshot() AS name'\n"
        "    name = now.conn.execute(query).fetchone()['name']\n"
        "    session.join_snapshot(replace(now.snapshot, exported=name))\n",
        LOST,
    ),
    Mutant(
        "--live takes the answer of a standby that is further behind",
        "jobs/live.py",
        "    if not session.one(",
        "    if False and session.one(",
        OPEN + "test_live_is_not_answered_by_a_standby_that_is_further_behind",
    ),
    Mutant(
        "a query that fails on a standby ends the run's snapshot",
        "jobs/source/spool.py",
        "with self._turn, failures.translated(), self._conn.transaction():",
        "with self._turn, failures.translated():",
        OPEN + "test_a_table_that_cannot_be_read_leaves_the_others_their_snapshot",
    ),
    Mutant(
        "the session that reads a standby has not the masks' key",
        "jobs/source/connection.py",
        '        if self.pads:\n            row = conn.execute(statements.get("masks", "nonce"))',
        '        if False:\n            row = conn.execute(statements.get("masks", "nonce"))',
        OPEN + "test_masked_values_and_rules_are_the_same_as_from_the_primary",
    ),
    Mutant(
        "of a result in several parts only the last is kept",
        "jobs/engine/intake.py",
        '            into = f"INSERT INTO temp.{name}"',
        '            into = f"CREATE OR REPLACE TEMP TABLE {name} AS"',
        PARTS + "test_a_result_of_many_parts_arrives_whole",
    ),
)
