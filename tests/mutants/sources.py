"""Mutants of what keeps several sources in one file apart."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SOURCES = "tests/integration/test_sources.py::"

MUTANTS = (
    Mutant(
        "which database a source is, is not kept by its name",
        "jobs/record/sources.py",
        "known = _named(file, source) if source else about",
        "known = about",
        SOURCES + "test_another_database_under_one_name_is_refused_for_that_one_alone",
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
        SOURCES + "test_two_tables_of_one_name_are_told",
    ),
    Mutant(
        "what differed of a second source in an altered file is not told",
        "jobs/verify/several.py",
        "tables = (before.get(one.table, one) if one.equal else one for one in later.tables)",
        "tables = (one for one in later.tables)",
        SOURCES + "test_repair_mends_a_file_that_another_program_wrote_to",
    ),
    Mutant(
        "the URLs of several sources are no secrets",
        "app/redaction.py",
        "                    yield from _of_model(item)\n",
        "                    pass\n",
        "tests/unit/config/test_sources.py::test_a_password_in_the_file_is_a_secret",
    ),
)
