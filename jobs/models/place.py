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


def behind(name: str) -> str:
    """The quoted place of the table that a model of sums is a view of, which holds the hidden columns, too."""
    return f"{CATALOG}.{quoting.qualified(*stored(quoting.split_name(name)[1], 'sums'))}"


def stored(model: str, kind: str) -> tuple[str, str]:
    """Schema and name of the table that holds the rows of a model of this kind; its name is without a schema."""
    return ("neaptide", f"sums of {model}") if kind == "sums" else (SCHEMA, model)
