"""Changes found in the write-ahead log: keys from a replication slot's stream, rows from the run's snapshot."""
