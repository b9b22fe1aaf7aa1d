"""Neaptide: commands write to PostgreSQL, a scheduled job copies what changed, reports read a DuckDB file."""

__version__ = "0.1.0"
