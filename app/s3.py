"""An object store as the place of a lake's files: `s3://bucket/prefix`, on AWS or on a server that speaks the same.

Who may reach it is said where every tool of AWS looks: the variables `AWS_…`, a profile, the role of the machine. So is
the server, by `AWS_ENDPOINT_URL`. A session of DuckDB gets the keys as a secret, for this one prefix, and shows them to
nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app import errors, extras

PREFIX = "s3://"
_NAME = "lake_files"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# What DuckDB takes for a pattern of names, or for options behind a name; and the way up, which S3 has not.
_STRANGE = re.compile(r"[*?\[\]{}#%\\\x00-\x1f]|(^|/)\.{1,2}(/|$)|//")
_REGION = "us-east-1"
# What the server answered: a number, and on a later line the name that S3 has for it.
_STATUS = re.compile(r"\(HTTP (?:code )?(\d{3})")
_CODE = re.compile(r"^([A-Z][A-Za-z]+): ", re.M)
_UNANSWERED = re.compile(r"error for HTTP [A-Z]+ to '")
_HINT = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role"


def is_one(place: str) -> bool:
    """Whether it is a place in an object store, and no folder."""
    return place.startswith(PREFIX)


def checked(place: str) -> str:
    """The place, with one slash at its end. Raises `ValueError`."""
    bucket, _, prefix = place.removeprefix(PREFIX).partition("/")
    if not _BUCKET.fullmatch(bucket) or _STRANGE.search(prefix.strip("/")):
        raise ValueError("write data like s3://bucket/prefix: plain names, and no keys in it")
    return f"{PREFIX}{bucket}/{prefix.strip('/')}".rstrip("/") + "/"


@dataclass(frozen=True, repr=False)
class Access:
    """Where a store is and who asks: what botocore finds, which reads what all tools of AWS read."""

    session: Any

    @classmethod
    def current(cls) -> Access:
        """As of now. Raises `errors.MissingExtra`."""
        with extras.needed("s3"):
            from botocore.session import Session
        return cls(Session())

    def secret(self, place: str) -> str:
        """The statement that lets a session reach this place; another one once the keys are renewed.

        Raises `errors.ConfigError` where there are no keys, or where what names them can't be read.
        """
        from botocore.exceptions import BotoCoreError

        try:
            values = dict(self._values())
        except (BotoCoreError, ValueError) as error:
            message = f"the keys of {place} can't be found: {str(error).splitlines()[0]}"
            raise errors.ConfigError(message, hint=_HINT) from None
        shown = "".join(f", {name} {_literal(value)}" for name, value in values.items())
        return f"CREATE OR REPLACE TEMPORARY SECRET {_NAME} (TYPE s3, SCOPE {_literal(place)}{shown})"

    def _values(self) -> Iterator[tuple[str, str]]:
        credentials = self.session.get_credentials()
        if credentials is None:
            raise ValueError("nothing names any")
        # Of a role they end after an hour or so; this renews them in time.
        keys = credentials.get_frozen_credentials()
        yield "KEY_ID", keys.access_key
        yield "SECRET", keys.secret_key
        if keys.token:
            yield "SESSION_TOKEN", keys.token
        yield "REGION", self.session.get_config_variable("region") or _REGION
        yield from self._server()

    def _server(self) -> Iterator[tuple[str, str]]:
        """A server that is not AWS's is asked by paths: it has no name for each bucket."""
        from botocore.configprovider import ConfiguredEndpointProvider

        session = self.session
        url = ConfiguredEndpointProvider(
            full_config=session.full_config, scoped_config=session.get_scoped_config(), client_name="s3"
        ).provide()
        if not url:
            return
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("AWS_ENDPOINT_URL is no address: write it like https://server:9000")
        yield "ENDPOINT", parts.netloc + parts.path.rstrip("/")
        yield "URL_STYLE", "path"
        yield "USE_SSL", str(parts.scheme == "https").lower()


def failure(error: Exception) -> errors.NeaptideError | None:
    """The error of ours for one of DuckDB's that is a store's; None where it is none, or a file is not there."""
    import duckdb

    text = str(error)
    if not isinstance(error, duckdb.IOException):
        return None
    if _UNANSWERED.search(text):
        hint = "check AWS_ENDPOINT_URL and AWS_REGION, and whether that server runs"
        return errors.StoreUnavailable(f"the object store can't be reached: {text.splitlines()[0]}", hint=hint)
    status, code = _STATUS.search(text), _CODE.search(text.partition("\n")[2])
    if status is None:
        return None
    return _answered(int(status[1]), code[1] if code else f"HTTP {status[1]}")


def _answered(status: int, code: str) -> errors.NeaptideError | None:
    if code == "NoSuchBucket":
        hint = "make it, or set another [target] data; where it is in another region, set AWS_REGION"
        return errors.TargetUnusable("the bucket of the lake does not exist (NoSuchBucket)", hint=hint)
    if status == 404:
        return None
    if status >= 500 or status == 429:
        return errors.StoreUnavailable(f"the object store can't answer now ({code})")
    hint = f"{_HINT}; they must allow to read the prefix, and to sync also to list, write and delete in it"
    return errors.TargetUnusable(f"the object store refuses the keys, or what they are used for ({code})", hint=hint)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
