"""What partners hand out for redemptions, and the claims that were refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables; see models.py for what each is."""
    op.create_table(
        "redemptions",
        sa.Column("redemption_no", sa.Text, primary_key=True),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("reward", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("due_at", _INSTANT),
        sa.Column("told_at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "state IN ('held', 'collected', 'released')", name=op.f("ck_redemptions_state")
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_redemptions_quantity")),
    )
    op.create_index("ix_redemptions_newest", "redemptions", ["slug", "told_at"])
    op.create_table(
        "refused_claims",
        sa.Column("claim_id", sa.Uuid, primary_key=True),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("source_event_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("redemption_no", sa.Text),
        sa.Column("refused_at", _INSTANT, nullable=False),
    )
    op.create_index("ix_refused_claims_newest", "refused_claims", ["slug", "refused_at"])
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON refused_claims FROM partners")


def downgrade() -> None:
    """Drop both."""
    op.drop_table("refused_claims")
    op.drop_table("redemptions")
