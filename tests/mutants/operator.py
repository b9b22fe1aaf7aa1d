"""Mutants of what an operator does: ranges read anew, pauses, alerts, hooks."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

BACKFILL = "tests/integration/test_backfill.py::"
PAUSE = "tests/integration/test_pause.py::"
ALERTS = "tests/unit/alerts/test_alerts.py::"

MUTANTS = (
    Mutant(
        "after a backfill the other file goes on without what was mended",
        "jobs/run/anew.py",
        " and not options.ranges and cheap",
        " and cheap",
        BACKFILL + "test_rows_that_changed_behind_the_triggers_are_mended_in_the_range_and_stay_mended",
    ),
    Mutant(
        "a backfill is over where nothing is new, whatever differs in its range",
        "jobs/run/unchanged.py",
        "all(asked) and _has_ranges(context, file)",
        "all(asked)",
        BACKFILL + "test_a_condition_chooses_rows_and_leaves_all_others",
    ),
    Mutant(
        "a backfill is over where the file has all the rows that were read, and more",
        "jobs/run/unchanged.py",
        "if found.rows + found.keys and not",
        "if found.rows and not",
        BACKFILL + "test_rows_that_only_the_file_has_go_from_the_range_and_from_nowhere_else",
    ),
    Mutant(
        "a backfill leaves rows that only the file has",
        "jobs/feeds/ranged.py",
        'wanted.file(table) if wanted.in_both else "false"',
        '"false"',
        BACKFILL + "test_rows_that_only_the_file_has_go_from_the_range_and_from_nowhere_else",
    ),
    Mutant(
        "a backfill by a condition takes all other rows for gone",
        "jobs/feeds/ranged.py",
        'wanted.file(table) if wanted.in_both else "false"',
        '"true"',
        BACKFILL + "test_a_condition_chooses_rows_and_leaves_all_others",
    ),
    Mutant(
        "a part of a backfill counts as done before its run has published",
        "jobs/backfill/backfill.py",
        "        run = _done(job, table, part)\n",
        "        _note(job, table, wanted, part.high)\n        run = _done(job, table, part)\n",
        BACKFILL + "test_a_range_in_parts_goes_on_where_it_was_cut_short_while_a_daemon_runs",
    ),
    Mutant(
        "a paused table is brought up to date",
        "jobs/source/session.py",
        "            listing = without_paused(job, listing)\n",
        "",
        PAUSE + "test_a_paused_table_stays_as_published_and_is_exact_once_it_is_resumed",
    ),
    Mutant(
        "a run counts as of now although a table is paused",
        "jobs/run/context.py",
        "kept.table in self.now.failures]",
        "kept.table in self.now.reasons()]",
        PAUSE + "test_a_paused_table_stays_as_published_and_is_exact_once_it_is_resumed",
    ),
    Mutant(
        "the token in the URL of a webhook is shown",
        "app/redaction.py",
        '    if not secret.startswith("postgres"):\n        yield from _of_service(parts)\n',
        "",
        ALERTS + "test_nothing_that_opens_a_service_is_shown",
    ),
    Mutant(
        "a piece of a password passes for the port of a webhook, and is shown",
        "app/config/values.py",
        "    if not _leads_somewhere(value):",
        "    if False:",
        ALERTS + "test_a_url_that_leads_nowhere_is_refused",
    ),
    Mutant(
        "the next process has its messages of a minute anew",
        "jobs/alerts/ledger.py",
        "self._tokens, self._filled, self._last_word = past.tokens,",
        "self._tokens, self._filled, self._last_word = BURST,",
        ALERTS + "test_the_next_process_is_heard_no_more_often_and_loses_no_event",
    ),
    Mutant(
        "the next process tells at once what comes back soon",
        "jobs/alerts/ledger.py",
        "past.at, dict(past.last_word)",
        "past.at, {}",
        ALERTS + "test_the_next_process_is_heard_no_more_often_and_loses_no_event",
    ),
    Mutant(
        "rows that a guard holds back are not told where a failure was told before",
        "jobs/daemon/alerting.py",
        'Condition("guard", f"guard:{key}", text)',
        'Condition("guard", key, text)',
        "tests/integration/test_alerts.py::test_what_was_told_is_not_told_again_by_the_next_process_and_its_end_is",
    ),
)
