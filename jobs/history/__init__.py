"""Every version of a table's rows that a run has seen, beside the table."""
