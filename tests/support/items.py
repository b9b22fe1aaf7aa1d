"""A table of a hundred rows, with which a lab begins."""

from __future__ import annotations

from tests.support.syncing import Lab


def begun(lab: Lab, *statements: str) -> Lab:
    """The lab with the table, tracked, the statements executed, and synced until both files exist."""
    lab.run(
        "CREATE TABLE item (id bigint PRIMARY KEY, name text)",
        "INSERT INTO item SELECT g, 'row ' || g FROM generate_series(1, 100) AS g",
    )
    lab.track()
    lab.run(*statements)
    for _ in range(2):
        lab.sync()
        lab.run("UPDATE item SET name = name || '.' WHERE id = 1")
    lab.sync()
    return lab
