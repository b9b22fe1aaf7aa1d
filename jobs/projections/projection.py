"""A projection: a table of the project's own, and the functions that make its rows of events. Pure.

from neaptide import Projection

products = Projection("product_list", key={"id": "VARCHAR"}, columns={"name": "VARCHAR"})

@products.on("ProductCreated")
def created(event, rows):
    rows.put(id=event.key, name=event.payload["product_name"])
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from app import errors

SCHEMA = "projections"
Handler = Callable[[Any, Any], None]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


class Projection:
    """The table `projections.NAME` with these columns, by name and DuckDB type.

    `begin` is a SELECT of the reporting file's tables, named with their schemas, with the same columns: what the table
    begins with where it is new or has missed events. Without it, it begins empty, with the oldest event that is kept.
    """

    def __init__(
        self, name: str, *, key: Mapping[str, str], columns: Mapping[str, str] | None = None, begin: str = ""
    ) -> None:
        self.name, self.key, self.begin = name, dict(key), begin
        self.columns = {**self.key, **(columns or {})}
        self.handlers: dict[str, Handler] = {}
        if not key or not all(_NAME.fullmatch(one) for one in (name, *self.columns)):
            raise errors.ConfigError(
                f"the projection {name!r} needs a key, and names of letters, digits and _",
                hint='Projection("product_list", key={"id": "VARCHAR"}, columns={"name": "VARCHAR"})',
            )

    def on(self, event: str) -> Callable[[Handler], Handler]:
        """Decorates `handler(event, rows)`, to be called once for each event of this name."""

        def register(handler: Handler) -> Handler:
            if event in self.handlers:
                raise errors.ConfigError(f"the projection {self.name} has two functions for {event}")
            self.handlers[event] = handler
            return handler

        return register

    @property
    def version(self) -> str:
        """Another one is another table."""
        shape = json.dumps([list(self.key), self.columns, self.begin])
        return hashlib.sha256(shape.encode()).hexdigest()[:16]
