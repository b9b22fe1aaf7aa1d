"""A lake as the target: a catalog in PostgreSQL, Parquet files in a folder, and one writer at a time."""
