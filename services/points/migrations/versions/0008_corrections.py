"""Corrections that two people make, paper books brought in, and flags for a person to judge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_DECIDED = "num_nulls(checked_by, checked_at, decision)"

# What was decided stays decided, whoever writes.
_ONCE = """
CREATE FUNCTION keep_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%: decided once, and for good', TG_TABLE_NAME;
END $$
"""


def upgrade() -> None:
    """Create the tables; see models/corrections.py, models/imports.py and models/flags.py."""
    _create_corrections()
    _create_reversals()
    _create_debts()
    _create_imports()
    _create_flags()
    _create_spans()
    op.execute(_ONCE)
    for table in ("corrections", "flags"):
        op.execute(
            f"CREATE TRIGGER keep_decided BEFORE UPDATE ON {table} FOR EACH ROW"
            " WHEN (OLD.state <> 'open') EXECUTE FUNCTION keep_decided()"
        )
    _grant()


def _document(name: str = "document_id", *, table: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(
        name,
        sa.Uuid,
        sa.ForeignKey("documents.document_id", name=f"fk_{table}_{name}_documents"),
        nullable=nullable,
    )


def _create_corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("correction_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Uuid),
        sa.Column("policy", sa.Text),
        sa.Column("resident_no", sa.Text),
        sa.Column("body", postgresql.JSONB, nullable=False),
        sa.Column("reason_code", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("checked_by", sa.Text),
        sa.Column("checked_at", _MOMENT),
        sa.Column("decision", sa.Text),
        _document(table="corrections", nullable=True),
        sa.UniqueConstraint("document_id", name="uq_corrections_document_id"),
        *_correction_checks(),
    )
    op.create_index(
        "uq_corrections_open",
        "corrections",
        ["subject_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_corrections_made_at", "corrections", ["made_at"])
    op.create_index("ix_corrections_resident_no", "corrections", ["resident_no"])


def _correction_checks() -> list[sa.CheckConstraint]:
    checks = {
        "kind": "kind IN ('award_reversal', 'document_reversal', 'adjustment', 'import')",
        "policy": "policy IN ('only_pending', 'within_balance', 'debt')",
        "policy_of": "(policy IS NOT NULL) = (kind IN ('award_reversal', 'document_reversal'))",
        "subject": "(subject_id IS NULL) = (kind = 'adjustment')",
        "reason": "length(reason) BETWEEN 4 AND 500",
        "state": "state IN ('open', 'approved', 'refused', 'lapsed')",
        "four_eyes": "checked_by <> made_by",
        "decided": f"{_DECIDED} = CASE WHEN state IN ('approved', 'refused') THEN 0 ELSE 3 END",
        "posted": "(state = 'approved') = (document_id IS NOT NULL)",
        "in_time": "made_at < expires_at AND checked_at < expires_at",
    }
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_corrections_{name}"))
        for name, rule in checks.items()
    ]


def _create_reversals() -> None:
    op.create_table(
        "reversals",
        sa.Column("subject_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        _document(table="reversals"),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("document_id", name="uq_reversals_document_id"),
        sa.CheckConstraint("kind IN ('award', 'document')", name=op.f("ck_reversals_kind")),
        sa.CheckConstraint("subject_id <> document_id", name=op.f("ck_reversals_two")),
    )
    op.create_table(
        "reversal_parts",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column(
            "document_id",
            sa.Uuid,
            sa.ForeignKey("reversals.document_id", name="fk_reversal_parts_document_id_reversals"),
            nullable=False,
            index=True,
        ),
        sa.Column("account_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("expires_on", sa.Date),
        sa.Column("source_id", sa.Integer),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("due", "taken", "ended", "owed", "unrecovered")
        ),
        sa.CheckConstraint(
            "least(due, taken, ended, owed, unrecovered) >= 0"
            " AND due = taken + ended + owed + unrecovered",
            name=op.f("ck_reversal_parts_amounts"),
        ),
    )


def _create_debts() -> None:
    op.create_table(
        "debts",
        sa.Column("debt_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        _document(table="debts"),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("remaining", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("checked_by", sa.Text, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_debts_amount")),
        sa.CheckConstraint("remaining BETWEEN 0 AND amount", name=op.f("ck_debts_remaining")),
        sa.CheckConstraint("checked_by <> made_by", name=op.f("ck_debts_four_eyes")),
    )
    op.create_index(
        "ix_debts_open", "debts", ["account_id"], postgresql_where=sa.text("remaining > 0")
    )
    op.create_table(
        "debt_payments",
        sa.Column(
            "debt_id",
            sa.BigInteger,
            sa.ForeignKey("debts.debt_id", name="fk_debt_payments_debt_id_debts"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column(
            "document_id",
            sa.Uuid,
            sa.ForeignKey("documents.document_id", name="fk_debt_payments_document_id_documents"),
            primary_key=True,
        ),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_debt_payments_amount")),
    )


def _create_imports() -> None:
    op.create_table(
        "paper_imports",
        sa.Column("import_id", sa.Uuid, primary_key=True),
        sa.Column("file_hash", sa.LargeBinary, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("rows", postgresql.JSONB, nullable=False),
        sa.Column("row_count", sa.Integer, nullable=False),
        sa.Column("problems", postgresql.JSONB, nullable=False),
        sa.Column("problem_count", sa.Integer, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False, index=True),
        sa.CheckConstraint("format IN ('xlsx', 'csv')", name=op.f("ck_paper_imports_format")),
        sa.CheckConstraint("length(file_hash) = 32", name=op.f("ck_paper_imports_file_hash")),
    )
    op.create_table(
        "import_rows",
        sa.Column(
            "import_id",
            sa.Uuid,
            sa.ForeignKey("paper_imports.import_id", name="fk_import_rows_import_id_paper_imports"),
            primary_key=True,
        ),
        sa.Column("row_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("row_hash", sa.LargeBinary, nullable=False),
        sa.Column("book_no", sa.Text, nullable=False),
        sa.Column("line_no", sa.Integer, nullable=False),
        sa.Column("resident_no", sa.Text, nullable=False),
        sa.Column("on_date", sa.Date, nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("service_minutes", sa.BigInteger, nullable=False),
        sa.Column("honour_points", sa.BigInteger, nullable=False),
        sa.Column("expires_on", sa.Date),
        _document(table="import_rows"),
        _document("reverted_by", table="import_rows", nullable=True),
        sa.CheckConstraint(
            "least(points, service_minutes, honour_points) >= 0"
            " AND points + service_minutes + honour_points > 0",
            name=op.f("ck_import_rows_amounts"),
        ),
        sa.CheckConstraint("length(row_hash) = 32", name=op.f("ck_import_rows_row_hash")),
    )
    standing = sa.text("reverted_by IS NULL")
    for name, columns in (("row_hash", ["row_hash"]), ("line", ["book_no", "line_no"])):
        op.create_index(
            f"uq_import_rows_{name}", "import_rows", columns, unique=True, postgresql_where=standing
        )
    op.create_index("ix_import_rows_document_id", "import_rows", ["document_id"])


def _create_flags() -> None:
    op.create_table(
        "flags",
        sa.Column("flag_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("evidence_key", sa.Text, nullable=False),
        sa.Column("evidence", postgresql.JSONB, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("raised_at", _MOMENT, nullable=False),
        sa.Column("checked_by", sa.Text),
        sa.Column("checked_at", _MOMENT),
        sa.Column("decision", sa.Text),
        sa.UniqueConstraint("kind", "evidence_key", name="uq_flags_kind_evidence_key"),
        sa.CheckConstraint(
            "kind IN ('overlap', 'self_award', 'gift_ring', 'same_place', 'density')",
            name=op.f("ck_flags_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'dismissed', 'confirmed')", name=op.f("ck_flags_state")
        ),
        sa.CheckConstraint(
            f"{_DECIDED} = CASE state WHEN 'open' THEN 3 ELSE 0 END",
            name=op.f("ck_flags_decided"),
        ),
    )
    op.create_index(
        "ix_flags_open", "flags", ["raised_at"], postgresql_where=sa.text("state = 'open'")
    )
    op.create_table(
        "organisers",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("resident_no", sa.Text, nullable=False),
        sa.Column("declared_by", sa.Text, nullable=False),
        sa.Column("declared_at", _MOMENT, nullable=False),
        sa.Column("ended_by", sa.Text),
        sa.Column("ended_at", _MOMENT),
        sa.CheckConstraint(
            "(ended_by IS NULL) = (ended_at IS NULL)", name=op.f("ck_organisers_ended")
        ),
    )
    op.create_index(
        "uq_organisers_standing",
        "organisers",
        ["partner", "resident_no"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _create_spans() -> None:
    op.create_table(
        "service_spans",
        sa.Column("award_id", sa.Uuid, primary_key=True),
        sa.Column("part", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("span", postgresql.TSTZRANGE, nullable=False),
        _document("reversed_by", table="service_spans", nullable=True),
        sa.CheckConstraint("NOT isempty(span)", name=op.f("ck_service_spans_span")),
        # btree_gist came with the rewards' venues.
        postgresql.ExcludeConstraint(
            ("account_id", "="),
            ("span", "&&"),
            name="ex_service_spans_overlap",
            using="gist",
            where=sa.text("reversed_by IS NULL"),
        ),
    )


def _grant() -> None:
    # Facts are added and never changed; what is decided, paid or taken back is written to them.
    changes = {
        "corrections": "state, checked_by, checked_at, decision, document_id",
        "reversals": None,
        "reversal_parts": None,
        "debts": "remaining",
        "debt_payments": None,
        "import_rows": "reverted_by",
        "flags": "state, checked_by, checked_at, decision",
        "organisers": "ended_by, ended_at",
        "service_spans": "reversed_by",
    }
    for table, columns in changes.items():
        op.execute(f"REVOKE ALL ON {table} FROM points")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO points")
        if columns:
            op.execute(f"GRANT UPDATE ({columns}) ON {table} TO points")
    # A checked file that nobody submitted is forgotten; one that was posted is held by its rows.
    op.execute("REVOKE UPDATE ON paper_imports FROM points")


def downgrade() -> None:
    """Drop everything; what was posted stays in the ledger."""
    for table in (
        "service_spans",
        "organisers",
        "flags",
        "import_rows",
        "paper_imports",
        "debt_payments",
        "debts",
        "reversal_parts",
        "reversals",
        "corrections",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION keep_decided")
