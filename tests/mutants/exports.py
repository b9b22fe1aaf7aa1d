"""Mutants of results as files: what is in them, and what else could be written."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

PARQUET = "tests/integration/test_parquet.py::"
KEPT = PARQUET + "test_every_value_is_kept"
REFUSED = PARQUET + "test_what_parquet_has_no_value_for_is_refused"
BOOK = "tests/unit/face/test_workbook.py::"
FILES = "tests/acceptance/test_files.py::"

MUTANTS = (
    Mutant(
        "a whole number of 128 bits becomes a double in Parquet",
        "app/reporting/parquet.py",
        "if kind.id in _WHOLE:",
        "if False:",
        KEPT,
    ),
    Mutant(
        "an interval in a map loses its microseconds in Parquet",
        "app/reporting/parquet.py",
        '"map": _map}',
        "}",
        KEPT,
    ),
    Mutant(
        "a time loses its offset in Parquet",
        "app/reporting/parquet.py",
        '"time with time zone", "time_ns",',
        '"time_ns",',
        KEPT,
    ),
    Mutant(
        "infinity goes into Parquet as a far day",
        "app/reporting/parquet.py",
        "WHEN isfinite({value}) OR",
        "WHEN true OR",
        REFUSED,
    ),
    Mutant(
        "a store without a file to write to writes one",
        "app/reporting/store.py",
        "if checked.plans or self._limits.writes is None:",
        "if checked.plans:",
        PARQUET + "test_no_other_file_can_be_written_or_read",
    ),
    Mutant(
        "a text of a formula's form becomes one in Excel",
        "app/face/workbook.py",
        "sheet.write_string(row, column, values.plain(value))",
        "sheet.write(row, column, values.plain(value))",
        BOOK + "test_a_text_stays_a_text_whatever_it_begins_with",
    ),
    Mutant(
        "a number of more digits than Excel has is rounded",
        "app/face/workbook.py",
        "return abs(value) < 10**_DIGITS",
        "return True",
        BOOK + "test_what_excel_could_not_hold_exactly_is_a_text_with_all_its_digits",
    ),
    Mutant(
        "a file is written in its place",
        "app/face/export.py",
        'passing = place.with_name(f".{secrets.token_hex(8)}.passing")',
        "passing = place",
        FILES + "test_an_error_leaves_the_old_file_and_nothing_else",
    ),
    Mutant(
        "a file that replaces a private one is for everybody",
        "app/face/export.py",
        "0o666 if mode is None else mode))\n        if mode is not None:",
        "0o666))\n        if False:",
        FILES + "test_an_error_leaves_the_old_file_and_nothing_else",
    ),
)
