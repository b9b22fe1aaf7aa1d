"""The head of an `.sql` file that is found by being in a folder: lines `-- key: value` above one SELECT.

Other comments may stand between them; one that is nearly a key is refused, for it was meant as one.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass

from app import errors

# As near as `parm` is to `param`, and farther than a remark is that happens to have a colon.
_NEAR = 0.75
_MARK = "\N{BYTE ORDER MARK}"


@dataclass(frozen=True)
class Head:
    """The head's values in their order, and the statement below them, which begins at `line` of the file."""

    lines: tuple[tuple[str, str], ...]
    body: str
    line: int

    def all(self, key: str) -> list[str]:
        """The values of a key."""
        return [value for name, value in self.lines if name == key]


def split(text: str, keys: Collection[str], where: str, error: type[errors.NeaptideError]) -> Head:
    """Head and statement of a file's text. Raises `error`, which names `where`."""
    parts: list[tuple[str, str]] = []
    lines = text.removeprefix(_MARK).splitlines()
    place = 0
    while place < len(lines) and (not lines[place].strip() or lines[place].lstrip().startswith("--")):
        key, colon, value = (part.strip() for part in lines[place].strip().removeprefix("--").partition(":"))
        if colon and key in keys:
            parts.append((key, value))
        elif colon:
            _refuse_misspelled(key, keys, where, error)
        place += 1
    body = "\n".join(lines[place:]).strip().removesuffix(";").rstrip()
    if not body:
        raise error(f"{where}: there is no statement", hint="write one SELECT below the head")
    return Head(tuple(parts), body, place + 1)


def one(head: Head, key: str, where: str, error: type[errors.NeaptideError]) -> str:
    """The value of a key that may stand once; empty where it doesn't."""
    values = head.all(key)
    if len(values) > 1:
        raise error(f"{where}: the head has {len(values)} lines `-- {key}: …`", hint="keep one of them")
    return values[0] if values else ""


def _swapped(key: str, keys: Collection[str]) -> list[str]:
    """The key whose neighbouring letters changed places: of `key` that leaves too little to be near by `_NEAR`."""
    swaps = {key[:place] + key[place + 1] + key[place] + key[place + 2 :] for place in range(len(key) - 1)}
    return [known for known in keys if known in swaps]


def _refuse_misspelled(key: str, keys: Collection[str], where: str, error: type[errors.NeaptideError]) -> None:
    near = difflib.get_close_matches(key.lower(), keys, n=1, cutoff=_NEAR) or _swapped(key.lower(), keys)
    if near:
        raise error(f"{where}: the head has no line `-- {key}: …`", hint=f"did you mean {near[0]}?")
