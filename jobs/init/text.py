"""Writes a proposal down as an annotated config.toml. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from app import escapes
from jobs.init.choices import Choice

_WIDTH = 116
_UNITS = ((2**30, "GB"), (2**20, "MB"), (2**10, "kB"))
_HEAD = """\
# Written by `neaptide init`. Next: read it, then
#     neaptide track --print     the SQL that triggers and stamps need (or `neaptide track`, which runs it)
#     neaptide sync --dry-run    what a sync would copy, and what becomes of each column
#     neaptide sync
#     neaptide verify            compares both sides row by row
# The environment wins over this file: NEAPTIDE_SOURCE__URL, NEAPTIDE_TARGET__PATH and so on.

[source]
"""
_ABOUT_SECRETS = """\
# The password is not in this file: give the whole URL as NEAPTIDE_SOURCE__URL, or set PGPASSWORD, or use ~/.pgpass.
"""
_REST = """\

[target]
path = "var/reporting.duckdb"        # what readers open

[schedule]
every = "10s"                        # or cron = "*/5 * * * *"
wake_on_commit = true                # run at once after a commit, not only on the schedule

[sync]
margin = "60s"                       # how far the server's clock may step back unnoticed
on_schema_change = "evolve"          # "fail": leave a table as it is when somebody alters it, and say so
"""


def config_text(url: str, choices: Sequence[Choice], *, with_password: bool = False) -> str:
    """The whole file. A password in `url` is left out unless asked for."""
    bare, had_password = without_password(url)
    shown = url if with_password else bare
    note = _ABOUT_SECRETS if had_password and not with_password else ""
    return f"{_HEAD}{note}url = {_toml(shown)}\n{_REST}{''.join(map(_entry, choices))}"


def without_password(url: str) -> tuple[str, bool]:
    """The URL without a password in its user part or its query, and whether it had one."""
    parts = urlsplit(url)
    user, colon, _password = parts.netloc.rpartition("@")[0].partition(":")
    host = parts.netloc.rpartition("@")[2]
    pairs = [pair for pair in parts.query.split("&") if "password" not in pair.lower().partition("=")[0]]
    query = "&".join(pairs)
    if not colon and query == parts.query:
        return url, False
    return urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host, query=query)), True


def size(count: int) -> str:
    """Bytes for people."""
    return next((f"{count / unit:.1f} {name}" for unit, name in _UNITS if count >= unit), f"{count} bytes")


def _entry(choice: Choice) -> str:
    rows = f"about {choice.rows:,} rows" if choice.rows >= 0 else "not analyzed yet"
    told = [f"{choice.name}: {rows}, {size(choice.bytes)}.", *filter(None, choice.reasons)]
    if choice.columns:
        told.append(f"Kept in another form: {'; '.join(choice.columns)}.")
    lines = ["[[tables]]", *(f"{key} = {_toml(value)}" for key, value in choice.values.items())]
    return "\n" + "".join(_comment(told)) + "".join(f"# {line}\n" if choice.off else f"{line}\n" for line in lines)


def _comment(sentences: Iterable[str]) -> list[str]:
    text = " ".join(map(escapes.visible, sentences))
    return [f"# {line}\n" for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)]


def _toml(value: Any) -> str:
    """A string, a list or a table of them as TOML writes it; JSON's escapes are TOML's, which has more to escape."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    """Also what TOML would take, and nobody see."""
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"
