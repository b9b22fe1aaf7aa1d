"""Hours of everything at once: `make soak`."""
