"""Mutants of the feed that reads the log."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

FEED = "tests/integration/test_wal_feed.py::"
SLOT = "tests/integration/test_wal_slot.py::"
RECOVERY = "tests/integration/test_wal_recovery.py::"
UNREADABLE = "tests/integration/test_unreadable_keys.py::"
RULE = "tests/unit/feeds/test_wal.py::"
DAEMON = "tests/integration/test_wal_daemon.py::"

MUTANTS = (
    Mutant(
        "a publication of all tables passes for ours",
        "jobs/tracking/publishing.py",
        "if of_all.get(publication.name, True):",
        "if publication.name not in of_all:",
        RECOVERY + "test_a_slot_that_is_gone_and_a_publication_without_the_table",
    ),
    Mutant(
        "a run that outlasts its reader's session has the server keep its log",
        "jobs/feeds/wal/reader.py",
        "                self._advance(position)\n",
        "",
        RECOVERY + "test_a_run_that_lasts_longer_than_the_server_waits_for_its_reader_confirms_all_the_same",
    ),
    Mutant(
        "the end of a stream is not looked for before it is told something",
        "jobs/feeds/wal/reader.py",
        "                self._drain()\n",
        "",
        RECOVERY + "test_a_run_that_lasts_longer_than_the_server_waits_for_its_reader_confirms_all_the_same",
    ),
    Mutant(
        "a text that has no form in UTF-8 ends the stream",
        "jobs/source/connection.py",
        "conn.execute(f\"SET client_encoding = {conn.info.parameter_status('server_encoding')}\".encode())",
        "pass",
        "tests/integration/test_failing_rows.py::test_the_log_of_such_bytes_is_read",
    ),
    Mutant(
        "bytes that are no text pass for a key",
        "jobs/feeds/wal/pgoutput.py",
        "return key if key is None or all(map(_is_text, key)) else None",
        "return key",
        "tests/integration/test_failing_rows.py::test_the_log_of_such_bytes_is_read",
    ),
    Mutant(
        "a stream that ended is taken for one that told all",
        "jobs/feeds/wal/opening.py",
        "    known.close()\n    return None\n",
        "    return WalFeed(known, publication, known.reach(now.snapshot))\n",
        DAEMON + "test_a_slot_that_was_read_a_moment_ago_is_not_taken_for_that_of_now",
    ),
    Mutant(
        "what the log has not told yet is taken to be on the disk",
        "jobs/feeds/wal/opening.py",
        "now.durable = reader.received >= end",
        "now.durable = True",
        DAEMON + "test_what_the_log_has_not_told_yet_may_be_lost_in_a_crash",
    ),
    Mutant(
        "deleted keys are looked for only where nothing else changed",
        "jobs/feeds/by_key.py",
        "if len(parts) > 1 or read < len(part):",
        "if read == 0:",
        DAEMON + "test_deleted_keys_are_found_among_changed_ones",
    ),
    Mutant(
        "a daemon that reads the log asks the server as often as one without it",
        "jobs/daemon/wake.py",
        'return self._question is None and self._learn_at > float("-inf") and self._reader() is not None',
        "return False",
        DAEMON + "test_an_idle_daemon_asks_once_a_second_that_it_leads_and_nothing_else",
    ),
    Mutant(
        "a slot that tells of transactions before their commit passes for ours",
        "sql/sync/wal.sql",
        "AND to_jsonb(s) ->> 'two_phase' IS DISTINCT FROM 'true' AS ours",
        "AS ours",
        RECOVERY + "test_a_slot_that_tells_of_transactions_before_they_are_committed_is_made_anew",
    ),
    Mutant(
        "a key from the log that can't be read any more fails its table for good",
        "jobs/feeds/wal/feed.py",
        "raise UnreadableKeys(step.table.name) from error",
        "raise",
        UNREADABLE + "test_it_arrives_from_the_log_too",
    ),
    Mutant(
        "a copy passes for all that was written while the publication did not tell",
        "jobs/feeds/wal/feed.py",
        "log=Place(self._reached, version, self._untold(step, now), self._read).as_text()",
        "log=Place(self._reached, version).as_text()",
        RECOVERY + "test_who_writes_while_a_publication_does_not_tell_is_waited_for",
    ),
    Mutant(
        "a table is published whose owner can't update it any more",
        "jobs/tracking/publishing.py",
        '", publish_generated_columns = stored" if conn.info.server_version >= _GENERATES else ""',
        '"" if conn.info.server_version >= _GENERATES else ""',
        FEED + "test_a_generated_key_is_told_or_refused_and_never_keeps_its_owner_from_writing",
    ),
    Mutant(
        "a table is published whose identity holds what is never told",
        "jobs/tables/published.py",
        "if part.computed:",
        "if False:",
        FEED + "test_an_identity_with_what_is_never_told_is_refused",
    ),
    Mutant(
        "the log is confirmed as far as the published file has it, whatever the other lacks",
        "jobs/feeds/wal/feed.py",
        "self.reader.confirm(oldest if bearable else self._reached)",
        "self.reader.confirm(self._reached)",
        RECOVERY + "test_the_server_is_told_only_of_what_both_files_have",
    ),
    Mutant(
        "a transaction that the snapshot does not see is left behind",
        "jobs/feeds/wal/reader.py",
        "return self._stream.received if unseen is None else unseen",
        "return self._stream.received",
        FEED + "test_a_commit_that_is_in_the_log_and_not_seen_yet_comes_with_the_next_run",
    ),
    Mutant(
        "a log with a gap passes for all that changed",
        "jobs/feeds/wal/feed.py",
        "start is None or start.reached < self.reader.log.since or",
        "start is None or",
        RECOVERY + "test_a_slot_that_somebody_else_moved_on_loses_nothing",
    ),
    Mutant(
        "a table that was out of the publication goes on as if nothing had happened",
        "jobs/feeds/wal/feed.py",
        'return "" if start.version == self._publication.version(step.table) and not start.untold else ANEW',
        'return ""',
        RECOVERY + "test_a_slot_that_is_gone_and_a_publication_without_the_table",
    ),
    Mutant(
        "the run does not wait for what the log has yet to tell",
        "jobs/feeds/wal/reader.py",
        "if self._stream.received >= goal:",
        "if self._stream.received >= 0:",
        FEED + "test_only_what_changed_is_read_and_a_late_commit_comes_with_the_next_run",
    ),
    Mutant(
        "a changed key leaves the old one behind",
        "jobs/feeds/wal/pgoutput.py",
        "            self._current.add(relid, old)\n",
        "",
        RULE + "test_keys_old_and_new",
    ),
    Mutant(
        "changes without a key in the log pass for changes of no row",
        "jobs/feeds/wal/pgoutput.py",
        'if relation.places is None or not (relation.whole or kind == b"I"):',
        "if relation.places is None:",
        RULE + "test_what_does_not_identify_its_rows_or_was_not_asked_for_has_no_keys",
    ),
    Mutant(
        "a commit that was shown before it was sent is taken for read",
        "jobs/feeds/wal/log.py",
        "(one.commit >= reached or not since.sees(one.xid))",
        "not since.sees(one.xid)",
        RULE + "test_only_what_the_one_snapshot_sees_and_the_other_does_not_is_news",
    ),
    Mutant(
        "a savepoint that is rolled back takes its transaction along",
        "jobs/feeds/wal/pgoutput.py",
        "            if xid == savepoint:\n",
        "            if xid:\n",
        RULE + "test_streamed_pieces_come_out_at_their_own_commit_and_not_at_all_where_they_are_aborted",
    ),
    Mutant(
        "tables are published while others write to them",
        "jobs/tracking/publishing.py",
        "Statement(f\"LOCK TABLE {', '.join(quoted)} IN SHARE ROW EXCLUSIVE MODE\"), ",
        "",
        FEED + "test_a_table_is_published_only_once_nobody_writes_to_it",
    ),
    Mutant(
        "rows that nobody may tell apart are published",
        "jobs/tables/published.py",
        "if not set(table.source_key) <= part.identity:",
        "if False:",
        FEED + "test_tables_that_the_log_cant_tell_apart_are_kept_out",
    ),
    Mutant(
        "a server that stops waits until both files have its log",
        "jobs/feeds/wal/stream.py",
        "for flushed in (self.confirmed, 0) if confirming else (0,):",
        "for flushed in (self.confirmed,):",
        RECOVERY + "test_a_server_that_stops_waits_for_no_file",
    ),
    Mutant(
        "a slot that was dropped and could not be made anew waits for somebody",
        "jobs/feeds/wal/opening.py",
        'return noted.get("anew") is True and noted.get("slot") == slot.name',
        "return False",
        SLOT + "test_a_slot_that_is_dropped_or_lost_is_told_and_made_good",
    ),
    Mutant(
        "the log is held for a slot that no table needs",
        "jobs/tracking/publishing.py",
        "if not wanted and every:",
        "if False:",
        SLOT + "test_nothing_is_held_for_tables_that_are_followed_in_another_way",
    ),
    Mutant(
        "a partition that was detached for a while goes on as if nothing had happened",
        "jobs/tables/published.py",
        "for part in self.parts.get(table.relid, ()) if part.attached)",
        "for part in self.parts.get(table.relid, ()) if part.attached == 0)",
        FEED + "test_a_partition_that_was_changed_while_it_was_none",
    ),
    Mutant(
        "the log is opened before it is known whose server it is",
        "jobs/run/sync.py",
        "    if not context.options.full or context.options.tables:\n"
        "        steps.check_identity(context.published, context.now.identity, context.now.snapshot)\n"
        "    with feeds.opened(context.job, context.now, context.deadline.guard) as feed:\n",
        "    with feeds.opened(context.job, context.now, context.deadline.guard) as feed:\n"
        "        if not context.options.full or context.options.tables:\n"
        "            steps.check_identity(context.published, context.now.identity, context.now.snapshot)\n",
        "tests/integration/test_identity.py::test_a_database_that_was_dropped_and_made_anew_is_refused",
    ),
    Mutant(
        "nobody knows any more that a partitioned table was looked at and had not changed",
        "jobs/beside/notes.py",
        "(/[0-9a-f]{{16}})?",
        "",
        "tests/unit/targets/test_notes.py::test_whatever_a_log_s_place_says_is_read",
    ),
)
