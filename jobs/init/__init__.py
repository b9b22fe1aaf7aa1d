"""A first config for a database that is there already."""
