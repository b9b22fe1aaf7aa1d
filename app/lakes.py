"""A lake: DuckLake's catalog in a PostgreSQL database, Parquet files in a folder or an object store, and how a session
of DuckDB opens it.

The extensions lie in wheels of exactly DuckDB's version, and are loaded from there. What the catalog's server is
reached with goes into a secret of the session, which shows its password to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

from app import errors, extras, redaction, s3

PREFIX = "ducklake:postgres:"
# What a secret holds, and what DuckDB calls it there. The rest is said in the open.
_SECRET = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DATABASE"}
_HIDDEN = ("sslpassword",)
# Where DuckLake puts its tables.
_SCHEMA = "META_SCHEMA 'public'"
_NAME = "lake_catalog"
_FORMAT = re.compile(r"catalog version is (\S+), but the extension requires version (\d[\d.]*\d)")
_MOVED = re.compile(r'DATA_PATH parameter "(.*?)" does not match existing data path in the catalog "(.*?)"')


# The words for a file that is away, and for one that is not whole.
_NO_FILE = ("Cannot open file", "HTTP 404", "No such file")
_NOT_WHOLE = ("No magic bytes", "too small to be a Parquet", "reached the end of the file", "Parquet footer")
_PUT_BACK = (
    "is what [target] data names there, and can this user read it? Else put it back, or run `neaptide sync --full`"
)
# What the catalog's server says to somebody whom it doesn't let in.
_STRANGER = re.compile(r"password authentication failed|no password|role .* does not exist|no pg_hba.conf entry")
_NO_DATABASE = re.compile(r"database .* does not exist")


def parts(url: str) -> dict[str, str]:
    """The parts of a catalog's URL, as libpq has them. Raises `ValueError`, never showing a password."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if not url.startswith(PREFIX):
        raise ValueError(f"the url must begin with {PREFIX}")
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url.removeprefix(PREFIX)).items()}
    except ProgrammingError:
        raise ValueError(f"write the url like {PREFIX}dbname=lake host=server user=neaptide") from None
    if not given.get("dbname"):
        raise ValueError(f"the url names no database: write it like {PREFIX}dbname=lake host=server")
    if any(given.get(name) for name in _HIDDEN):
        raise ValueError("a key with a password can't be used here")
    return given


def extension(name: str) -> Path:
    """An extension's file in its wheel. Raises `errors.MissingExtra`."""
    import duckdb

    module, extra = f"duckdb_extension_{name}", "s3" if name == "httpfs" else "lake"
    with extras.needed(extra):
        folder = Path(str(resources.files(module)))
    path = folder / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.exists():
        raise extras.missing(module, extra)
    return path


def failure(error: Exception) -> errors.NeaptideError | None:
    """The error of ours for one of DuckDB's that only a lake has, whoever reads or writes it; None for another."""
    text = str(error)
    if "No snapshot found" in text or "snapshot does not exist" in text:
        return errors.SnapshotGone()
    if match := _FORMAT.search(text):
        sentence = f"the lake has DuckLake's format {match[1]}, and this version reads and writes {match[2]}"
        return errors.TargetUnusable(
            sentence, hint="install the Neaptide that wrote it, or one that comes with its format"
        )
    if match := _MOVED.search(text):
        sentence = f"the files of the lake lie in {match[2]}, and not in {match[1]}"
        return errors.TargetUnusable(sentence, hint="set [target] data to where they are")
    if "Failed to load existing DuckLake" in text:
        sentence = f"the catalog's database holds something else: {text.splitlines()[0]}"
        return errors.TargetUnusable(sentence, hint="give the lake a database of its own")
    return s3.failure(error) or _of_files(text)


def _of_files(text: str) -> errors.NeaptideError | None:
    if "parquet" in text and any(sign in text for sign in (*_NO_FILE, *_NOT_WHOLE)):
        message = f"a file of the lake can't be read: {redaction.bare(text.strip().splitlines()[0])}"
        return errors.TargetUnusable(message, hint=_PUT_BACK)
    return None


