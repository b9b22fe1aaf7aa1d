"""Mutants of keys and values: which are equal, what a file keeps of them, and what is said where one can't be kept."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

EQUAL = "tests/integration/test_equal_keys.py::"
RESPELLED = "tests/integration/test_respelled_keys.py::test_a_key_that_is_spelled_anew_is_one_row"
UNREADABLE = "tests/integration/test_unreadable_keys.py::"
VERIFY = "tests/integration/test_verify.py::"
RENAMED = UNREADABLE + "test_an_object_is_renamed_and_dropped_and_its_row_is_updated_and_deleted"
ARRIVES = UNREADABLE + "test_a_delete_arrives_though_no_row_could_have_its_key_any_more"
FAILING = "tests/integration/test_failing_rows.py::"
DELETES = "tests/integration/test_traps_deletes.py::"
SIGNATURES = "tests/unit/tables/test_signatures.py::"

MUTANTS = (
    Mutant(
        "a mask makes a table look changed in each run",
        "jobs/tables/table.py",
        "[list(pair) for pair in sorted(self.spec.mask.items())]",
        "sorted(self.spec.mask.items())",
        SIGNATURES + "test_a_signature_is_equal_to_itself_after_json",
    ),
    Mutant(
        "0 and -0 pass for the same value",
        "jobs/types/forms.py",
        '_SIGNED = "({v}, {v} = 0 AND signbit({v}))"',
        '_SIGNED = "{v}"',
        EQUAL + "test_two_values_are_told_apart_wherever_they_differ",
    ),
    Mutant(
        "what spells one value in several ways is as equal in the file as in PostgreSQL",
        "jobs/types/forms.py",
        "_BUILTIN |= dict.fromkeys(_LOOSE_TEXTS.split(), as_text(AS_TEXT, same=False))",
        "_BUILTIN |= dict.fromkeys(_LOOSE_TEXTS.split(), as_text(AS_TEXT))",
        EQUAL + "test_duckdb_holds_two_keys_equal_only_where_postgresql_does",
    ),
    Mutant(
        "two functions of one name are one key",
        "jobs/types/forms.py",
        '"regproc": Form(("regprocedure", "text"), "VARCHAR", note=_KEY_NOTE),',
        "",
        EQUAL + "test_duckdb_holds_two_keys_equal_only_where_postgresql_does",
    ),
    Mutant(
        "a table whose key holds names of objects is read by its changes",
        "jobs/source/catalogue.py",
        "if any(forms.shows_names(info.type) for info in key):",
        "if False:",
        RENAMED,
    ),
    Mutant(
        "an interval in a key is equal where DuckDB says so",
        "jobs/types/forms.py",
        '"interval": as_text(',
        '"never": as_text(',
        EQUAL + "test_duckdb_holds_two_keys_equal_only_where_postgresql_does",
    ),
    Mutant(
        "a recorded key must pass its domain's checks of today",
        "jobs/tables/keys.py",
        'return f"{value}::{_unchecked(info.type.resolved)}"',
        'return f"{value}::{info.type_name}"',
        ARRIVES,
    ),
    Mutant(
        "recorded keys are read of no table that was asked for news",
        "jobs/feeds/watermark/gather.py",
        "return not isinstance(step.news, News) or step.news.gone",
        "return not isinstance(step.news, News)",
        DELETES + "test_rows_key_changes_and_swapped_keys",
    ),
    Mutant(
        "a recorded key that can't be read fails its table for good",
        "jobs/feeds/watermark/gather.py",
        "if type(error) is not errors.NeaptideError:",
        "if error:",
        ARRIVES,
    ),
    Mutant(
        "a soft delete's key that is spelled anew is another row",
        "jobs/tables/table.py",
        "or (self.deletes.marked and respelled)",
        "",
        RESPELLED,
    ),
    Mutant(
        "the comparison asks PostgreSQL for a key by the file's name",
        "jobs/verify/compare.py",
        "quoting.identifier(table.source_key[0])",
        "name",
        VERIFY + "test_a_table_whose_key_has_another_name_in_the_file_is_compared_and_mended",
    ),
    Mutant(
        "a row too large ends the run for every table",
        "jobs/feeds/watermark/misfits.py",
        "if isinstance(error, errors.OutOfMemory):\n        # A row",
        "if False:\n        # A row",
        FAILING + "test_a_row_too_large_fails_its_table_and_the_others_are_published",
    ),
    Mutant(
        "a row too large ends the comparison of every table",
        "jobs/verify/attempts.py",
        "now.set_aside({failed.table: failed.error})",
        "raise failed.error from failed",
        FAILING + "test_a_table_with_a_row_too_large_is_compared_by_itself",
    ),
    Mutant(
        "nobody says whose bytes are no text",
        "jobs/feeds/watermark/misfits.py",
        "if value is not None and not _decodes(value, codec):",
        "if False:",
        FAILING + "test_a_text_that_is_none_in_utf8_is_named_and_may_be_kept_as_bytes",
    ),
    Mutant(
        "a zero below nought is stored in a run with others",
        "jobs/engine/storage.py",
        "if duckdb_type in _FLOATS:",
        "if False:",
        "tests/integration/test_storage.py::test_a_zero_below_nought_stays_apart_from_its_neighbours",
    ),
)
