"""Everything that may stand in the way of a sync, looked at once."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from app.face import show
from app.face.base import Command, Face, json_option, pass_face

if TYPE_CHECKING:
    from jobs.doctor.check import Check


@click.command("doctor", cls=Command, examples=("neaptide doctor", "neaptide doctor --json"))
@json_option
@pass_face
def command(face: Face, *, as_json: bool) -> int:
    """Look at all that a sync needs, and say what to do.

    Versions, disk, file system, server settings, rights, old transactions, slots, tables. Changes nothing. Exit code
    1 if anything makes runs fail.
    """
    from app import bootstrap
    from jobs import doctor

    checks = list(doctor.examined(bootstrap.job(face.settings, start=False), face.config_path))
    if as_json:
        show.as_json([one.as_dict() for one in checks])
    else:
        look = show.look()
        show.lines(line for one in checks for line in _lines(one, look))
    return 1 if any(one.level == "fail" for one in checks) else 0


def _lines(one: Check, look: show.Look) -> list[str]:
    """How it is, what was looked at, what was found, and below it what to do."""
    head = f"{one.level:<7}  {one.name:<12}  "
    margin = " " * len(head)
    message = textwrap.wrap(one.message, look.width - len(head)) or [""]
    hint = textwrap.wrap(f"-> {one.hint}", look.width - len(head), subsequent_indent="   ") if one.hint else []
    first = look.painted(one.level) + head[len(one.level) :]
    return [first + look.painted(message[0]), *(margin + look.painted(line) for line in [*message[1:], *hint])]
