"""Values with a spelling of their own: durations and URLs."""

from __future__ import annotations

import json
import re
import shlex
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
EMBEDDED = "embedded:"


def duration(value: Any) -> Any:
    """`"10s"`, `"1m30s"`, `"250ms"`, `"2h"`, `"7d"` to a timedelta; anything else is refused."""
    if isinstance(value, timedelta):
        return value
    text = str(value).replace(" ", "")
    parts = _DURATION.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise ValueError(f"{value!r} is not a duration: write it like 250ms, 10s, 1m30s, 2h or 7d")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def check_url(url: str) -> None:
    """Raise `ValueError`, never showing a password, unless `url` is `embedded:PATH` or a PostgreSQL URL.

    What libpq would read otherwise than it was meant is refused here: the rest of a password with an @ in it becomes
    the name of a host, which is asked of name servers and stands in the error.
    """
    if url.startswith(EMBEDDED):
        if not url.removeprefix(EMBEDDED):
            raise ValueError("the url names no folder: write it like embedded:var/postgres")
        return
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("the url must begin with postgresql:// or embedded:")
    if not match["authority"] and not match["query"]:
        raise ValueError("the url names no server: write it like postgresql://user@host:5432/database")
    if _is_ambiguous(match):
        raise ValueError("the url is malformed: in a user, a password or a name write %40 for @, and so on for / # ? %")
    _check_hosts(match["authority"].rpartition("@")[2])


def check_broker(url: str) -> None:
    """Raise `ValueError`, never showing a token, unless it is `postgres`, `embedded:PATH` or a URL of NATS."""
    if url == "postgres" or _BROKER.fullmatch(url):
        return
    raise ValueError("broker is postgres, embedded:PATH, or a URL like nats://host:4222")


_BROKER = re.compile(r"embedded:.+|(?:nats|tls)://(?:[^\s@/]+@)?[^\s@/:]+(?::\d{1,5})?/?")
# The authority ends where libpq's does.
_URL = re.compile(r"postgres(?:ql)?://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?P<rest>[^\0]*)")
_ESCAPE = re.compile(r"%(?!00)[0-9A-Fa-f]{2}")
_HOST = re.compile(r"(?:\[[0-9A-Za-z:.%]+\]|[^\[\]:]*)(?::(?P<port>\d*))?")


def _is_ambiguous(url: re.Match[str]) -> bool:
    """Whether a character stands for itself that separates parts of a URL, or a % for none."""
    user, _, _ = url["authority"].rpartition("@")
    query = url["query"] or ""
    pairs = [pair.split("=") for pair in query[1:].split("&")] if query[1:] else []
    return (
        user.count("@") > 0
        or "@" in (url["path"] or "")
        # libpq looks for the end of a user's name up to the next slash.
        or ("@" in query and url["path"] is None)
        or any(len(pair) != 2 for pair in pairs)
        or bool(url["rest"])
        or "%" in _ESCAPE.sub("", url[0])
    )


def _check_hosts(hosts: str) -> None:
    """Names or addresses with ports, commas between them. What is wrong may be a piece of a password."""
    for host in hosts.split(","):
        match = _HOST.fullmatch(host)
        if match is None:
            raise ValueError("the url is malformed: bad host, or a password that needs %-escapes for / @ : # ?")
        if match["port"] and not 0 < int(match["port"]) < 65536:
            raise ValueError("the url is malformed: the port is no number up to 65535")


Duration = Annotated[timedelta, BeforeValidator(duration)]


def mode_bits(value: Any) -> Any:
    """`"0640"` to permission bits of a file that its owner alone may write to; anything else is refused."""
    if not re.fullmatch(r"0?6[04][04]", str(value)):
        raise ValueError(f'{value!r} are no rights of a file for reading: write "0600", "0640" or "0644"')
    return int(value, 8)


ModeBits = Annotated[int, BeforeValidator(mode_bits)]


def hook_command(text: Any) -> Any:
    """A command line, split as a shell would, or `python:package.module:function`; anything else is refused."""
    if not isinstance(text, str):
        raise ValueError("a hook is one text: a command line")
    if text.startswith("python:"):
        if not _FUNCTION.fullmatch(text):
            raise ValueError("write a function like python:package.module:function")
    elif not _words(text):
        raise ValueError("a command is empty")
    return text


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"the command can't be read: {str(error).lower()}") from None


_FUNCTION = re.compile(r"python:[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
HookCommand = Annotated[str, BeforeValidator(hook_command)]


def alert_url(value: Any) -> Any:
    """A URL of a webhook or a service; what is wrong with one is said without showing it."""
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, str) or not _SERVICE.fullmatch(value):
        raise ValueError("no URL: write it like https://…, mailto://… or slack://…")
    if not _leads_somewhere(value):
        # What passes for its port may be a part of its password.
        raise ValueError("a URL without a host, or with a port that is none; / @ : # ? in a password need %-escapes")
    return SecretStr(value)


def _leads_somewhere(url: str) -> bool:
    """Whether a webhook's URL has a host and a port that can be; of a service's URL Apprise knows more."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return parts.scheme not in ("http", "https") or (bool(parts.hostname) and parts.port != 0)
    except ValueError:
        return False


def listed(value: Any) -> Any:
    """A variable of the environment is one text: a single value, or a list in JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.lstrip().startswith("[") else [value]
    except ValueError:
        raise ValueError("a list that is not in JSON") from None


_SERVICE = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\x00-\x1f]+")
AlertUrl = Annotated[SecretStr, BeforeValidator(alert_url)]
