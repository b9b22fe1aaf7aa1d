"""The names that people use, to ids: read on the write side, since the next command is about what stands there now."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Engine, text

from app import statements
from app.domain import errors
from app.oltp import violations

_UNKNOWN: dict[str, type[errors.DomainError]] = {
    "product": errors.ProductNotFound,
    "customer": errors.CustomerNotFound,
    "order": errors.OrderNotFound,
}


def identify(engine: Engine, noun: str, name: str) -> UUID:
    """The id of a product by SKU, a customer by reference, an order by number. Raises the kind's not-found error."""
    with violations.translated(), engine.connect() as connection:
        identifier = connection.execute(text(statements.get("shop/lookup", noun)), {"name": name}).scalar()
    if identifier is None:
        raise _UNKNOWN[noun](f"there is no {noun} {name!r}")
    return UUID(str(identifier))
