"""Changes that events tell of, written by whoever writes the rows; a slow sweep finds what was written without one."""
