"""How far a table was read: the exact rule. Pure."""
