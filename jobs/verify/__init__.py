"""Both sides compared at one snapshot, and mended."""
