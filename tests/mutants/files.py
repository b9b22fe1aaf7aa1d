"""Mutants of the files beside the link: what is published, who wrote it, who may read it and what is left of it."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

STRANGERS = "tests/chaos/test_strangers.py::"
FORGETTING = "tests/integration/test_forgetting.py::"
FORGOTTEN = FORGETTING + "test_what_is_hidden_or_forgotten_is_in_no_file_at_once"
PUBLISH = "tests/integration/test_publish.py::test_the_file_is_synced_before_it_is_named_and_the_folder_after"

MUTANTS = (
    Mutant(
        "a file is published that is not on the disk yet",
        "jobs/targets/file/publish.py",
        "            os.fsync(handle)\n            return lost",
        "            return lost",
        PUBLISH,
    ),
    Mutant(
        "the folder is not on the disk when a run says that it is done",
        "jobs/targets/file/publish.py",
        "        _sync_to_disk(self.link.parent)\n",
        "",
        PUBLISH,
    ),
    Mutant(
        "a name is used again",
        "jobs/targets/file/publish.py",
        "default=0) + 1",
        "default=0) % 2 + 1",
        STRANGERS + "test_a_name_that_was_the_link_s_leads_to_the_newest_version_and_is_never_used_again",
    ),
    Mutant(
        "an altered spare becomes the next version",
        "jobs/targets/file/publish.py",
        "not (_is_shared(spare) or versions.is_altered(self.link, spare))",
        "not _is_shared(spare)",
        STRANGERS + "test_a_file_that_was_altered_is_not_taken_for_ours",
    ),
    Mutant(
        "a file with another name of its own is written to",
        "jobs/targets/file/publish.py",
        "found.st_nlink > 1 or",
        "",
        STRANGERS + "test_a_backup_by_hard_links_is_not_written_to",
    ),
    Mutant(
        "an altered file is believed",
        "app/versions.py",
        "and seal(path) != version.seal",
        "and False",
        STRANGERS + "test_a_run_with_nothing_to_do_builds_an_altered_file_anew",
    ),
    Mutant(
        "a stranger's log stays beside the link",
        "jobs/targets/file/strangers.py",
        "told = [_without(log) for log in job.files.logs()]",
        "told = list[str]()",
        STRANGERS + "test_the_log_of_a_killed_program_is_told_and_removed_also_by_a_run_with_nothing_to_do",
    ),
    Mutant(
        "a program that has the file open for writing keeps readers out",
        "jobs/targets/file/strangers.py",
        "in_use.has_writer(published)",
        "False",
        STRANGERS + "test_a_program_that_has_the_file_open_for_writing_locks_readers_out_until_the_next_run",
    ),
    Mutant(
        "a repair keeps what was planted",
        "jobs/verify/verify.py",
        "        if altered:\n            published = _salvaged",
        "        if False:\n            published = _salvaged",
        STRANGERS + "test_nothing_that_another_program_planted_outlives_a_repair",
    ),
    Mutant(
        "old rows stay in the free blocks of the new file",
        "jobs/run/sync.py",
        "if forgetting and not self._is_new:",
        "if False:",
        FORGOTTEN,
    ),
    Mutant(
        "old rows stay in the version before",
        "jobs/targets/file/publish.py",
        "        if forgetting:\n            beside.touch",
        "        if False:\n            beside.touch",
        FORGOTTEN,
    ),
    Mutant(
        "a run that was killed while it forgot is not made good",
        "jobs/targets/file/publish.py",
        "        self.make_private()\n        self.forget()\n",
        "        self.make_private()\n",
        FORGETTING + "test_a_run_that_is_killed_while_it_forgets_is_made_good_by_the_next",
    ),
)
