"""What `init` found, in some twenty lines however many tables there are: like with like, and what a run would cost."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.face import show

if TYPE_CHECKING:
    from jobs.init.choice import Choice, Proposal

# So many tables of a group are named.
_FEW = 3
_WIDTH, _INDENT = 80, " " * 15


def lines(proposal: Proposal, *, track: bool, again: bool = True) -> Iterator[str]:
    """What there is, what becomes of it by groups, and what a run costs.

    `again`: the same command could propose triggers instead; else what it proposed would have to be taken out first.
    """
    yield from _wrapped(_head(proposal), "")
    groups: dict[str, list[Choice]] = {}
    for one in sorted(proposal.choices, key=lambda one: one.off):
        groups.setdefault(one.group, []).append(one)
    for name, of in groups.items():
        yield from _wrapped(f"{_counted(of):>12}   {name}{_more(of)}", _INDENT)
    if proposal.taken:
        yield from _cost(proposal, track=track or not again)


def next_steps(proposal: Proposal, path: Path, *, secret: bool, source: str = "") -> Iterator[str]:
    """What is to be done now, as it has to be typed. `secret`: the password has to be given first."""
    from app import config
    from jobs.init import text

    command = "neaptide" if path == Path("config.toml") else f"neaptide --config {path}"
    if secret:
        yield f"The password is not in {path}: set PGPASSWORD, or {config.variable(source)}, or use ~/.pgpass."
    lacking = [one for one in proposal.taken if text.lacks_triggers(one)]
    if not proposal.taken:
        steps = [f"turn on tables in {path}, which says of each why it is left out"]
    elif not lacking:
        steps = [f"{command} sync"]
    elif proposal.may_track and all(one.own for one in lacking):
        steps = [f"{command} track", f"{command} sync"]
    else:
        steps = [f"{command} track --print --role {proposal.role}    for the tables' owner to run", f"{command} sync"]
    yield from (
        f"{path} is written.  next: {steps[0]}",
        *(f"{'then':>{len(str(path)) + 17}}: {step}" for step in steps[1:]),
    )


def _head(proposal: Proposal) -> str:
    from jobs.init.choice import size

    refused = sum("may not read" in one.group for one in proposal.choices)
    may = f"You may not read {refused:,} of them" if refused else "You may read all of it"
    size_ = size(sum(one.bytes for one in proposal.choices))
    return f"{proposal.database}: {_counted(proposal.choices)},{_rows(proposal)} {size_}. {may}."


def _counted(choices: Sequence[Choice]) -> str:
    """Tables, and what only looks like tables."""
    views = sum(one.view for one in choices)
    counts = (show.counted(count, name) for count, name in ((len(choices) - views, "table"), (views, "view")) if count)
    return ", ".join(counts) or "0 tables"


def _rows(proposal: Proposal) -> str:
    """As PostgreSQL knows them: those of a table that was never analyzed are not."""
    known = [one.rows for one in proposal.choices if one.rows >= 0]
    about = "about" if len(known) == len(proposal.choices) else "at least"
    return f" {about} {show.counted(sum(known), 'row')}," if any(known) else ""


def _more(of: list[Choice]) -> str:
    """The names of a few; what all of them cost where they are compared whole, or would be if that were not dear."""
    from jobs.init import ways
    from jobs.init.choice import duration, size

    names = f": {', '.join(one.name for one in of)}" if len(of) <= _FEW else ""
    if not of[0].whole or (of[0].off and of[0].group != ways.DEAR_GROUP):
        return names
    return f"{names}, {size(sum(one.bytes for one in of))}, about {duration(sum(one.seconds for one in of))}"


def _cost(proposal: Proposal, *, track: bool) -> Iterator[str]:
    from jobs.init.choice import duration

    sentence = f"A run costs about {duration(proposal.seconds())}."
    better = [one for one in proposal.taken if one.tracked]
    if track or not better:
        yield sentence
        return
    tracked, tables = duration(proposal.seconds(tracked=True)), show.counted(len(better), "table")
    yield f"{sentence} With triggers on {tables} it would be {tracked}:"
    yield "    neaptide init --track --force"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
