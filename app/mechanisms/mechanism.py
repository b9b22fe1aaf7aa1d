"""The ways that are compared: what the config says for each, and what each needs. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mechanism:
    """One way. `settings` is its config; without any, nothing is copied and readers ask the source.

    `told` is what a writer does beside each row, in the same transaction: SQL, in which %(key)s is the row's. Where it
    is `dual`, the writer commits the file as well. A `broker` hands on what is told. Readers ask
    a `replica` of the source.
    """

    name: str
    settings: str
    consistency: str
    needs: str
    rights: str
    tells: bool = False
    dual: bool = False
    broker: bool = False
    replica: bool = False

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
        "nats", '[schedule]\nevery = "10s"\n[sync]\nfeed = "events"\n[events]\nbroker = "embedded:nats"\n',
        _ONE_SNAPSHOT, "writers that tell, a NATS server", "owner of the tables, once", tells=True, broker=True,
    ),
    Mechanism(
        "dual", '[schedule]\nevery = "10s"\nwake_on_commit = false\n', "one snapshot and the write",
        "max_prepared_transactions", "owner of the tables, once", dual=True,
    ),
    Mechanism("replica", "", "what it has replayed", "a hot standby", "SELECT", replica=True),
    Mechanism("one database", "", "at once", "nothing", "SELECT"),
)  # fmt: skip
NAMES = tuple(one.name for one in MECHANISMS)
