"""Tables with a history of commits, and transactions that write to them, each a version in the model."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.sessions import OpenSessions
from tests.support.histories import Attempt, Replay
from tests.support.syncing import Lab

# The columns that each table has more.
MODES = {"plain": "", "large": ", body text DEFAULT repeat('x', 5000)"}


def made(url: str, folder: Path, modes: Collection[str] = tuple(MODES), **given: Any) -> Replay:
    """A table for each mode, with a history of commits, synced once."""
    specs = [{"name": f"public.{name}", "feed": "wal", "history": "commits"} for name in modes]
    lab = Lab(url, folder, specs, keep=OpenSessions(), **given)
    # Transactions are sent in pieces, before they end, from this size on.
    lab.run(f"ALTER DATABASE {url.rpartition('/')[2]} SET logical_decoding_work_mem = '64kB'")
    for name in modes:
        lab.run(
            f"CREATE TABLE {name} (id int PRIMARY KEY, n int, note text{MODES[name]})",
            f"INSERT INTO {name} SELECT g, g, 'first' FROM generate_series(1, 5) AS g",
        )
        if MODES[name]:
            lab.run(
                f"ALTER TABLE {name} ALTER body SET STORAGE EXTERNAL", f"UPDATE {name} SET body = repeat('z', 9000)"
            )
    lab.track()
    replay = Replay(lab, [spec["name"] for spec in specs])
    attempt = replay.begun()
    lab.sync()
    replay.note(attempt)
    replay.checked()
    return replay


def committed(replay: Replay, *statements: str) -> None:
    """One transaction that writes to each table: a version of what it left."""
    since = datetime.now(UTC)
    with replay.lab.connect(autocommit=False) as conn:
        for statement in statements:
            for name in replay.tables:
                if "body" not in statement or name != "public.plain":
                    conn.execute(statement.replace("{t}", name).encode())
    states = {table: replay.state(table) for table in replay.tables}
    replay.attempts.append(Attempt(since, datetime.now(UTC), states))


def versions(lab: Lab, table: str, what: str) -> list[tuple[Any, ...]]:
    """Of each version so much, in their order."""
    with lab.published() as file:
        file.execute("SET TimeZone = 'UTC'")
        return file.execute(f"SELECT {what} FROM history.{table} ORDER BY valid_from, id").fetchall()
