"""One-line changes that open a trap each, and the test that must then fail: `make mutants`."""
