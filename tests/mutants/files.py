"""Mutants of the files beside the link: what is published, who wrote it, who may read it and what is left of it."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

STRANGERS = "tests/chaos/test_strangers.py::"
BESIDE = "tests/integration/test_beside.py::"
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
        "        _sync_to_disk(self.files.link.parent)\n",
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
        "jobs/targets/file/draft.py",
        "not (_is_shared(spare) or versions.is_altered(files.link, spare))",
        "not _is_shared(spare)",
        STRANGERS + "test_a_file_that_was_altered_is_not_taken_for_ours",
    ),
    Mutant(
        "a file with another name of its own is written to",
        "jobs/targets/file/draft.py",
        "status.st_nlink > 1 or",
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
        "warnings = [_without(log) for log in job.files.logs()]",
        "warnings = list[str]()",
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
        "jobs/targets/file/target.py",
        "if forgetting and not is_new:",
        "if False:",
        FORGOTTEN,
    ),
    Mutant(
        "old rows stay in the version before",
        "jobs/targets/file/publish.py",
        "        if forgetting:\n            smallfile.touch",
        "        if False:\n            smallfile.touch",
        FORGOTTEN,
    ),
    Mutant(
        "a run that was killed while it forgot is not made good",
        "jobs/targets/file/publish.py",
        "            self.forget()\n",
        "",
        FORGETTING + "test_a_run_that_is_killed_while_it_forgets_is_made_good_by_the_next",
    ),
    Mutant(
        "the umask says who may read the file",
        "jobs/targets/file/publish.py",
        "            lost = self.files.rights().give(handle)",
        '            lost = ""',
        BESIDE + "test_nobody_but_the_owner_reads_what_is_written_whatever_the_umask",
    ),
    Mutant(
        "the group of the published file is lost",
        "jobs/beside/rights.py",
        "os.fchown(handle, user, self.group)",
        "os.fchown(handle, user, -1)",
        BESIDE + "test_the_mode_and_the_group_that_the_operator_gave_are_kept",
    ),
    Mutant(
        "a small file is written through a link",
        "app/notes.py",
        "    temporary.replace(path)",
        "    path.write_text(text)",
        BESIDE + "test_no_link_that_somebody_left_is_followed",
    ),
    Mutant(
        "a lock that is a link is followed",
        "app/notes.py",
        "PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK",
        "PLAIN = os.O_NONBLOCK",
        BESIDE + "test_a_lock_or_a_folder_that_leads_elsewhere_is_refused",
    ),
    Mutant(
        "a run is served by one that has not been",
        "jobs/beside/notes.py",
        'if self.boot == now["boot"] and self.seconds > now["seconds"]:',
        "if False:",
        BESIDE + "test_no_run_is_served_by_one_that_has_not_been",
    ),
    Mutant(
        "a moment far in the future is believed",
        "app/notes.py",
        "datetime.now(UTC) + _AHEAD",
        "datetime.max.replace(tzinfo=UTC)",
        "tests/unit/targets/test_notes.py::test_freshness_of_another_form_is_none",
    ),
    Mutant(
        "init writes a password into a file that others read",
        "app/face/init.py",
        "notes.write(path, ",
        "path.write_text(",
        BESIDE + "test_init_gives_a_config_with_a_password_to_nobody_else",
    ),
)
