"""Public notices, their lines and objections; and what the database itself holds of their law."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UNDECIDED = "state IN ('waiting', 'shown', 'disputed')"

# Facts of a line never change, and no state follows one that is final.
_FOLLOW = """
CREATE FUNCTION follow_public_notice_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.state, NEW.state) NOT IN (
    ('waiting', 'shown'), ('waiting', 'reversed'), ('shown', 'disputed'), ('shown', 'posted'),
    ('shown', 'reversed'), ('disputed', 'shown'), ('disputed', 'reversed')
  ) THEN
    RAISE EXCEPTION 'public notice: a line cannot go from % to %', OLD.state, NEW.state;
  END IF;
  IF OLD.notice_id IS NOT NULL AND (OLD.notice_id, OLD.line_no) <> (NEW.notice_id, NEW.line_no)
  THEN
    RAISE EXCEPTION 'public notice: a line that was shown stays in its notice';
  END IF;
  RETURN NEW;
END $$
"""
_ONCE = """
CREATE FUNCTION decide_objection_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'public notice: an objection is decided once';
END $$
"""
# At commit, for whoever's pending points moved: they are what the undecided lines say. So points
# that are on notice leave only with their line, which the checks let go no sooner than its end.
_PENDING = """
CREATE FUNCTION check_pending_points() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  who text;
  held bigint;
  listed bigint;
BEGIN
  IF TG_TABLE_NAME = 'accounts' THEN
    who := NEW.owner;
  ELSE
    who := NEW.resident_no;
  END IF;
  SELECT balance INTO held FROM accounts
  WHERE owner = who AND owner_kind = 'pending' AND asset = 'points';
  SELECT sum(points) INTO listed FROM public_notice_lines
  WHERE resident_no = who AND state IN ('waiting', 'shown', 'disputed');
  IF coalesce(held, 0) <> coalesce(listed, 0) THEN
    RAISE EXCEPTION 'public notice: % has % points pending, but % on notice',
      who, coalesce(held, 0), coalesce(listed, 0);
  END IF;
  RETURN NULL;
