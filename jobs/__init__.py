"""The sync: copies what changed in any PostgreSQL into a DuckDB file, exactly."""
