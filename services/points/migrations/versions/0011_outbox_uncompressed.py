"""Outbox rows are not compressed: they live for milliseconds."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Compressing a row and unpacking it again cost more than all else about the outbox."""
    op.execute("ALTER TABLE outbox ALTER COLUMN items SET STORAGE EXTERNAL")


def downgrade() -> None:
    """As PostgreSQL does by itself."""
    op.execute("ALTER TABLE outbox ALTER COLUMN items SET STORAGE EXTENDED")
