"""Neaptide: commands write to PostgreSQL, a scheduled job copies what changed, reports read a DuckDB file."""
