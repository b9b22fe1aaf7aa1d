"""DuckDB's errors, told as ours: which of the two sides failed, and what can be done about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from app import errors, redaction
from jobs.source import failures


@contextmanager
def translated() -> Iterator[None]:
    """DuckDB's errors become ours."""
    try:
        yield
    except duckdb.Error as error:
        raise translate(error) from error


_OPTIONS = re.compile(r'(Unable to connect to Postgres) at ".*": ')
_FULL = ("No space left", "File too large", "disk quota", "Disk quota", "out of space", "max_temp_directory_size")
_DAMAGED = (
    "orrupt", "not a valid DuckDB", "checksum", "Checksum", "INTERNAL", "Serialization Error", "deserialize",
    "Could not read enough bytes", "Could not read all bytes",
)  # fmt: skip
# A checkpoint that runs out of memory says so in an error of another kind.
_NO_MEMORY = ("could not allocate block", "failed to pin block", "Out of Memory Error")
# An error of PostgreSQL's may speak of damage too; it is that of its own files.
_FROM_SOURCE = ("Postgres", "Failed to prepare query", "Failed to execute query")
_REBUILD = "run `neaptide sync --full`, or `neaptide verify --repair`: the file is set aside and built anew"


def translate(error: duckdb.Error) -> errors.NeaptideError:
    """The error of ours for one of DuckDB's."""
    text = str(error).strip()
    # It quotes all that a connection is made with.
    first = redaction.bare(_OPTIONS.sub(r"\1: ", text.split("\n")[0]))
    if any(sign in text for sign in _FULL):
        return errors.DiskFull(
            f"the disk of the reporting file is full: {first}", hint="free some space and sync again"
        )
    if isinstance(error, duckdb.OutOfMemoryException) or any(sign in text for sign in _NO_MEMORY):
        return errors.OutOfMemory(f"DuckDB ran out of memory: {first}", hint="raise [target] memory_limit")
    passed_on = failures.passed_on(text, first)
    if passed_on is not None:
        return passed_on
    if isinstance(error, duckdb.InterruptException):
        return failures.cut_short(first)
    if isinstance(
        error, duckdb.IOException | duckdb.FatalException | duckdb.InternalException | duckdb.SerializationException
    ):
        return _of_the_file(text, first)
    return errors.NeaptideError(f"DuckDB: {first}")


def _of_the_file(text: str, first: str) -> errors.NeaptideError:
    if any(sign in text for sign in _FROM_SOURCE):
        return errors.NeaptideError(f"DuckDB: {first}")
    if any(sign in text for sign in _DAMAGED):
        return Damaged(f"the reporting file is damaged: {first}", hint=_REBUILD)
    if "Could not set lock" in text:
        hint = "close the program that opened it for writing; readers open it read-only"
        return errors.TargetUnusable(f"the reporting file is held by another program: {first}", hint=hint)
    return errors.TargetUnusable(f"DuckDB: {first}")


class Damaged(errors.TargetUnusable):
    """A reporting file that is not whole; it is only a copy."""
