"""Named SQL blocks: one `.sql` file holds several statements, each with a name and a line of purpose.

    -- name: find_all
    -- One page of products.
    SELECT …

The files lie in rooms: `shop/orders`, `queries/orders`. A path without a room is one of the sync's: `source` is
`sql/sync/source.sql`. A block ends where the next begins. Loading refuses a duplicate name, an empty block and a block
without purpose.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from app import errors

_NAME = re.compile(r"^-- name: (?P<name>[a-z_0-9]+)\s*$", re.MULTILINE)


@cache
def load(path: str) -> dict[str, str]:
    """All blocks of a file, by name. Raises `errors.Bug` for a malformed one."""
    file = _file(path)
    return parse(_root().joinpath(file).read_text(encoding="utf-8"), where=f"sql/{file}")


def get(path: str, name: str) -> str:
    """One block's statement."""
    try:
        return load(path)[name]
    except KeyError:
        raise errors.Bug(f"sql/{_file(path)} has no block {name!r}") from None


def _file(path: str) -> str:
    return f"{path if '/' in path else f'sync/{path}'}.sql"


def folder(path: str) -> Traversable:
    """The folder `sql/<path>`, for files that are found by being there."""
    return _root().joinpath(path)


def parse(text: str, *, where: str) -> dict[str, str]:
    """Split a file's text into its blocks; `where` names it in errors."""
    heads = list(_NAME.finditer(text))
    blocks: dict[str, str] = {}
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = text[head.end() : following.start() if following else None].strip()
        _check(head["name"], body, blocks, where)
        blocks[head["name"]] = body
    return blocks


def _check(name: str, body: str, blocks: dict[str, str], where: str) -> None:
    if name in blocks:
        raise errors.Bug(f"{where}: block {name!r} stands twice")
    lines = body.splitlines()
    if not lines or not lines[0].startswith("-- "):
        raise errors.Bug(f"{where}: block {name!r} has no line of purpose")
    if all(not line.strip() or line.startswith("--") for line in lines):
        raise errors.Bug(f"{where}: block {name!r} is empty")


def _root() -> Traversable:
    return resources.files("sql")
