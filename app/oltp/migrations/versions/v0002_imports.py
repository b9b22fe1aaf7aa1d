"""How far imports have come, and what became of each line."""

from __future__ import annotations

from alembic import op

from app import statements

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run every block of the file."""
    for statement in statements.load("shop/imports").values():
        op.execute(statement)
