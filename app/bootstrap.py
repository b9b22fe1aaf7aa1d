"""The one place that wires: settings to a server, a unit of work, a sync job and the reporting file.

The command line, the daemon and the tests all come through here. Importing it connects to nothing and is cheap: what
needs SQLAlchemy, psycopg or DuckDB is imported by the function that hands it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import errors, extras, refreshing

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Engine

    from app import config
    from app.dispatcher import Dispatcher
    from app.execution import Limits
    from app.oltp.embedded.server import EmbeddedServer
    from app.ports import UnitOfWorkFactory
    from app.queries.reports import Catalogue
    from app.reporting import store
    from jobs.broker.server import EmbeddedBroker
    from jobs.job import Job
    from jobs.results import Progress
    from jobs.sessions import Lease, OpenSessions


def load_settings(path: Path) -> config.Settings:
    """Read and check the config file. Raises `errors.ConfigError`."""
    from app import config

    return config.load(path)


def embedded(settings: config.Settings) -> EmbeddedServer:
    """The embedded server of the config. Raises `errors.UsageError` where the source is a server by URL."""
    from app.oltp.embedded.server import EmbeddedServer

    _check_source(settings)
    if settings.embedded_root is None:
        raise errors.UsageError(
            "the source is a server by URL, not the embedded one",
            hint='set [source] url = "embedded:var/postgres" to use the embedded server',
        )
    return EmbeddedServer(settings.embedded_root)


def source_url(settings: config.Settings, *, start: bool = True) -> str:
    """The source's URL, password included; an embedded server is started first, unless `start` is false.

    Raises `errors.SourceUnavailable` for an embedded server that was never made: `db start` and `demo` make one, and
    nothing does in passing, where a name may be mistyped. Raises `errors.UsageError` where there is no [source].
    """
    _check_source(settings)
    if settings.embedded_root is None:
        return settings.source.url.get_secret_value()
    server = embedded(settings)
    url = server.url()
    if not start:
        return url
    server.start()
    return server.url()


def _check_source(settings: config.Settings) -> None:
    if settings.sources and "source" not in settings.model_fields_set:
        raise errors.UsageError(
            "the config has [[sources]] and no [source], which is the one that is written to",
            hint="add [source] with the url of the database that commands are for",
        )


def _written(settings: config.Settings) -> str:
    """The URL for those who write."""
    url = source_url(settings)
    return url if settings.embedded_root is None else _careful(url)


def job(
    settings: config.Settings, *, start: bool = True, sessions: OpenSessions | None = None, any_tables: bool = False
) -> Job:
    """What a sync, a comparison or a status needs; with `sessions`, these stay open between runs.

    Raises `errors.ConfigError` where the config names no tables, unless it doesn't matter that there are none.
    """
    from jobs.job import Job
    from jobs.sessions import Lease

    if not (settings.tables or any_tables):
        raise errors.ConfigError(
            "the config names no tables, so there is nothing to copy",
            hint='add [[tables]] with name = "schema.table" or "schema.*", or let neaptide init --force propose them',
        )
    if settings.sources:
        lease = Lease()
        parts = tuple(_part(settings, name, lease, start=start) for name in settings.parts)
        whole = Job(settings, "", parts=parts, whole=settings, lease=lease)
        return whole.with_sessions(sessions) if sessions is not None else whole
    url = source_url(settings, start=start)
    handed_on = broker_url(settings, start=start)
    if settings.embedded_root is None:
        return Job(settings, url, sessions, broker_url=handed_on)
    return Job(settings, _careful(embedded(settings).reader_url()), sessions, _careful(url), handed_on)


def _part(settings: config.Settings, name: str, lease: Lease, *, start: bool) -> Job:
    """The job of one of several sources; one without a server keeps no other from running."""
    from jobs.job import Job

    own, owner, away = settings.parts[name], "", None
    try:
        url = source_url(own, start=start)
        if own.embedded_root is not None:
            url, owner = _careful(embedded(own).reader_url()), _careful(url)
    except errors.SourceUnavailable as error:
        url, away = "", error
    return Job(own, url, owner_url=owner, part=name, whole=settings, away=away, lease=lease)


def broker(settings: config.Settings) -> EmbeddedBroker:
    """The embedded broker of the config. Raises `errors.UsageError` where there is another, or none."""
    from jobs.broker.server import EmbeddedBroker

    if settings.broker_root is None:
        raise errors.UsageError(
            "the config names no embedded broker", hint='set [events] broker = "embedded:var/nats" to use one'
        )
    return EmbeddedBroker(settings.broker_root)


def broker_url(settings: config.Settings, *, start: bool = True) -> str:
    """The broker's URL, its token included; empty where PostgreSQL itself hands events on, or nobody needs any.

    An embedded one is started first, unless `start` is false.
    """
    url = settings.events.broker.get_secret_value()
    if url == "postgres" or not settings.reads_events:
        return ""
    if settings.broker_root is None:
        return url
    server = broker(settings)
    if start:
        server.start()
    return server.url() if server.port() is not None else "nats://127.0.0.1:4222"


def _careful(url: str) -> str:
    """The embedded server's URL for whoever goes on using it: another process may have its port by then."""
    from app.oltp.embedded.process import LOGIN

    return f"{url}?require_auth={LOGIN}"


