"""A source that `init` adds to a config that is there, or whose further tables it adds."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app import config, errors, nearest, notes

if TYPE_CHECKING:
    from jobs.init.choice import Proposal


@dataclass(frozen=True)
class Addition:
    """The file with its text so far, the settings with the source in them, and whether the text lacks it."""

    path: Path
    text: str
    settings: config.Settings
    source: config.NamedSource
    is_new: bool

    @property
    def url(self) -> str:
        """The way to the source."""
        return self.source.url.get_secret_value()

    def write(self, proposal: Proposal, *, with_password: bool) -> None:
        """Add the entries at the end of the file. Raises `errors.ConfigError`, and writes nothing, if they don't fit.

        The file keeps its rights, unless a password is to stand in it.
        """
        from jobs.init import text as config_text

        url = self.url if self.is_new else None
        more = config_text.addition_text(self.source.name, url, proposal, with_password=with_password)
        whole = f"{self.text.rstrip()}\n{more}"
        config.checked(self.path, whole)
        path = self.path.resolve()
        mode = stat.S_IMODE(path.stat().st_mode) & (0o600 if with_password and self.is_new else 0o777)
        notes.write(path, whole, lambda handle: os.fchmod(handle, mode))


def begun(path: Path, source: str, url: str | None) -> Addition:
    """What there is to add to. `url` is needed for a source that the config has not, unless its variable says it.

    Raises `errors.ConfigError` for a config that can't be read, and `errors.UsageError` for another url.
    """
    text = path.read_text(encoding="utf-8")
    known = config.sources(path, text)
    is_new = source not in known
    if is_new and url is None and config.variable(source) not in {name.upper() for name in os.environ}:
        raise _unknown(path, source, known)
    settings = config.checked(path, f"{text.rstrip()}\n{_stub(source, url)}" if is_new else text)
    entry = next(one for one in settings.sources if one.name == source)
    if url is not None and entry.url.get_secret_value() != url:
        raise errors.UsageError(
            f"the source {source} has another url already", hint=f"leave out --url; or change the url in {path}"
        )
    return Addition(path, text, settings, entry, is_new)


def _stub(source: str, url: str | None) -> str:
    from jobs.init import text as config_text

    way = "" if url is None else f"url = {config_text.toml(url)}\n"
    return f"[[sources]]\nname = {config_text.toml(source)}\n{way}"


def _unknown(path: Path, source: str, known: list[str]) -> errors.UsageError:
    way = f"to add it, give its --url, or set {config.variable(source)}"
    hint = "; ".join(filter(None, (nearest.name(source, known), way)))
    return errors.UsageError(f"there is no source {source} in {path}", hint=hint)
