"""What a target says of itself: whose copy it is, how far each table was read, and the runs."""
