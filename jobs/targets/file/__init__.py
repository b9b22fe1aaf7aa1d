"""A DuckDB file that is replaced at each publish."""