def away(text: str) -> errors.CatalogUnavailable:
    """The error for a catalog that can't be reached, of what its server or the way to it said."""
    hint = "check [target] url, and whether that server runs"
    if _STRANGER.search(text):
        hint = "check user and password, in [target] url, NEAPTIDE_TARGET__URL or where libpq looks for them"
    elif _NO_DATABASE.search(text):
        hint = "create that database: Neaptide makes its tables in it"
    return errors.CatalogUnavailable(f"the lake's catalog can't be reached: {redaction.bare(text)}", hint=hint)


@dataclass(frozen=True)
class Lake:
    """One lake. `url` may hold a password; `data` is an absolute path, or a place in an object store."""

    url: str
    data: str

    def __repr__(self) -> str:
        return f"Lake({self.data!r})"

    @property
    def conninfo(self) -> str:
        """The way to the catalog's database, for psycopg."""
        from psycopg.conninfo import make_conninfo

        return make_conninfo(**{"connect_timeout": "10", "application_name": "neaptide lake", **parts(self.url)})

    def check_files(self) -> None:
        """Raise `errors.TargetUnusable` where the folder is away in which the files of a run lie."""
        if not s3.is_one(self.data) and not Path(self.data).is_dir():
            message = f"the folder of the lake's files is not there: {self.data}"
            raise errors.TargetUnusable(message, hint="mount it, put it back from a backup, or mend [target] data")

    @property
    def shown(self) -> str:
        """What it is called before people."""
        conninfo = parts(self.url)
        host = f" on {conninfo['host']}" if conninfo.get("host") else ""
        return f"the lake {conninfo['dbname']}{host}"

    def loads(self) -> Iterator[str]:
        """The statements that let a session open lakes: the one before the other, or it asks the internet for it."""
        for name in ("postgres_scanner", "ducklake", *(["httpfs"] if s3.is_one(self.data) else [])):
            yield f"LOAD {_literal(str(extension(name)))}"

    @cached_property
    def _access(self) -> s3.Access:
        return s3.Access.current()

    def unlocks(self) -> Iterator[str]:
        """The statement that lets a session reach files in an object store; another one once the keys are renewed."""
        if s3.is_one(self.data):
            yield self._access.secret(self.data)

    def attaches(self, alias: str, *, snapshot: int | None = None) -> Iterator[str]:
        """The statements that open the lake under this name; with a `snapshot`, for reading at that one only.

        Rows are never kept in the catalog: other engines don't see them there, and some values and names of columns
        can't be.
        """
        yield from self.unlocks()
        conninfo = parts(self.url)
        secret = "".join(f", {word} {_literal(conninfo[name])}" for name, word in _SECRET.items() if conninfo.get(name))
        yield f"CREATE OR REPLACE TEMPORARY SECRET {_NAME} (TYPE postgres{secret})"
        rest = {"connect_timeout": "10"} | {name: value for name, value in conninfo.items() if name not in _SECRET}
        shown = " ".join(f"{name}={_conninfo_value(value)}" for name, value in rest.items())
        options = [f"META_SECRET {_NAME}", f"DATA_PATH {_literal(self.data)}", "DATA_INLINING_ROW_LIMIT 0"]
        if snapshot is not None:
            # Of the catalog's database it is told what lies beside DuckLake's own tables, unless their schema is given.
            options += ["READ_ONLY", "CREATE_IF_NOT_EXISTS false", f"SNAPSHOT_VERSION {snapshot}", _SCHEMA]
        # Options of the attachment hold for a session, those of the lake for all.
        yield f"ATTACH {_literal(PREFIX + shown)} AS {alias} ({', '.join(options)})"

    def encloses(self) -> str:
        """The statement after which a session reaches no other folder, once external access is off."""
        return f"SET allowed_directories = [{_literal(self.data)}]"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _conninfo_value(value: str) -> str:
    """libpq's own quoting inside a connection string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
