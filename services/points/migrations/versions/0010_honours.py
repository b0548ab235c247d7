"""An honour that was redeemed and collected has a certificate that anybody can verify."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

APP_ROLE = "points"


def upgrade() -> None:
    """See models/certificates.py."""
    op.create_table(
        "honour_certificates",
        sa.Column("redemption_id", sa.Uuid(), nullable=False),
        sa.Column("certificate_no", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("resident_no", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["redemption_id"],
            ["redemptions.redemption_id"],
            name=op.f("fk_honour_certificates_redemption_id_redemptions"),
        ),
        sa.PrimaryKeyConstraint("redemption_id", name=op.f("pk_honour_certificates")),
        sa.UniqueConstraint("certificate_no", name=op.f("uq_honour_certificates_certificate_no")),
        sa.UniqueConstraint("code", name=op.f("uq_honour_certificates_code")),
    )
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON honour_certificates FROM {APP_ROLE}")


def downgrade() -> None:
    op.drop_table("honour_certificates")
