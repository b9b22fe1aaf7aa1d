"""Run by alembic: the migrations, on the connection and in the transaction that `migrate` opened."""

from __future__ import annotations

from alembic import context

from app.oltp.tables import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