@contextmanager
def write_side(
    settings: config.Settings,
    dispatcher: Dispatcher | None = None,
    *,
    dual: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[UnitOfWorkFactory]:
    """Units of work on the source, whose connections are closed at the end; a dispatcher hears what was committed.

    With `dual`, and where `[sync] dual` says so, each commits the reporting file as well, or neither; `tell` hears what
    went wrong once nothing can be undone any more.
    """
    with extras.needed("demo"):
        from app.oltp import engine, uow

    database = engine.create(_written(settings), connect_timeout=settings.source.connect_timeout)
    try:
        if dual or settings.sync.dual:
            yield _dual_units(job(settings), database, dispatcher, tell)
        else:
            yield lambda: uow.SqlAlchemyUnitOfWork(database, dispatcher)
    finally:
        database.dispose()


def _dual_units(of: Job, db: Engine, dispatcher: Dispatcher | None, tell: Callable[[str], None]) -> UnitOfWorkFactory:
    from app.oltp.dual import DualUnitOfWork
    from jobs.run import dual

    return lambda: DualUnitOfWork(db, dispatcher, lambda conn: dual.opened(of, conn, tell))


def identify(settings: config.Settings, noun: str, name: str) -> UUID:
    """The id of a product by its SKU, a customer by reference, an order by number, as the source knows them now.

    Raises `app.domain.errors.DomainError` for one that isn't there.
    """
    with extras.needed("demo"):
        from app.oltp import engine, lookup

    database = engine.create(_written(settings), connect_timeout=settings.source.connect_timeout)
    try:
        return lookup.identify(database, noun, name)
    finally:
        database.dispose()


def migrate(settings: config.Settings) -> str:
    """Bring the shop's schema up to date and return the server's URL."""
    with extras.needed("demo"):
        from app.oltp import migrations

    url = source_url(settings)
    migrations.migrate(_written(settings))
    return url


def source_clock(settings: config.Settings) -> datetime:
    """The source's clock now, without asking it: what the age of the reporting file is worked out by."""
    from jobs.beside import target_names
    from jobs.targets.file import freshness

    return freshness.now(target_names.of(settings))


def reports(settings: config.Settings) -> Catalogue:
    """The reports of the config's folder."""
    from app.queries import reports

    return reports.found_in(settings.reports_path)


def reporting_file(
    settings: config.Settings,
    *,
    max_staleness: timedelta | None = None,
    timeout: timedelta | None = None,
    progress: Progress | None = None,
    sessions: OpenSessions | None = None,
    watched: Callable[[Job], AbstractContextManager[None]] = lambda _: nullcontext(),
    writes: Path | None = None,
) -> AbstractContextManager[store.Store]:
    """The published reporting file, brought up to date first where it is older than `max_staleness`.

    Raises `errors.TooStale` where that takes longer than `timeout`. One run serves all who wait for one.
    A program that asks often gives `sessions`, which make short runs several times as fast, and closes them at the end.
    The run goes on within `watched`, which may tell what it waits for. `writes` is the file that a result may go to.
    """
    from app.reporting import opening

    def clock() -> datetime:
        return source_clock(settings)

    refresh = refreshing.by(lambda: job(settings, sessions=sessions), timeout, progress, watched)
    return opening.open(
        settings.target_path,
        refresh=refresh,
        max_staleness=max_staleness,
        clock=clock,
        limits=_limits(settings, writes),
        lake=settings.lake,
    )


def live(
    settings: config.Settings,
    *,
    max_staleness: timedelta | None = None,
    timeout: timedelta | None = None,
    writes: Path | None = None,
    part: str | None = None,
) -> AbstractContextManager[store.Store]:
    """PostgreSQL itself, under the names and with the types of the reporting file, in one snapshot.

    Of several sources it is the `part` of that name, with its tables alone. Else it is the replica of `[read] url` if
    there is one: with `max_staleness` that is waited for, at most for `timeout` or as long as a query may take. The
    source itself is never stale. Raises `errors.TooStale`, and what a run would.
    """
    from jobs import live
    from jobs.job import Job
    from jobs.plan import sources
    from jobs.replica import Replica

    limits = _limits(settings, writes)
    if part is not None or settings.sources:
        return live.open(sources.chosen(job(settings), part), limits)
    if settings.read.url is None:
        return live.open(job(settings), limits)
    replica = Replica(job(settings, start=False), max_staleness, (timeout or limits.timeout).total_seconds())
    return live.open(Job(settings, settings.read.url.get_secret_value()), limits, replica)


def reading(
    settings: config.Settings,
    *,
    source: bool = False,
    max_staleness: timedelta | None = None,
    timeout: timedelta | None = None,
    sessions: OpenSessions | None = None,
    writes: Path | None = None,
    part: str | None = None,
    **given: Any,
) -> AbstractContextManager[store.Store]:
    """What answers come from: the reporting file, or PostgreSQL where `[read]` or who calls says so.

    `given` are what else `reporting_file` takes.
    """
    if source or settings.read.on_source:
        return live(settings, max_staleness=max_staleness, timeout=timeout, writes=writes, part=part)
    return reporting_file(
        settings, max_staleness=max_staleness, timeout=timeout, sessions=sessions, writes=writes, **given
    )


@contextmanager
def on_spark(settings: config.Settings, *, writes: Path | None = None, **given: Any) -> Iterator[store.Store]:
    """The lake of the config, with Spark to answer. `given` is what else `reporting_file` takes.

    Raises `errors.UsageError` where the target is no lake, and without Java, `errors.MissingExtra`, and
    `errors.SparkUnavailable` once a question is asked.
    """
    lake = settings.lake
    if lake is None:
        raise errors.UsageError(
            "Spark reads a lake, and the target is a file",
            hint="see docs/scale.md; DuckDB answers without --engine spark",
        )
    if "://" in lake.data:
        raise errors.UsageError("Spark reads a lake whose files lie in a folder, and these lie in an object store")
    with extras.needed("spark"):
        import pyspark  # noqa: F401  it is asked for before anything is read
    from app.config.sections import java_size
    from app.spark import cluster, java
    from app.spark import store as spark

    java.checked()
    driver = java_size(settings.query.memory_limit)
    place = cluster.Cluster(settings.spark.master, settings.spark.java_memory, settings.spark.patience, driver)
    limits = _limits(settings, writes)
    with reporting_file(settings, **given) as base, spark.opened(base, lake, place, limits) as answering:
        yield answering


def _limits(settings: config.Settings, writes: Path | None) -> Limits:
    from app import execution

    return execution.Limits(**settings.query.model_dump(), writes=writes)