END $$
"""
_TRIGGERS = (
    "CREATE TRIGGER follow_public_notice_line BEFORE UPDATE ON public_notice_lines"
    " FOR EACH ROW EXECUTE FUNCTION follow_public_notice_line()",
    "CREATE TRIGGER decide_objection_once BEFORE UPDATE ON objections FOR EACH ROW"
    " WHEN (OLD.decided_at IS NOT NULL) EXECUTE FUNCTION decide_objection_once()",
    "CREATE CONSTRAINT TRIGGER check_pending_points AFTER UPDATE ON public_notice_lines"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    " WHEN (NEW.state IN ('posted', 'reversed')) EXECUTE FUNCTION check_pending_points()",
    "CREATE CONSTRAINT TRIGGER check_pending_points AFTER UPDATE ON accounts"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    " WHEN (NEW.owner_kind = 'pending' AND NEW.asset = 'points' AND OLD.balance <> NEW.balance)"
    " EXECUTE FUNCTION check_pending_points()",
)


def upgrade() -> None:
    """Create the tables; see models/public_notices.py for what each is."""
    _create_notices()
    _create_lines()
    _create_objections()
    for function in (_FOLLOW, _ONCE, _PENDING):
        op.execute(function)
    for trigger in _TRIGGERS:
        op.execute(trigger)
    _grant()


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _create_notices() -> None:
    op.create_table(
        "public_notices",
        sa.Column("notice_id", sa.Uuid, primary_key=True),
        sa.Column("notice_no", sa.Text, nullable=False),
        sa.Column("community_code", sa.Text, nullable=False),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        sa.Column("days", sa.SmallInteger, nullable=False),
        _moment("published_at"),
        _moment("ends_at"),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("line_count", sa.Integer, nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        _moment("closed_at", nullable=True),
        sa.UniqueConstraint("notice_no", name="uq_public_notices_notice_no"),
        sa.UniqueConstraint(
            "notice_id",
            "published_at",
            "ends_at",
            name="uq_public_notices_notice_id_published_at_ends_at",
        ),
        sa.UniqueConstraint("notice_id", "made_by", name="uq_public_notices_notice_id_made_by"),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_public_notices_period")),
        sa.CheckConstraint(
            "days >= 1 AND ends_at - published_at >= days * interval '24 hours'",
            name=op.f("ck_public_notices_days"),
        ),
        sa.CheckConstraint("line_count > 0 AND points > 0", name=op.f("ck_public_notices_lines")),
        sa.CheckConstraint("closed_at >= ends_at", name=op.f("ck_public_notices_closed")),
    )
    op.create_index(
        "ix_public_notices_open",
        "public_notices",
        ["ends_at"],
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_public_notices_published_at", "public_notices", ["published_at"])


def _create_lines() -> None:
    op.create_table(
        "public_notice_lines",
        sa.Column("award_id", sa.Uuid, primary_key=True),
        sa.Column("resident_no", sa.Text, nullable=False),
        sa.Column("community_code", sa.Text, nullable=False),
        sa.Column("on_date", sa.Date, nullable=False),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("expires_on", sa.Date, nullable=False),
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("days", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        _moment("listed_at"),
        sa.Column("notice_id", sa.Uuid),
        sa.Column("line_no", sa.Integer),
        _moment("published_at", nullable=True),
        _moment("ends_at", nullable=True),
        _moment("posted_at", nullable=True),
        sa.Column(
            "document_id",
            sa.Uuid,
            sa.ForeignKey(
                "documents.document_id", name="fk_public_notice_lines_document_id_documents"
            ),
        ),
        sa.UniqueConstraint(
            "award_id", "notice_id", name="uq_public_notice_lines_award_id_notice_id"
        ),
        sa.UniqueConstraint(
            "notice_id", "line_no", name="uq_public_notice_lines_notice_id_line_no"
        ),
        sa.ForeignKeyConstraint(
            ["notice_id", "published_at", "ends_at"],
            ["public_notices.notice_id", "public_notices.published_at", "public_notices.ends_at"],
            name="fk_public_notice_lines_notice",
        ),
        *_line_checks(),
    )
    for name, columns, states in (
        ("waiting", ["community_code", "on_date"], "state = 'waiting'"),
        ("undecided", ["resident_no"], _UNDECIDED),
        ("due", ["notice_id", "resident_no"], "state IN ('shown', 'disputed')"),
    ):
        op.create_index(
            f"ix_public_notice_lines_{name}",
            "public_notice_lines",
            columns,
            postgresql_where=sa.text(states),
        )


def _line_checks() -> list[sa.CheckConstraint]:
    checks = {
        "amounts": "points > 0 AND days >= 1",
        "state": "state IN ('waiting', 'shown', 'disputed', 'posted', 'reversed')",
        "notice": "num_nulls(notice_id, line_no, published_at, ends_at) IN (0, 4)"
        " AND (state <> 'waiting' OR notice_id IS NULL)"
        " AND (state IN ('waiting', 'reversed') OR notice_id IS NOT NULL)",
        "days": "ends_at - published_at >= days * interval '24 hours'",
        "posted": "(state = 'posted') = (posted_at IS NOT NULL)"
        " AND (posted_at IS NULL OR posted_at >= ends_at)",
        "reversed": "(state = 'reversed') = (document_id IS NOT NULL)",
    }
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_public_notice_lines_{name}"))
        for name, rule in checks.items()
    ]


def _create_objections() -> None:
    op.create_table(
        "objections",
        sa.Column("objection_id", sa.Uuid, primary_key=True),
        sa.Column("award_id", sa.Uuid, nullable=False),
        sa.Column("notice_id", sa.Uuid, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("raised_by", sa.Text, nullable=False),
        sa.Column("raised_role", sa.Text, nullable=False),
        _moment("raised_at"),
        sa.Column("outcome", sa.Text),
        sa.Column("decision", sa.Text),
        sa.Column("decided_by", sa.Text),
        _moment("decided_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["award_id", "notice_id"],
            ["public_notice_lines.award_id", "public_notice_lines.notice_id"],
            name="fk_objections_line",
        ),
        sa.ForeignKeyConstraint(
            ["notice_id", "made_by"],
            ["public_notices.notice_id", "public_notices.made_by"],
            name="fk_objections_notice",
        ),
        sa.CheckConstraint(
            "reason IN ('not_done', 'wrong_amount', 'wrong_person', 'twice', 'other')",
            name=op.f("ck_objections_reason"),
        ),
        sa.CheckConstraint(
            "outcome IN ('dismissed', 'upheld')", name=op.f("ck_objections_outcome")
        ),
        sa.CheckConstraint(
            "num_nulls(outcome, decision, decided_by, decided_at) IN (0, 4)",
            name=op.f("ck_objections_decided"),
        ),
        sa.CheckConstraint(
            "decided_by <> raised_by AND decided_by <> made_by",
            name=op.f("ck_objections_four_eyes"),
        ),
    )
    op.create_index(
        "uq_objections_once",
        "objections",
        ["award_id", "raised_by"],
        unique=True,
        postgresql_where=sa.text("raised_role <> 'staff' OR decided_at IS NULL"),
    )
    op.create_index(
        "ix_objections_open",
        "objections",
        ["raised_at"],
        postgresql_where=sa.text("decided_at IS NULL"),
    )


def _grant() -> None:
    # What was listed, published and said stays; only how it goes on is written to it.
    changes = {
        "public_notices": "closed_at",
        "public_notice_lines": "state, notice_id, line_no, published_at, ends_at, posted_at,"
        " document_id",
        "objections": "outcome, decision, decided_by, decided_at",
    }
    for table, columns in changes.items():
        op.execute(f"REVOKE ALL ON {table} FROM points")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ({columns}) ON {table} TO points")


def downgrade() -> None:
    """Drop everything; points that are pending stay in their accounts."""
    op.execute("DROP TRIGGER check_pending_points ON accounts")
    for table in ("objections", "public_notice_lines", "public_notices"):
        op.drop_table(table)
    for function in ("follow_public_notice_line", "decide_objection_once", "check_pending_points"):
        op.execute(f"DROP FUNCTION {function}")
