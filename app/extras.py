"""What only some installations have: parts of Neaptide that need more packages than a sync does."""

from __future__ import annotations

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


def missing(package: str, extra: str) -> errors.MissingExtra:
    """The error for a package that is not there."""
    return errors.MissingExtra(
        f"this needs the package {package}, which is not installed", hint=f"pip install 'neaptide[{extra}]'"
    )
