"""The same work with other tools that copy PostgreSQL into DuckDB, each in an environment of its own."""
