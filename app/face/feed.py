"""Where the tables' changes come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.face import completion, show
from app.face.base import Face, Group, json_option, pass_face

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.mechanisms.trial import Outcome
    from jobs.status.feeding import Fed, Feeds


@click.group(cls=Group, examples=("neaptide feed status", "neaptide feed resync shop.orders"))
def command() -> None:
    """Where changes come from: triggers, the log, or events."""


@command.command(examples=("neaptide feed status", "neaptide feed status --json"))
@json_option
@pass_face
def status(face: Face, *, as_json: bool) -> int:
    """Say of each table which feed it has, how far the file is, and what stands in the way.

    PostgreSQL is asked, and nothing is changed. Exit code 1 if something needs doing.
    """
    from app import bootstrap
    from jobs.status import feeding

    feeds = feeding.read(bootstrap.job(face.settings, start=False))
    if as_json:
        show.as_json(feeds.as_dict())
    else:
        _show(face, feeds)
    return 1 if feeds.is_bad else 0


@command.command(examples=("neaptide feed resync", "neaptide feed resync shop.orders"))
@click.argument("tables", nargs=-1, metavar="[TABLE]…", shell_complete=completion.tables)
@json_option
@pass_face
def resync(face: Face, *, tables: tuple[str, ...], as_json: bool) -> int:
    """Copy tables anew, and follow them from there; without a name, all.

    What `neaptide track` installs is put in place first where something of it is missing, a lost slot made anew.
    """
    from app import bootstrap
    from app.face import sync as running
    from app.face import waits
    from jobs.run import sync
    from jobs.tracking import each

    job = bootstrap.job(face.settings)
    with waits.shown(face.say, job):
        # The run says of a source that is away what is wrong with it, and goes on with the others.
        for statement in each.track(job, list(tables), failed=lambda error: face.say(error.message)):
            face.say(statement)
        run = sync.sync_once(job, tables=list(tables) or None, full=True, progress=face.progress())
    return running.show_run(face, run, as_json=as_json, whole=not tables)


@command.command(
    examples=(
        "neaptide feed compare --only watermark --only wal",
        "neaptide feed compare --only wal --seconds 1 --json",
    )
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this mechanism; may be repeated.")
@click.option("--seconds", type=click.FloatRange(0.5, 600), default=3.0, show_default=True, help="For each rate.")
@json_option
@pass_face
def compare(face: Face, *, only: tuple[str, ...], seconds: float, as_json: bool) -> int:
    """Run the same work with each mechanism on this machine, and compare.

    On a PostgreSQL of its own that is gone afterwards; neither your database nor your file is touched. How long a
    committed row takes until a reader has it, while 10, 100 and 1,000 rows a second are written; what the writers lose;
    what a kill -9 of the daemon, PostgreSQL and the broker costs. Takes some minutes.
    """
    from app import errors
    from app.mechanisms import mechanism, trial

    unknown = [name for name in only if name not in mechanism.NAMES]
    if unknown:
        raise errors.UsageError(f"there is no mechanism {unknown[0]!r}", hint=f"one of {', '.join(mechanism.NAMES)}")
    wanted = [one for one in mechanism.MECHANISMS if not only or one.name in only]
    outcomes = list(trial.compare(wanted, seconds, face.say))
    if as_json:
        show.as_json([one.as_dict() for one in outcomes])
    else:
        _show_outcomes(outcomes)
    return 1 if any(one.wrong for one in outcomes) else 0


def _show_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Two tables, each narrow enough for a terminal."""
    rates = [f"{one.rate:,}/s" for one in outcomes[0].seen]
    rows = [
        (
            one.mechanism.name, *(f"{at.p50:,.0f} / {at.p95:,.0f}" for at in one.seen), f"{one.writes:.0%}",
            one.wrong,
        )
        for one in outcomes
    ]  # fmt: skip
    click.echo("Commit to visible, p50 / p95 in ms, while so many rows a second are written:\n")
    show.table(("mechanism", *rates, "writes", "wrong"), rows)
    click.echo("\nSeconds from a kill -9 of a part to the answer, for a row written at once:\n")
    parts = tuple(dict.fromkeys(part for one in outcomes for part in one.killed))
    killed = [(one.mechanism.name, *(_seconds(one.killed.get(part)) for part in parts)) for one in outcomes]
    show.table(("mechanism", *parts), killed)
    click.echo()
    needs = [
        (one.mechanism.name, one.mechanism.consistency, one.mechanism.needs, one.mechanism.rights) for one in outcomes
    ]
    show.table(("mechanism", "readers see", "needs", "rights"), needs)


def _seconds(taken: float | None) -> str:
    return "-" if taken is None else f"{taken:.1f}"


def _show(face: Face, feeds: Feeds) -> None:
    now = face.now()
    show.table(
        ("table", "feed", "as of", "place"),
        [
            (one.table, one.feed, show.clock(one.as_of, now) if one.as_of else "never", one.place)
            for one in feeds.tables
        ],
    )
    if feeds.slots:
        click.echo()
        held = [(one.slot, "this" if one.ours else "another", one.status, one.active, one.held) for one in feeds.slots]
        show.table(("slot", "target", "status", "read now", "bytes held"), held)
    for line in [*_troubles(feeds.tables), *feeds.problems]:
        face.say(line)


def _troubles(tables: tuple[Fed, ...]) -> list[str]:
    """Each once, whatever the number of tables that have it."""
    troubles = dict.fromkeys((one.problem, one.hint) for one in tables if one.problem)
    return [f"{problem}\n  -> {hint}" if hint else problem for problem, hint in troubles]
