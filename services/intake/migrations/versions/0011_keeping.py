"""How long what is no request is kept."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

APP_ROLE = "intake"
_FIRST_DAY = date(2020, 1, 1)
_KEPT = {"hall_application": 1095, "hall_appointment": 365, "scan": 90, "verdict_link": 30}
_ENDED = sa.text("state IN ('done', 'refused', 'withdrawn')")
# What was done in the hall is never rewritten but for this: an ended application is erased whole.
_ERASE = """
CREATE FUNCTION erase_hall_steps(erased bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
    DELETE FROM hall_steps s USING hall_applications a
    WHERE a.id = s.application_id AND a.id = ANY(erased)
    AND a.state IN ('done', 'refused', 'withdrawn')
$$
"""


def upgrade() -> None:
    """See models/keeping.py and rules/keeping.py."""
    rules = op.create_table(
        "keeping_rules",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("keep_days", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "subject IN ('hall_application', 'hall_appointment', 'scan', 'verdict_link')",
            name=op.f("ck_keeping_rules_subject"),
        ),
        sa.CheckConstraint(
            "keep_days BETWEEN 7 AND 36500", name=op.f("ck_keeping_rules_keep_days")
        ),
        sa.PrimaryKeyConstraint("subject", "starts_on", name=op.f("pk_keeping_rules")),
    )
    op.bulk_insert(
        rules,
        [
            {"subject": subject, "starts_on": _FIRST_DAY, "keep_days": days}
            for subject, days in _KEPT.items()
        ],
    )
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON keeping_rules FROM {APP_ROLE}")
    op.create_index(
        "ix_hall_applications_keeping", "hall_applications", ["updated_at"], postgresql_where=_ENDED
    )
    op.create_index("ix_scans_scanned_at", "scans", ["scanned_at"])
    op.execute("CREATE INDEX ix_verdict_links_over ON verdict_links (least(expires_at, used_at))")
    op.execute(_ERASE)
    op.execute("REVOKE ALL ON FUNCTION erase_hall_steps FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION erase_hall_steps TO {APP_ROLE}")


def downgrade() -> None:
    op.execute("DROP FUNCTION erase_hall_steps")
    op.drop_index("ix_verdict_links_over", "verdict_links")
    op.drop_index("ix_scans_scanned_at", "scans")
    op.drop_index("ix_hall_applications_keeping", "hall_applications")
    op.drop_table("keeping_rules")
