"""Every SQL statement that is not built from identifiers; read by `app.statements`."""
