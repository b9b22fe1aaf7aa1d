"""The page: reports as pictures, freshness as it ticks, exports. It reads the reporting file, and writes nothing."""
