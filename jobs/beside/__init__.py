"""What lies beside a target: its names, and the small files and notes that belong to it."""
