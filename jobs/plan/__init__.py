"""What is to be done, decided from what both sides say. Pure."""
