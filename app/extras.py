"""What only some installations have: parts of Neaptide that need more packages than a sync does."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app import errors


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """Around imports of an extra's packages. Raises `errors.MissingExtra` that says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing((error.name or "").partition(".")[0], extra) from error


def know_absent(package: str) -> None:
    """Have Python know for the rest of the process that a package is not there, if it isn't.

    DuckDB tries to import pandas for every value that is bound, and each time the whole path is looked through: of a
    small run's time that was a sixth.
    """
    if package not in sys.modules and importlib.util.find_spec(package) is None:
        sys.modules[package] = None  # type: ignore[assignment]


def missing(package: str, extra: str) -> errors.MissingExtra:
    """The error for a package that is not there."""
    return errors.MissingExtra(
        f"this needs the package {package}, which is not installed", hint=f"pip install 'neaptide[{extra}]'"
    )
