"""Mutants of what keeps several sources in one file apart."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SOURCES = "tests/integration/test_sources.py::"
MENDED = "tests/integration/test_sources_mended.py::"
CONFIG = "tests/integration/test_sources_config.py::"
ONCE = "tests/integration/test_sources_once.py::"
LOGS = "tests/integration/test_sources_wal.py::"

MUTANTS = (
    Mutant(
        "which database a source is, is not kept by its name",
        "jobs/record/sources.py",
        "known = _named(file, source) if source else about",
        "known = about",
        MENDED + "test_another_database_under_one_name_is_refused_for_that_one_alone",
    ),
    Mutant(
        "a file of several sources is as of the newest",
        "jobs/targets/file/freshness.py",
        "oldest = min(known.values()",
        "oldest = max(known.values()",
        SOURCES + "test_the_oldest_moment_is_told_by_the_file_itself",
    ),
    Mutant(
        "a source that is away is as fresh as the run",
        "jobs/run/several.py",
        "    moments += [moment for name in done.failures for moment in _moments(job, name, state[name])]\n",
        "",
        SOURCES + "test_a_source_that_is_away_leaves_the_other_going",
    ),
    Mutant(
        "the tables of other sources pass for a source's own",
        "jobs/record/state.py",
        "if source in (None, one.source)}",
        "}",
        SOURCES + "test_each_source_is_copied_and_followed",
    ),
    Mutant(
        "a spare with the others' tables of earlier is published",
        "jobs/run/several.py",
        "if published.lineage and _watermarks(state) != _watermarks(published):",
        "if False:",
        SOURCES + "test_random_writes_on_both_are_followed_exactly",
    ),
    Mutant(
        "a whole copy of one source begins an empty file",
        "jobs/run/sync.py",
        " or (self._options.full and self._context.published.others))",
        ")",
        SOURCES + "test_full_copies_all_of_both",
    ),
    Mutant(
        "a table takes the name of another source's",
        "jobs/plan/sources.py",
        "if whole is None or not state.others:",
        "if True:",
        CONFIG + "test_two_tables_of_one_name_are_told",
    ),
    Mutant(
        "what differed of a second source in an altered file is not told",
        "jobs/verify/several.py",
        "tables = (before.get(one.table, one) if one.equal else one for one in later.tables)",
        "tables = (one for one in later.tables)",
        MENDED + "test_repair_mends_a_file_that_another_program_wrote_to",
    ),
    Mutant(
        "the URLs of several sources are no secrets",
        "app/redaction.py",
        "                    yield from _of_model(item)\n",
        "                    pass\n",
        "tests/unit/config/test_sources.py::test_a_password_in_the_file_is_a_secret",
    ),
    Mutant(
        "each of several sources publishes a file of its own",
        "jobs/run/several.py",
        "done = _published_at_once(job, options, run)",
        "done = _one_after_the_other(job, options, run, None)",
        ONCE + "test_one_file_is_copied_and_published_for_all",
    ),
    Mutant(
        "what a source copied anew takes its place before all of the source is written",
        "jobs/targets/file/work.py",
        "        file.at_once = True\n",
        "        file.at_once = False\n",
        ONCE + "test_a_source_that_fails_in_the_middle_leaves_the_other_published",
    ),
    Mutant(
        "what a source that failed had copied stays in the published file",
        "jobs/run/pending.py",
        "load.drop_all(file)",
        "pass",
        ONCE + "test_a_source_that_fails_in_the_middle_leaves_the_other_published",
    ),
    Mutant(
        "a file that fills up takes along what other sources wrote",
        "jobs/run/several.py",
        "                with suppress(errors.NeaptideError, Unfit):\n                    pending.publish()\n",
        "                pass\n",
        ONCE + "test_what_is_wrong_with_the_file_takes_no_source_along",
    ),
    Mutant(
        "how the run of a source ended is told to nobody where another follows",
        "jobs/run/recording.py",
        "pending.ended if pending and pending.ended else",
        "",
        ONCE + "test_one_file_is_copied_and_published_for_all",
    ),
    Mutant(
        "a name pauses the tables of every source that has one so called",
        "jobs/tables/entries.py",
        " if name in own or job.part in sources_of(name, parts))",
        ")",
        CONFIG + "test_a_name_of_two_sources_means_the_one_in_the_file",
    ),
    Mutant(
        "a backfill takes the first of two tables that are called alike",
        "jobs/plan/sources.py",
        "    if others:\n",
        "    if False:\n",
        CONFIG + "test_a_name_of_two_sources_means_the_one_in_the_file",
    ),
    Mutant(
        "two sources of one target have one replication slot",
        "jobs/beside/identity.py",
        'of = f"{identifier} {source}" if source else identifier',
        "of = identifier",
        LOGS + "test_each_source_has_a_slot_and_is_followed_from_there",
    ),
    Mutant(
        "what one source's server holds is noted for all of them",
        "jobs/beside/identity.py",
        'return f"{SLOT}.{source}" if source else SLOT',
        "return SLOT",
        LOGS + "test_a_lost_slot_leaves_the_other_source_going",
    ),
    Mutant(
        "the log of one of several sources wakes nobody",
        "jobs/daemon/watches.py",
        "lambda: part.sessions.log if part.sessions is not None else None",
        "lambda: None",
        LOGS + "test_the_log_of_each_wakes_the_daemon",
    ),
    Mutant(
        "the slot of a source that left the config is told to nobody",
        "jobs/status/loghold.py",
        "sorted(job.names | files.noted_parts())",
        "sorted(job.names)",
        LOGS + "test_untrack_drops_the_slot_of_one_source_and_a_source_that_left_is_told_of",
    ),
    Mutant(
        "a lake's sources share a slot",
        "jobs/beside/lake_names.py",
        "identity.slot_of(self.shared_id(), self.part)",
        "identity.slot_of(self.shared_id())",
        LOGS + "test_each_source_has_a_slot_and_is_followed_from_there[lake]",
    ),
    Mutant(
        "a lake says nothing of the slot of a source that left the config",
        "jobs/beside/lake_names.py",
        'return {name.partition(".")[2] for name in self.shared.noted(identity.SLOT)}',
        "return set()",
        LOGS + "test_untrack_drops_the_slot_of_one_source_and_a_source_that_left_is_told_of[lake]",
    ),
    Mutant(
        "projections are made of the events of two sources in turns",
        "app/config/combined.py",
        "and len(with_events) > 1",
        "and len(with_events) > 2",
        "tests/unit/config/test_sources.py::test_what_does_not_fit_is_refused_in_words",
    ),
)
