"""What becomes of a value on its way from PostgreSQL to DuckDB. Pure."""
