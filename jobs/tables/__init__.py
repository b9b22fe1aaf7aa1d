"""Which tables, columns and rows the config wants, and how each is followed. Pure."""
