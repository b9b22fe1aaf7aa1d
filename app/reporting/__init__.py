"""The reporting file, the only door to it: read-only, locked down, and every answer says how fresh it is."""
