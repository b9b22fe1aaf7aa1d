"""One page of a longer list, and how a list is sorted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from app import errors
from app.reporting.store import Store

Item = TypeVar("Item")
LARGEST = 10_000


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some of the items in order: page `number` (from 1) of at most `size`; `total` counts them on all pages."""

    items: tuple[Item, ...]
    number: int
    size: int
    total: int
    as_of: datetime

    @property
    def last(self) -> int:
        """The number of the last page; an empty list has one empty page."""
        return max(1, -(-self.total // self.size))


def bounds(number: int, size: int) -> dict[str, object]:
    """`limit` and `offset` to bind. Raises `errors.UsageError` for a page below 1 or a size out of range."""
    if number < 1:
        raise errors.UsageError(f"page {number} does not exist", hint="pages count from 1")
    if not 1 <= size <= LARGEST:
        raise errors.UsageError(f"a page of {size} is not possible", hint=f"a page holds 1 to {LARGEST} rows")
    return {"limit": size, "offset": (number - 1) * size}


def order_by(sort: str, keys: Mapping[str, str], tie: str) -> str:
    """The ORDER BY of a sort key, `-key` for descending, with `tie` last so that pages never overlap.

    `keys` maps what may be asked for to an SQL expression; nothing else gets into the statement. Raises
    `errors.UsageError` for another key.
    """
    name = sort.removeprefix("-")
    if name not in keys:
        raise errors.UsageError(f"can't sort by {sort!r}", hint=f"sort by {', '.join(keys)}, or -key for descending")
    direction = "DESC" if sort.startswith("-") else "ASC"
    return f"{keys[name]} {direction}, {tie} ASC"


def read(
    store: Store, item: Callable[..., Item], find: str, count: str, filters: dict[str, object], number: int, size: int
) -> Page[Item]:
    """One page of what the statement `find` gives, each row as an item; `count` counts them on all pages.

    Raises `errors.UsageError` for an impossible page.
    """
    answer = store.query(find, {**filters, **bounds(number, size)})
    total = store.query(count, filters).rows[0][0]
    return Page(tuple(item(**row, as_of=answer.as_of) for row in answer.records()), number, size, total, answer.as_of)
