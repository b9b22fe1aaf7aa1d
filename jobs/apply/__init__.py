"""How changes get into a table of the file."""
