"""The daemon: runs by the schedule and after commits, until it is told to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.face import show
from app.face.base import Command, Face, pass_face

if TYPE_CHECKING:
    from jobs.job import Job

_EXAMPLES = ("neaptide daemon", "neaptide daemon --print-unit")


@click.command("daemon", cls=Command, examples=_EXAMPLES)
@click.option("--print-unit", is_flag=True, help="Print a systemd unit for this config and end.")
@pass_face
def command(face: Face, *, print_unit: bool) -> int:
    """Keep the reporting file up to date until SIGTERM.

    Runs by [schedule], and right after a commit. SIGHUP reads the config again. A second daemon on the same target
    stands by and takes over when the first ends.
    """
    from jobs.daemon import systemd

    if print_unit:
        click.echo(systemd.unit(face.config_path), nl=False)
        return 0
    from jobs.daemon import process

    return process.serve(lambda: load(face), face.page().maker())


def load(face: Face, listen: str | None = None) -> Job:
    """Read the config, now, and set up the logs so that its secrets stay out of them.

    `listen` is the address of the page where the config names none.
    """
    import structlog

    from app import bootstrap, logs, redaction

    settings = bootstrap.load_settings(face.config_path)
    if listen and settings.http.listen is None:
        settings = settings.model_copy(update={"http": settings.http.model_copy(update={"listen": listen})})
    job = bootstrap.job(settings)
    urls = [url for one in job.each for url in (one.url, one.owner_url)]
    logs.setup(verbose=face.verbose, quiet=face.quiet, redaction=redaction.of(settings, *urls))
    structlog.get_logger().info(_plan(job), action="plan")
    return job


def _plan(job: Job) -> str:
    """What the daemon will do with this config, in a sentence."""
    settings, schedule = job.settings, job.settings.schedule
    when = f"by cron {schedule.cron}" if schedule.cron else f"every {schedule.interval.total_seconds():g} s"
    woken = " and after each commit" if schedule.wake_on_commit else ""
    asked = f"; http://{settings.http.listen} shows reports, and answers monitors" if settings.http.listen else ""
    return (
        f"this keeps {settings.target_path} equal to {show.place(job)}: a run {when}{woken},"
        f" until SIGTERM or Ctrl-C{asked}"
    )
