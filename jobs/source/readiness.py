"""What tables, roles and servers lack for the modes that the config asks for."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from ipaddress import ip_address

from app import errors, statements
from jobs.source.connection import Connection
from jobs.source.position import Identity
from jobs.tables.table import Table


def tombstones_readable(conn: Connection) -> bool:
    """Whether `neaptide.tombstone` is there. Raises `errors.AccessDenied` where this role may not read it."""
    row = conn.execute(statements.get("catalogue", "tombstones_exist")).fetchone()
    assert row is not None
    if row["there"] and not row["readable"]:
        raise errors.AccessDenied(
            "the role may not read neaptide.tombstone",
            hint="GRANT USAGE ON SCHEMA neaptide TO the reading role, and SELECT ON neaptide.tombstone, neaptide.purge",
        )
    return bool(row["there"])


def check_tracked(conn: Connection, wanted: Iterable[Table]) -> dict[str, errors.NeaptideError]:
    """Why tables lack what their modes need, by name; empty where none does."""
    failures: dict[str, errors.NeaptideError] = {}
    for table in wanted:
        lack = table.lack
        if lack:
            track = f"run `neaptide track {shlex.quote(table.source_name)}`, or `--print` its SQL for a DBA"
            hint = f'{track}; or set watermark = "none", which compares all of it at each run'
            failures[table.name] = errors.NotTracked(lack, hint=hint)
    if any(table.deletes.recorded and table.stamp for table in wanted):
        tombstones_readable(conn)
    return failures


def check_standby(identity: Identity, wanted: Iterable[Table]) -> None:
    """A standby doesn't show the primary's transactions, so there is no floor: only xid and none are exact there."""
    if not identity.standby:
        return
    for table in wanted:
        if table.mode.by_clock:
            raise errors.NotTracked(
                f'{table.source_name}: the source is a hot standby, where watermark = "updated_at" is not exact',
                hint='set watermark = "xid" and run `neaptide track` on the primary',
            )
        if table.mode.from_log:
            raise errors.NotTracked(
                f'{table.source_name}: the source is a hot standby, whose log feed = "wal" does not read',
                hint='read from the primary, or set watermark = "xid" and run `neaptide track` there',
            )


def check_hashed(conn: Connection, table: Table) -> None:
    """Raise `errors.ConfigError` where what a hash is computed with would get about: it is as good as the key."""
    if "hash" not in table.spec.mask.values():
        return
    if table.runs_code:
        what = "where calls functions of others" if table.holds_rows else "it is a view, or a foreign table"
        raise errors.ConfigError(
            f'{table.source_name} can\'t be masked by "hash": {what}, whose owners could learn the key',
            hint='take "redact", "partial" or "null", or mask the tables that it reads',
        )
    if not (conn.pgconn.ssl_in_use or _is_local(conn.info.hostaddr)):
        raise errors.ConfigError(
            f'{table.source_name} can\'t be masked by "hash" over a connection in clear: who listens learns the key',
            hint="have the server speak TLS, and add sslmode=require to [source] url",
        )


def _is_local(address: str) -> bool:
    """Whether this is the address of a socket on this machine; a Unix socket has none."""
    return not address or ip_address(address).is_loopback
