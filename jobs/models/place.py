"""Where models and their inputs lie in the file."""

from __future__ import annotations

from jobs import quoting
from jobs.models.file import SCHEMA

# The name under which a run attaches the file.
CATALOG = "out"


def out(name: str) -> str:
    """The quoted place in the file of a table or model."""
    return f"{CATALOG}.{quoting.qualified(*quoting.split_name(name))}"


def full(model: str) -> str:
    """A model's name among tables."""
    return quoting.join_name(SCHEMA, model)
