"""A model's file. It is one SELECT; a head is optional:

    -- title: Sales per day
    -- description: One row per day, country and product, without cancelled orders.
    -- key: day, country, product
    -- require: incremental

`key` names the columns that tell which rows go together; it may be left out where the SELECT groups, and is then what
it groups by. `require: incremental` makes an error of a SELECT that only a rebuild is exact for.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from app import errors, heads
from jobs import quoting

KEYS = ("title", "description", "key", "require")
SCHEMA = "models"
_SUFFIX = ".sql"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_REQUIRED = "incremental"
_SETTLED = 2_000_000_000
# Some columns of a key are quoted, as in SQL.
_COLUMN = re.compile(r'\s*("(?:[^"]|"")+"|[^",]+?)\s*(?:,|$)')


@dataclass(frozen=True)
class Model:
    """One model; its table is `models.NAME`. `text` is the SELECT, which begins at `line` of the file `where`."""

    name: str
    text: str
    title: str = ""
    description: str = ""
    key: tuple[str, ...] = ()
    require: bool = False
    where: str = ""
    line: int = 1

    @property
    def table(self) -> str:
        """The name by which other models and queries read it."""
        return quoting.join_name(SCHEMA, self.name)

    def at(self, place: int | None) -> str:
        """File and line of a place in the text, in bytes from its start."""
        line = self.line + self.text.encode()[: place or 0].count(b"\n")
        return f"{self.where or self.name}:{line}"


# What was read, and the file's stamp before that.
_read: dict[Path, tuple[tuple[int, ...], Model]] = {}


def parse(name: str, text: str, *, where: str) -> Model:
    """Read one file. Raises `errors.ModelError` that names `where`."""
    if not _NAME.fullmatch(name):
        hint = "rename the file: letters, digits and _, no digit in front, at most 63"
        raise errors.ModelError(f"{where}: {name!r} can't be a model's name", hint=hint)
    head = heads.split(text, KEYS, where, errors.ModelError)
    require = heads.one(head, "require", where, errors.ModelError)
    if require not in ("", _REQUIRED):
        raise errors.ModelError(f"{where}: require: {require!r} is not known", hint=f"write -- require: {_REQUIRED}")
    return Model(
        name=name,
        text=head.body,
        title=heads.one(head, "title", where, errors.ModelError) or name.replace("_", " ").capitalize(),
        description=heads.one(head, "description", where, errors.ModelError),
        key=_key(heads.one(head, "key", where, errors.ModelError), where),
        require=bool(require),
        where=where,
        line=head.line,
    )


def read(file: Path) -> Model:
    """Read the file of this path, unless it was read before and is the same. Raises `errors.ModelError`."""
    where = shown(file)
    try:
        stamp = _stamp(file)
        if (known := _read.get(file)) and known[0] == stamp:
            return known[1]
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.ModelError(f"{where} can't be read: {error}", hint="it has to be text in UTF-8") from None
    _read[file] = stamp, parse(file.name.removesuffix(_SUFFIX), text, where=where)
    return _read[file][1]


def _stamp(file: Path) -> tuple[int, ...]:
    """What is another after each change of a file; no two are alike of one that changed a moment ago."""
    status, now = file.stat(), time.time_ns()
    # A clock of files may tick only a few times a second: two changes within a tick would look like one.
    unsure = now if now - max(status.st_mtime_ns, status.st_ctime_ns) < _SETTLED else 0
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, unsure


def files(folder: Path) -> list[Path]:
    """The files of a folder that are models, sorted by name; none where there is no such folder."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return sorted((one for one in entries if one.name.endswith(_SUFFIX)), key=lambda one: one.name)


def shown(path: Path) -> str:
    """A path as seen from where one stands, where it lies below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _key(text: str, where: str) -> tuple[str, ...]:
    names, place = [], 0
    while place < len(text):
        match = _COLUMN.match(text, place)
        if match is None:
            raise errors.ModelError(f"{where}: key: {text!r} is no list of columns", hint="write -- key: day, product")
        names.append(quoting.unquoted(match[1]))
        place = match.end()
    return tuple(names)
