"""Quantity: how many pieces, a whole number of at least 1."""

from __future__ import annotations

from typing import Self

from app.domain import errors

LARGEST = 2**31 - 1  # integer in PostgreSQL


class Quantity(int):
    """A whole number from 1 to 2,147,483,647. Raises `errors.InvalidQuantity`, also for 1.0 and True."""

    __slots__ = ()

    def __new__(cls, value: int) -> Self:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
            raise errors.InvalidQuantity(f"a quantity is a whole number from 1 to {LARGEST:,}, not {value!r}")
        return super().__new__(cls, value)
