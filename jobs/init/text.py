"""Writes a proposal down as an annotated config.toml. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from app import config, escapes
from jobs.init import ways
from jobs.init.choice import Choice, Proposal, duration, size

_WIDTH = 116
_HEAD = """\
# Written by `neaptide init`. Next: read it, then
{steps}
#     neaptide verify            compares both sides row by row
# The environment wins over this file: {variable}, NEAPTIDE_TARGET__PATH and so on.

"""
_TRACK = """\
#     neaptide track --print     the SQL that triggers and stamps need (or `neaptide track`, which runs it)
"""
_SYNC = """\
#     neaptide sync --dry-run    what a sync would copy, and what becomes of each column
#     neaptide sync"""
_ABOUT_SECRETS = """\
# The password is not in this file: give the whole URL as NEAPTIDE_SOURCE__URL, or set PGPASSWORD, or use ~/.pgpass.
"""
_REST = """\

[target]
path = "var/reporting.duckdb"        # what readers open

[schedule]
every = {every:<29}# or cron = "*/5 * * * *"{load}
wake_on_commit = {wake:<20}# run at once after a commit, not only on the schedule

[sync]
margin = "60s"                       # how far the server's clock may step back unnoticed
on_schema_change = "evolve"          # "fail": leave a table as it is when somebody alters it, and say so
"""
_LOGGED = """\
# The server's log can be followed by this role: no trigger and no stamp. With this, and without the entries' own
# watermark and deletes, run `neaptide track`, then `neaptide sync`:
# feed = "wal"
"""
_WHOLE = 'watermark = "none"'
# A daemon should be idle for so many times as long as it compares tables.
_IDLE = 20
_INTERVALS = ((10, "10s"), (60, "1m"), (300, "5m"), (900, "15m"), (3600, "1h"))


def config_text(url: str, proposal: Proposal, *, with_password: bool = False, source: str = "") -> str:
    """The whole file, of one source, or of the first of several. A password in `url` is left out unless asked for."""
    bare, had_password = without_password(url)
    shown = url if with_password else bare
    note = _ABOUT_SECRETS if had_password and not with_password else ""
    way = f"[source]\n{note}url = {toml(shown)}\n"
    if source:
        way = _source(source, url, with_password=with_password)
    track = _TRACK if any(lacks_triggers(one) for one in proposal.taken) else ""
    head = _HEAD.format(steps=track + _SYNC, variable=config.variable(source))
    rest = _rest(proposal.seconds()) + (_LOGGED if proposal.logged else "")
    return f"{head}{way}{rest}{''.join(map(_entry, proposal.choices))}"


def addition_text(source: str, url: str | None, proposal: Proposal, *, with_password: bool = False) -> str:
    """What is added to a config: the entries of a source, and the source itself unless it has no `url`."""
    head = "" if url is None else f"\n{_source(source, url, with_password=with_password)}"
    return f"{head}{''.join(map(_entry, proposal.choices))}"


def _source(name: str, url: str, *, with_password: bool) -> str:
    """One of several sources; the password comes from a variable with its name."""
    bare, had_password = without_password(url)
    hidden = had_password and not with_password
    note = _ABOUT_SECRETS.replace("NEAPTIDE_SOURCE__URL", config.variable(name)) if hidden else ""
    return f"[[sources]]\nname = {toml(name)}\n{note}url = {toml(bare if hidden else url)}\n"


def lacks_triggers(choice: Choice) -> bool:
    """Whether `neaptide track` has something to do for it."""
    return not choice.off and not choice.whole and choice.group != ways.TRACKED_ALREADY


def _rest(seconds: float) -> str:
    """A run that takes long is not made after each commit, and not all the time."""
    every = next((name for interval, name in _INTERVALS if seconds * _IDLE <= interval), _INTERVALS[-1][1])
    often = every == _INTERVALS[0][1]
    load = "" if often else f"; a run takes about {duration(seconds)}"
    return _REST.format(every=f'"{every}"', wake="true" if often else "false", load=load)


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


def _entry(choice: Choice) -> str:
    rows = f"about {choice.rows:,} rows" if choice.rows >= 0 else "not analyzed yet"
    sentences = [f"{choice.name}: {rows}, {size(choice.bytes)}.", *filter(None, choice.reasons)]
    if choice.columns:
        sentences.append(f"Kept in another form: {'; '.join(choice.columns)}.")
    return (
        "\n"
        + "".join(_comment(sentences))
        + "".join(f"# {line}\n" if choice.off else f"{line}\n" for line in _keys(choice))
    )


def _keys(choice: Choice) -> list[str]:
    """The entry's lines; beside a choice to compare all of it stands what that costs, and what the other way would."""
    lines = ["[[tables]]", *(f"{key} = {toml(value)}" for key, value in choice.values.items())]
    if choice.bytes:
        lines = [f"{line:<36} # {ways.cost(choice)}" if line == _WHOLE else line for line in lines]
    if choice.off and choice.tracked:
        other = [f"{key} = {toml(value)}" for key, value in choice.tracked.items()]
        lines += [f"# {line}" for line in ("in place of that, and with `neaptide track` before the sync:", *other)]
    return lines


def _comment(sentences: Iterable[str]) -> list[str]:
    text = " ".join(map(escapes.visible, sentences))
    return [f"# {line}\n" for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)]


def toml(value: Any) -> str:
    """A string, a list or a table of them as TOML writes it; JSON's escapes are TOML's, which has more to escape."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items()) + " }"
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    """Also what TOML would take, and nobody see."""
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"
