"""Mutants of `[read]`: what counts as a replica of the source, and when it has come far enough."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

READ = "tests/integration/test_read_source.py::"
WAITED = READ + "test_a_replica_answers_as_of_its_replay_and_is_waited_for"

MUTANTS = (
    Mutant(
        "a server that replays no log passes for a replica",
        "jobs/replica.py",
        "if not replica.standby:",
        "if False:",
        READ + "test_a_server_that_is_no_replica_of_the_source_is_refused",
    ),
    Mutant(
        "another database passes for a replica of the source",
        "jobs/replica.py",
        "if here != there:",
        "if False:",
        READ + "test_another_database_of_the_same_servers_is_no_replica_and_a_known_one_needs_no_source",
    ),
    Mutant(
        "a replica is not waited for", "jobs/replica.py", "while not _has(replica, reached):", "while False:", WAITED
    ),
    Mutant(
        "a replica has the moment of the source before it was waited for",
        "sql/sync/source.sql",
        "WHEN pg_is_in_recovery() THEN least(now(), greatest(c.checkpoint_time, pg_last_xact_replay_timestamp()))\n"
        "        ELSE now()\n    END AS as_of,",
        "WHEN pg_is_in_recovery() THEN now()\n        ELSE now()\n    END AS as_of,",
        WAITED,
    ),
    Mutant(
        "where PostgreSQL answers, a query reads the file",
        "app/bootstrap.py",
        "if source or settings.read.on_source:",
        "if source:",
        READ + "test_without_a_file_everything_that_reads_asks_postgresql",
    ),
)
