"""What differs from one PostgreSQL to the next, on each of them: `make test-servers`."""
