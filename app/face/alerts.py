"""Who is told when something is wrong, tried out; and what was told."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from app import errors
from app.face import show
from app.face.base import Face, Group, json_option, pass_face


@click.group(cls=Group, examples=("neaptide alerts test", "neaptide alerts list"))
def command() -> None:
    """Messages of the daemon when something is wrong, and over."""


@command.command(examples=("neaptide alerts test", "neaptide alerts test --json"))
@json_option
@pass_face
def test(face: Face, *, as_json: bool) -> int:
    """Send a message to each of [alerts] urls; exit code 1 if one does not take it."""
    from jobs.alerts import delivery

    urls = [url.get_secret_value() for url in face.settings.alerts.urls]
    if not urls:
        raise errors.UsageError("there are no [alerts] urls in the config", hint="see docs/alerts.md")
    failures = [
        {"url": delivery.named(place, url), **_tried(place, url, str(face.settings.target_path))}
        for place, url in enumerate(urls)
    ]
    if as_json:
        show.as_json(failures)
    else:
        show.table(("url", "result"), [(one["url"], one["error"] or "ok") for one in failures])
    return 1 if any(one["error"] for one in failures) else 0


def _tried(place: int, url: str, target: str) -> dict[str, str | None]:
    from jobs.alerts import delivery
    from jobs.alerts.ledger import Fact, Notice

    fact = Fact("test", "test", "this is a test: nothing is wrong", datetime.now(UTC))
    try:
        delivery.to(place, url)(Notice(events=(fact,)), target)
    except errors.NeaptideError as error:
        hint = f" ({error.hint})" if isinstance(error, errors.ConfigError | errors.UsageError) and error.hint else ""
        return {"error": f"{error.message}{hint}"}
    return {"error": None}


@command.command("list", examples=("neaptide alerts list", "neaptide alerts list --json"))
@json_option
@pass_face
def standing(face: Face, *, as_json: bool) -> None:
    """Show what was told and is not over yet."""
    from app import bootstrap
    from jobs.daemon import remembered

    facts = remembered.standing(bootstrap.job(face.settings, start=False).files)
    if as_json:
        show.as_json([fact.as_dict() for fact in facts])
    elif facts:
        show.table(("since", "kind", "message"), [(show.moment(one.since), one.kind, one.message) for one in facts])
    else:
        face.say("nothing was told that is not over")
