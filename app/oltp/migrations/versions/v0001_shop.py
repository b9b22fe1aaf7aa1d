"""The shop: products, customers, orders, payments, financings."""

from __future__ import annotations

from alembic import op

from app import statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# In the order in which they refer to each other.
FILES = (
    "stamp",
    "products",
    "customers",
    "orders",
    "order_items",
    "order_returns",
    "payments",
    "financings",
    "instalments",
)


def upgrade() -> None:
    """Run every block of every file."""
    for file in FILES:
        for statement in statements.load(f"shop/{file}").values():
            op.execute(statement)
