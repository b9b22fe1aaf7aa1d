"""One-line changes that open a trap each, and the test that must then fail: `make mutants`. A list a topic."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from tests.mutants.mutant import Mutant


def registered() -> tuple[Mutant, ...]:
    """All mutants, list by list."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("__"))
    lists = (getattr(import_module(f"{__name__}.{name}"), "MUTANTS", ()) for name in names)
    return tuple(mutant for found in lists for mutant in found)
