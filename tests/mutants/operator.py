"""Mutants of what an operator does: ranges read anew, pauses, alerts, hooks."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

BACKFILL = "tests/integration/test_backfill.py::"
BOTH = "tests/integration/test_backfill_both.py::test_"
PAUSE = "tests/integration/test_pause.py::"
ALERTS = "tests/unit/alerts/test_alerts.py::"

MUTANTS = (
    Mutant(
        "after a backfill the other file goes on without what was mended",
        "jobs/run/write.py",
        "before if continues and not context.options.ranges else",
        "before if continues else",
        BOTH + "the_other_file_is_brought_over_what_was_mended",
    ),
    Mutant(
        "of what was mended the other file gets what it has itself",
        "jobs/run/mended.py",
        "        if table.name != self.table:\n",
        "        if True:\n",
        BOTH + "the_other_file_is_brought_over_what_was_mended",
    ),
    Mutant(
        "a row that a backfill took out stays in the other file",
        "jobs/run/mended.py",
        "SELECT {key} FROM {keys} ANTI JOIN",
        "SELECT {key} FROM {keys} SEMI JOIN",
        BOTH + "the_other_file_is_brought_over_what_was_mended",
    ),
    Mutant(
        "what was mended is told of any file of the lineage",
        "sql/sync/mended.sql",
        " AND m.run_id = $run_id",
        "",
        BOTH + "a_kill_in_the_backfill_or_in_the_run_after_it_loses_nothing",
    ),
    Mutant(
        "keys of a backfill stay in the file for ever",
        "jobs/run/mended.py",
        "        mended.forget(file)\n",
        "        pass\n",
        BOTH + "the_other_file_is_brought_over_what_was_mended",
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
        "if found.rows + found.keys:",
        "if found.rows:",
        BACKFILL + "test_rows_that_only_the_file_has_go_from_the_range_and_from_nowhere_else",
    ),
    Mutant(
        "what a comment or a dollar hides is taken for a text",
        "jobs/tables/table.py",
        "where if _HARD.search(where) else ",
        "",
        "tests/unit/tables/test_code_of_others.py::test_what_may_call_functions_of_others_is_told",
    ),
    Mutant(
        "the end of a range before Christ is one after Christ to the file",
        "jobs/tables/ranges.py",
        'return f"{day} (BC) {rest}".strip() if moment.endswith(" BC") else moment',
        "return moment",
        BACKFILL + "test_ends_of_a_range_mean_to_the_file_what_they_mean_to_postgresql",
    ),
    Mutant(
        "a range's end is what was typed, whatever PostgreSQL makes of it",
        "jobs/backfill/backfill.py",
        'replace(wanted, low=row["low"], high=row["high"])',
        "wanted",
        BACKFILL + "test_ends_of_a_range_mean_to_the_file_what_they_mean_to_postgresql",
    ),
    Mutant(
        "of rows read anew those that differ are left",
        "jobs/run/ranged.py",
        "JOIN {inside} USING ({key}) WHERE {same}",
        "JOIN {inside} USING ({key})",
        BACKFILL + "test_ends_of_a_range_mean_to_the_file_what_they_mean_to_postgresql",
    ),
    Mutant(
        "a backfill leaves rows that only the file has",
        "jobs/run/ranged.py",
        'wanted.file(table) if wanted.in_both and not table.deletes.keeps else "false"',
        '"false"',
        BACKFILL + "test_rows_that_only_the_file_has_go_from_the_range_and_from_nowhere_else",
    ),
    Mutant(
        "a backfill takes rows out that the file is to keep",
        "jobs/run/ranged.py",
        " and not table.deletes.keeps else",
        " else",
        BOTH + "a_row_that_the_file_is_to_keep_outlives_a_backfill",
    ),
    Mutant(
        "a backfill by a condition leaves rows that the filter leaves out",
        "jobs/run/ranged.py",
        "    if found.left:\n",
        "    if False:\n",
        BOTH + "a_row_of_a_condition_that_the_filter_leaves_out_goes",
    ),
    Mutant(
        "a comment hides a function of others in a condition",
        "jobs/tables/table.py",
        r'_BLANK = r"(?:\s|/\*.*\*/|--[^\n]*\n)*"',
        r'_BLANK = r"\s*"',
        "tests/unit/tables/test_code_of_others.py::test_what_may_call_functions_of_others_is_told",
    ),
    Mutant(
        "a backfill by a condition takes all other rows for gone",
        "jobs/run/ranged.py",
        'wanted.file(table) if wanted.in_both and not table.deletes.keeps else "false"',
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
        "words that may stand for a URL are hidden as secrets",
        "app/redaction.py",
        "if name not in _MAYBE_URLS or",
        "if True or",
        "tests/unit/config/test_redaction.py::test_words_that_may_stand_for_a_url_are_shown",
    ),
    Mutant(
        "URLs of alerts that the config can't be read for are shown",
        "app/redaction.py",
        "*more, *named, *alerts,",
        "*more, *named,",
        "tests/unit/config/test_redaction.py::test_urls_of_alerts_are_hidden_where_the_config_can_t_be_read",
    ),
    Mutant(
        "doctor finds no secret in the URL of a service",
        "jobs/doctor/machine.py",
        ", *settings.alerts.urls)",
        ")",
        "tests/integration/test_doctor.py::test_a_secret_in_a_config_that_others_read_is_told_whatever_it_opens",
    ),
    Mutant(
        "what a URL that is away has not taken is gone with the process",
        "jobs/daemon/alerting.py",
        "sender.restore(left.get(sender.name, ()))",
        "sender.restore(())",
        "tests/integration/test_alerts.py::test_a_url_that_is_away_over_a_restart_misses_nothing_and_no_other_hears_it_again",
    ),
    Mutant(
        "rows that a guard holds back are not told where a failure was told before",
        "jobs/daemon/alerting.py",
        'Condition("guard", f"guard:{key}", text)',
        'Condition("guard", key, text)',
        "tests/integration/test_alerts.py::test_what_was_told_is_not_told_again_by_the_next_process_and_its_end_is",
    ),
)
