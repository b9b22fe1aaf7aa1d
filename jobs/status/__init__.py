"""How the reporting file and its daemon stand."""
