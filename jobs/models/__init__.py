"""Read models: tables made for reading, each a SELECT that every run keeps its table equal to."""
