"""One DuckDB session of a run: PostgreSQL attached as `pg`, the target as `out`."""
