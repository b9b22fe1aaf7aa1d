"""Mutants of the exact rule: what is opened, by which change in which file, and which test finds it out."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RACES = "tests/integration/test_traps_races.py::"
TRANSACTIONS = "tests/integration/test_traps_transactions.py::"
DELETES = "tests/integration/test_traps_deletes.py::"
WRITES = "tests/integration/test_traps_writes.py::"
KEYS = "tests/integration/test_traps_keys.py::"
PARTITIONS = "tests/integration/test_traps_partitions.py::"
SOURCE = "tests/integration/test_traps_source.py::"
MODES = "tests/integration/test_traps_modes.py::"
PURGE = "tests/integration/test_tombstone_purge.py::"
TRACK = "tests/integration/test_track.py::"
VERIFY = "tests/integration/test_verify.py::"
RULE = "tests/unit/position/test_watermark.py::"


MUTANTS = (
    Mutant(
        "the floor is read after the snapshot",
        "jobs/source/session.py",
        "        reading = position.read_floor(conn)\n"
        '        faults.point("floor_read")\n'
        "        with ExitStack() as stack:\n"
        "            snapshot, listing = _seen(conn, job, stack, standby=identity.standby)\n",
        "        with ExitStack() as stack:\n"
        "            snapshot, listing = _seen(conn, job, stack, standby=identity.standby)\n"
        "            reading = position.read_floor(conn)\n",
        RACES + "test_a_transaction_that_ends_between_floor_and_snapshot",
    ),
    Mutant(
        "the floor takes no heed of other sessions",
        "jobs/source/position.py",
        "return min(self.clock, self.oldest or self.clock) - margin",
        "return self.clock - margin",
        TRANSACTIONS + "test_transactions_that_end_in_any_order_and_last_for_many_syncs",
    ),
    Mutant(
        "the naive rule: newer than the last run",
        "jobs/position/watermark.py",
        "    floor: datetime | None\n    standby: bool = False",
        "    floor: datetime | None\n    standby: bool = False\n\n"
        "    def __post_init__(self) -> None:\n        object.__setattr__(self, 'floor', self.snapshot.as_of)",
        TRANSACTIONS + "test_transactions_that_end_in_any_order_and_last_for_many_syncs",
    ),
    Mutant(
        "prepared transactions are counted before the sessions are read",
        "jobs/source/position.py",
        '    sessions = one(conn, "sessions")\n    pending = one(conn, "prepared")["pending"]\n',
        '    pending = one(conn, "prepared")["pending"]\n    sessions = one(conn, "sessions")\n',
        RACES + "test_a_transaction_that_is_prepared_between_the_two_places_it_may_stand_in",
    ),
    Mutant(
        "the clock is read after the sessions",
        "jobs/source/position.py",
        '    server, clocks = _clocks(conn)\n    sessions = one(conn, "sessions")\n',
        '    sessions = one(conn, "sessions")\n    server, clocks = _clocks(conn)\n',
        RACES + "test_a_transaction_that_begins_between_clock_and_sessions",
    ),
    Mutant(
        "the floor rises while a transaction is prepared",
        "jobs/source/position.py",
        "return not self.hidden and not self.silent and not self.prepared",
        "return not self.hidden and not self.silent",
        TRANSACTIONS + "test_prepared_transactions_that_are_ended_some_syncs_later",
    ),
    Mutant(
        "the floor rises while sessions hide",
        "jobs/source/position.py",
        "return not self.hidden and not self.silent and not self.prepared",
        "return not self.silent and not self.prepared",
        SOURCE + "test_a_role_that_may_not_see_other_sessions_loses_nothing_and_is_told_which_grant_helps",
    ),
    Mutant(
        "the floor never sinks",
        "jobs/position/watermark.py",
        "return None if last is None else min(last, candidate)",
        "return last",
        RULE + "test_a_floor_sinks_with_a_clock_that_steps_back_each_time_within_the_margin",
    ),
    Mutant(
        "no margin for the clock",
        "jobs/source/position.py",
        "return min(self.clock, self.oldest or self.clock) - margin",
        "return min(self.clock, self.oldest or self.clock)",
        SOURCE + "test_a_clock_that_steps_back_within_the_margin_loses_nothing",
    ),
    Mutant(
        "a clock set back is not found out",
        "jobs/position/watermark.py",
        "return clock < expected - margin",
        "return False",
        SOURCE + "test_a_clock_that_steps_back_beyond_the_margin_is_found_out_and_mended",
    ),
    Mutant(
        "only the newest clock counts, not the floor's own",
        "jobs/run/planning.py",
        "for reading in (saved.clock, beside))",
        "for reading in (beside,))",
        SOURCE + "test_the_clock_that_counts_is_the_one_the_floor_was_made_by",
    ),
    Mutant(
        "> for >= at the floor",
        "jobs/position/watermark.py",
        'sql.SQL("{} >= {}").format(column, _floor_literal',
        'sql.SQL("{} > {}").format(column, _floor_literal',
        RACES + "test_a_row_stamped_at_the_very_floor_is_read",
    ),
    Mutant(
        "< for <= at the last snapshot's xmin",
        "jobs/position/watermark.py",
        '"age(xmin) <= age({}::xid)"',
        '"age(xmin) < age({}::xid)"',
        TRANSACTIONS + "test_transactions_that_end_in_any_order_and_last_for_many_syncs",
    ),
    Mutant(
        "the age counts from the last snapshot's xmax",
        "jobs/position/watermark.py",
        "sql.Literal(str(last.snapshot.xmin % 2**32))",
        "sql.Literal(str(last.snapshot.xmax % 2**32))",
        TRANSACTIONS + "test_transactions_that_end_in_any_order_and_last_for_many_syncs",
    ),
    Mutant(
        "pg_visible_in_snapshot on xmin, which savepoints lie about",
        "jobs/position/watermark.py",
        'sql.SQL("age(xmin) <= age({}::xid)").format(sql.Literal(str(last.snapshot.xmin % 2**32)))',
        'sql.SQL("NOT pg_visible_in_snapshot(xmin::text::xid8, {}::pg_snapshot)")'
        ".format(sql.Literal(last.snapshot.text))",
        TRANSACTIONS + "test_savepoints_nested_released_and_rolled_back",
    ),
    Mutant(
        "age is trusted after 2^31 transactions",
        "jobs/position/snapshot.py",
        "return self.xmax - earlier.xmin < AGE_LIMIT",
        "return True",
        RULE + "test_after_2_to_the_31_transactions_the_floor_alone_decides",
    ),
    Mutant(
        "> for >= on the transaction's id",
        "jobs/position/watermark.py",
        'sql.SQL("{} >= {}::xid8")',
        'sql.SQL("{} > {}::xid8")',
        TRANSACTIONS + "test_transactions_that_end_in_any_order_and_last_for_many_syncs",
    ),
    Mutant(
        "changes are read from the last snapshot's xmax on",
        "jobs/position/watermark.py",
        "format(column, sql.Literal(str(last.snapshot.xmin)))",
        "format(column, sql.Literal(str(last.snapshot.xmax)))",
        TRANSACTIONS + "test_transactions_that_end_in_any_order_and_last_for_many_syncs",
    ),
    Mutant(
        "a tombstone deletes a key that is there",
        "jobs/feeds/watermark/gather.py",
        'f" WHERE NOT EXISTS (SELECT FROM {table.rows_from} AS s WHERE {same})"',
        '""',
        RACES + "test_a_key_from_a_transaction_older_than_the_one_that_deleted_it_outlives_a_tombstone_read_again",
    ),
    Mutant(
        "a change of key leaves no tombstone",
        "jobs/tables/capture.py",
        "changed = f\"TG_OP = 'UPDATE' AND {_changed(subject.key)}\"",
        'changed = "false"',
        DELETES + "test_rows_key_changes_and_swapped_keys",
    ),
    Mutant(
        "another spelling of a key is the same key",
        "jobs/tables/capture.py",
        "OPERATOR(pg_catalog.*<>)",
        "OPERATOR(pg_catalog.<>)",
        KEYS + "test_rows_with_any_key_are_updated_respelled_and_deleted",
    ),
    Mutant(
        "a key is recorded as the deleting session spells it",
        "jobs/tables/capture.py",
        "settings = {_PATH, *keys.text_settings(subject.key)} if records else ()",
        "settings = {_PATH} if records else ()",
        KEYS + "test_rows_with_any_key_are_updated_respelled_and_deleted",
    ),
    Mutant(
        "the marker of a TRUNCATE is ignored",
        "jobs/feeds/watermark/probe.py",
        "bool_or(key IS NULL) AS truncated",
        "false AS truncated",
        DELETES + "test_a_marker_of_a_truncate_is_enough_to_copy_the_table_anew",
    ),
    Mutant(
        "a table that was rewritten is not copied anew",
        "jobs/tables/table.py",
        '            "storage": self.storage,\n',
        "",
        SOURCE + "test_ddl_that_changes_values_without_a_trigger",
    ),
    Mutant(
        "TRUNCATE and DDL are not locked out before the snapshot",
        "jobs/source/locks.py",
        "        if tables:\n            _lock(conn, tables)",
        "        if tables == 0:\n            _lock(conn, tables)",
        RACES + "test_a_truncate_after_the_snapshot_waits_for_the_run",
    ),
    Mutant(
        "a reader does not join the snapshot",
        "jobs/engine/bridge.py",
        'self._begin(snapshot, f"SET TRANSACTION SNAPSHOT {quoting.literal(snapshot.exported)}")',
        'self._begin(snapshot, "SELECT 1")',
        RACES + "test_all_tables_are_read_at_one_moment",
    ),
    Mutant(
        "the watermark is written outside the transaction",
        "jobs/run/write.py",
        "        with file.transaction(committing=",
        "        self._record.write_watermarks([step for step in steps if step.table.name not in self._loaded])\n"
        "        with file.transaction(committing=",
        RACES + "test_a_run_that_breaks_leaves_rows_and_watermark_together",
    ),
    Mutant(
        "triggers do not fire in sessions that replicate",
        "jobs/tracking/ddl.py",
        "ENABLE ALWAYS TRIGGER",
        "ENABLE TRIGGER",
        WRITES + "test_writes_of_a_session_that_replicates",
    ),
    Mutant(
        "a trigger switched off and on again is not found out",
        "jobs/tables/table.py",
        '            "triggers": [trigger.version for trigger in self.triggers if self._matters(trigger)],\n',
        "",
        SOURCE + "test_triggers_switched_off_and_on_again_are_found_out",
    ),
    Mutant(
        "a trigger that keeps what the client sent is taken for a stamp",
        "jobs/tables/triggers.py",
        "_STAMPS[kind].fullmatch(values[-1])",
        "_STAMPS[kind].search(values[-1])",
        "tests/unit/tables/test_triggers.py::test_what_is_a_certain_stamp",
    ),
    Mutant(
        "partitions that come, go or are truncated are not seen",
        "jobs/tables/table.py",
        '            "partitions": list(self.parts),\n',
        "",
        PARTITIONS + "test_partitions_that_come_and_go",
    ),
    Mutant(
        "a statement trigger records the deletes of a partitioned table",
        "jobs/tables/origin.py",
        "return self.kind == PARTITIONED or self.subscribed or self.child",
        "return self.subscribed or self.child",
        PARTITIONS + "test_rows_that_move_and_rows_written_to_a_partition_itself",
    ),
    Mutant(
        "a partition that is being detached counts",
        "sql/sync/catalogue.sql",
        "i.inhparent = t.relid AND NOT i.inhdetachpending",
        "i.inhparent = t.relid",
        PARTITIONS + "test_a_detach_that_waits_for_its_second_half",
    ),
    Mutant(
        "a comparison of keys deletes whatever is gone",
        "jobs/feeds/mass_delete.py",
        "return not lost or (",
        "return True or (",
        MODES + "test_a_comparison_refuses_to_delete_too_much_unless_told_to",
    ),
    Mutant(
        "a forced delete is asked for again by the other file",
        "jobs/feeds/mass_delete.py",
        "    if published is not None:",
        "    if published is None:",
        MODES + "test_a_comparison_refuses_to_delete_too_much_unless_told_to",
    ),
    Mutant(
        "a table without a key keeps only what was new",
        "jobs/apply/merge.py",
        "        if not self._table.key:\n            # Such",
        "        if self._table is None:\n            # Such",
        MODES + "test_tables_without_a_watermark_follow_with_a_key_and_without",
    ),
    Mutant(
        "a run of some tables publishes the others as they were a run earlier",
        "jobs/run/sync.py",
        "bool(self._options.tables or",
        "bool(",
        MODES + "test_a_run_of_one_table_leaves_the_others_as_new_as_they_were",
    ),
    Mutant(
        "tombstones that were purged are not missed",
        "jobs/plan/steps.py",
        "saved.watermark.snapshot.xmin <= table.purged",
        "saved.watermark.snapshot.xmin < 0",
        PURGE + "test_a_file_that_is_older_than_what_was_purged_copies_its_tables_anew",
    ),
    Mutant(
        "tombstones are purged that somebody may not have seen yet",
        "sql/sync/tombstones.sql",
        "t.xid < pg_snapshot_xmin(pg_current_snapshot())",
        "t.xid IS NOT NULL",
        PURGE + "test_tombstones_that_a_running_transaction_may_not_see_yet_stay",
    ),
    Mutant(
        "track makes anew what is in place",
        "jobs/tracking/ddl.py",
        "if all(any(one.name == wanted.name and wanted.is_(one) for one in place) for place in places):",
        "if not places:",
        TRACK + "test_a_second_track_touches_nothing_and_the_next_run_copies_nothing",
    ),
    Mutant(
        "a repair leaves the other file to bring the difference back",
        "jobs/verify/verify.py",
        "secrets.token_hex(8)",
        "published.lineage",
        VERIFY + "test_repair_mends_what_differs_and_the_other_file_does_not_bring_it_back",
    ),
    Mutant(
        "the file that is written has a name that readers may open",
        "jobs/targets/file/draft.py",
        "    publish.leave_names(files)\n    if published is None:\n        return files.work.exists()\n"
        '    faults.point("spare_replaced")\n'
        "    if not empty and (not files.work.exists() or _is_shared(files.work)):\n",
        "    if published is None:\n        return files.work.exists()\n"
        "    if not empty and not files.work.exists():\n",
        RACES + "test_what_is_being_written_has_no_name_that_readers_open",
    ),
    Mutant(
        "age() is believed also where it has wrapped, on a real server",
        "jobs/position/snapshot.py",
        "return self.xmax - earlier.xmin < AGE_LIMIT",
        "return True",
        "tests/chaos/test_wraparound.py::test_ids_that_pass_2_to_the_31_and_the_end_of_an_epoch_lose_nothing",
    ),
    Mutant(
        "a daemon believes that it still leads without asking",
        "jobs/daemon/leader.py",
        "while not (self._leading.is_set() and self._holds_lock()):",
        "while not self._leading.is_set():",
        "tests/integration/test_daemon_lead.py::test_a_run_asks_for_the_lock_itself_before_it_publishes",
    ),
)
