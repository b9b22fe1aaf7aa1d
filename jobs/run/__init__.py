"""One run: gather, plan, apply, publish."""
