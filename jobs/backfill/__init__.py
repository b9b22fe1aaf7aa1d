"""Some rows of a table read anew, and mended where they differ: `neaptide backfill`."""
