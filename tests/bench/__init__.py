"""Measurements. `make bench` runs them; nothing here is a test, and nothing here fails for being slow."""
