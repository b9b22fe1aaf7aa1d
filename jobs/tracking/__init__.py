"""What is installed on the source: triggers, stamps, tombstones."""
