"""The PostgreSQL that is read, and all that a run knows of it at one snapshot."""
