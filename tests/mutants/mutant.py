"""What one mutant is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`before` must stand in `file` exactly once; with `after` in its place, `test` must fail."""

    name: str
    file: str
    before: str
    after: str
    test: str
