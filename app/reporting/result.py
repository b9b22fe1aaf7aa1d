"""What a query answers: rows, the names and types of their columns, and the moment they show."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.reporting import frames


@dataclass(frozen=True)
class Result:
    """Rows with the names and DuckDB types of their columns, and the moment in the source they show."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    as_of: datetime

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def arrow(self) -> Any:
        """The rows as a `pyarrow.Table`. Raises `errors.MissingExtra` without that package."""
        return frames.arrow(self.columns, self.types, self.rows)

    def pl(self) -> Any:
        """The rows as a `polars.DataFrame`; needs pyarrow, too. Raises `errors.MissingExtra`."""
        return frames.polars(self.columns, self.types, self.rows)

    def df(self) -> Any:
        """The rows as a `pandas.DataFrame` with Arrow's types; needs pyarrow, too. Raises `errors.MissingExtra`."""
        return frames.pandas(self.columns, self.types, self.rows)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Column names made distinct, so that a row can be a dictionary: the second `id` becomes `id_1`."""
    seen: dict[str, None] = {}
    for name in names:
        other = name
        for number in itertools.count(1):
            if other not in seen:
                break
            other = f"{name}_{number}"
        seen[other] = None
    return tuple(seen)
