"""A real PostgreSQL of one's own, from a wheel: in a folder, on 127.0.0.1, without set-up."""
