"""The ways that are compared: what the config says for each, and what each needs. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mechanism:
    """One way. `settings` is its config; without any, nothing is copied and readers ask the source.

    `told` is what a writer does beside each row, in the same transaction: SQL, in which %(key)s is the row's. Where it
    is `dual`, the writer commits the file as well.
    """

    name: str
    settings: str
    consistency: str
    needs: str
    rights: str
    tells: bool = False
    dual: bool = False

    @property
    def copies(self) -> bool:
        """Whether there is a second database at all."""
        return bool(self.settings)


_NO_WAKE = '[schedule]\nevery = "1s"\nwake_on_commit = false\n'
_ONE_SNAPSHOT = "one snapshot"
MECHANISMS = (
    Mechanism("job, every second", _NO_WAKE, _ONE_SNAPSHOT, "nothing", "owner of the tables, once"),
    Mechanism("watermark", '[schedule]\nevery = "10s"\n', _ONE_SNAPSHOT, "nothing", "owner of the tables, once"),
    Mechanism(
        "wal", '[schedule]\nevery = "10s"\n[sync]\nfeed = "wal"\n', _ONE_SNAPSHOT, "wal_level = logical",
        "REPLICATION; owner of the tables, once",
    ),
    Mechanism(
        "events", '[schedule]\nevery = "10s"\n[sync]\nfeed = "events"\n', _ONE_SNAPSHOT, "writers that tell",
        "owner of the tables, once", tells=True,
    ),
    Mechanism(
        "dual", '[schedule]\nevery = "10s"\nwake_on_commit = false\n', "one snapshot and the write",
        "max_prepared_transactions", "owner of the tables, once", dual=True,
    ),
    Mechanism("one database", "", "at once", "nothing", "SELECT"),
)  # fmt: skip
NAMES = tuple(one.name for one in MECHANISMS)
