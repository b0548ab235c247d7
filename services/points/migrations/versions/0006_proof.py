"""Sealed entries and their roots; certificates of service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_APPENDED = ("sealed_blocks", "sealed_ranges", "proof_days", "proof_roots", "proof_breaks")
_KEPT = ("certificates", "certificate_awards", "certificate_offices", "certificate_registers")
_STEPS = (
    "state, community_code, notes, made_by, made_at, minutes, contents, checked_by, checked_at,"
    " certificate_no, year, serial, issued_on, valid_on, office, proof_on, proof_root, ended_by,"
    " ended_at, ended_reason"
)


def upgrade() -> None:
    """Create the tables; see models/proof.py and models/certificates.py for what each is."""
    _create_blocks()
    _create_roots()
    _create_passes()
    _create_certificates()
    _grant()


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _create_blocks() -> None:
    op.create_table(
        "sealed_blocks",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("community", sa.Text, nullable=False),
        sa.Column("height", sa.BigInteger, nullable=False),
        sa.Column("sealed_on", sa.Date, nullable=False),
        sa.Column("sealed_at", _INSTANT, nullable=False),
        sa.Column("entry_count", sa.Integer, nullable=False),
        sa.Column("leaves", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("before", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("community", "height", name="uq_sealed_blocks_community_height"),
        _check("sealed_blocks", "numbers", "height > 0 AND entry_count > 0"),
        _check(
            "sealed_blocks",
            "hashes",
            "length(leaves) = 32 * entry_count AND length(root) = 32 AND length(before) = 32"
            " AND length(hash) = 32",
        ),
    )
    # Hashes cannot be made smaller: do not try.
    op.execute("ALTER TABLE sealed_blocks ALTER COLUMN leaves SET STORAGE EXTERNAL")
    op.create_index(
        "ix_sealed_blocks_sealed_on", "sealed_blocks", ["sealed_on", "community", "height"]
    )
    op.create_table(
        "sealed_ranges",
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("block_id", sa.BigInteger, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.UniqueConstraint("block_id", "place", name="uq_sealed_ranges_block_id_place"),
        _check("sealed_ranges", "numbers", "first_seq BETWEEN 1 AND last_seq AND place >= 0"),
    )


def _create_roots() -> None:
    op.create_table(
        "proof_days",
        sa.Column("community", sa.Text, primary_key=True),
        sa.Column("on_date", sa.Date, primary_key=True),
        sa.Column("first_height", sa.BigInteger, nullable=False),
        sa.Column("last_height", sa.BigInteger, nullable=False),
        sa.Column("entry_count", sa.BigInteger, nullable=False),
        sa.Column("blocks_root", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        _check("proof_days", "heights", "first_height BETWEEN 1 AND last_height"),
        _check("proof_days", "hashes", "length(blocks_root) = 32 AND length(root) = 32"),
    )
    op.create_index("ix_proof_days_on_date", "proof_days", ["on_date"])
    op.create_table(
        "proof_roots",
        sa.Column("on_date", sa.Date, primary_key=True),
        sa.Column("community_count", sa.Integer, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        _check("proof_roots", "hash", "length(root) = 32"),
    )


def _create_passes() -> None:
    op.create_table(
        "sealing_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("page", sa.BigInteger, nullable=False),
        sa.Column("swept_to", sa.BigInteger, nullable=False),
        sa.Column("swept_at", _INSTANT),
        _check("sealing_state", "one", "id = 1"),
    )
    op.create_table(
        "proof_passes",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT),
        sa.Column("checked_to", sa.BigInteger, nullable=False),
        sa.Column("days_to", sa.Date),
        sa.Column("entry_count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "proof_breaks",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("pass_id", sa.BigInteger, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("community", sa.Text),
        sa.Column("height", sa.BigInteger),
        sa.Column("account_id", sa.BigInteger),
        sa.Column("seq", sa.BigInteger),
        sa.Column("found_at", _INSTANT, nullable=False),
    )
    op.create_index("ix_proof_breaks_pass_id", "proof_breaks", ["pass_id"])


def _create_certificates() -> None:
    op.create_table(
        "certificate_offices",
        sa.Column("community_code", sa.Text, primary_key=True),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("responsible", sa.Text, nullable=False),
        sa.Column("handler", sa.Text, nullable=False),
        sa.Column("contact", sa.Text, nullable=False),
        sa.Column("notice_days", sa.SmallInteger, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        _check("certificate_offices", "notice_days", "notice_days BETWEEN 7 AND 60"),
    )
    op.create_table(
        "certificate_registers",
        sa.Column("community_code", sa.Text, primary_key=True),
        sa.Column("year", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("last_serial", sa.Integer, nullable=False),
    )
    op.create_table("certificates", *_certificate_columns(), *_certificate_checks())
    op.create_index("ix_certificates_resident_no", "certificates", ["resident_no"])
    op.create_index(
        "ix_certificates_valid_on",
        "certificates",
        ["valid_on"],
        postgresql_where=sa.text("state = 'issued'"),
    )
    op.create_index(
        "ix_certificates_open",
        "certificates",
        ["asked_at"],
        postgresql_where=sa.text("state IN ('asked', 'made')"),
    )
    op.create_table(
        "certificate_awards",
        sa.Column(
            "certificate_id",
            sa.Uuid,
            sa.ForeignKey(
                "certificates.certificate_id",
                name="fk_certificate_awards_certificate_id_certificates",
            ),
            primary_key=True,
        ),
        sa.Column("award_id", sa.Uuid, primary_key=True),
        sa.Column("minutes", sa.Integer, nullable=False),
        _check("certificate_awards", "minutes", "minutes > 0"),
    )
    op.create_index("ix_certificate_awards_award_id", "certificate_awards", ["award_id"])


def _certificate_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("certificate_id", sa.Uuid, primary_key=True),
        sa.Column("resident_no", sa.Text, nullable=False),
        sa.Column("community_code", sa.Text, nullable=False),
        sa.Column("from_on", sa.Date, nullable=False),
        sa.Column("until_on", sa.Date, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column(
            "replaces",
            sa.Uuid,
            sa.ForeignKey(
                "certificates.certificate_id", name="fk_certificates_replaces_certificates"
            ),
        ),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("made_by", sa.Text),
        sa.Column("made_at", _INSTANT),
        sa.Column("minutes", sa.BigInteger),
        sa.Column("contents", postgresql.JSONB),
        sa.Column("checked_by", sa.Text),
        sa.Column("checked_at", _INSTANT),
        sa.Column("certificate_no", sa.Text),
        sa.Column("year", sa.SmallInteger),
        sa.Column("serial", sa.Integer),
        sa.Column("issued_on", sa.Date),
        sa.Column("valid_on", sa.Date),
        sa.Column("office", postgresql.JSONB),
        sa.Column("proof_on", sa.Date),
        sa.Column("proof_root", sa.LargeBinary),
        sa.Column("ended_by", sa.Text),
        sa.Column("ended_at", _INSTANT),
        sa.Column("ended_reason", sa.Text),
    ]


def _certificate_checks() -> list[sa.Constraint]:
    conditions = {
        "state": "state IN ('asked', 'made', 'issued', 'refused', 'revoked')",
        "period": "from_on <= until_on",
        "four_eyes": "checked_by <> made_by",
        "notice": "valid_on - issued_on >= 7",
        "made": "num_nulls(made_by, made_at, minutes, contents)"
        " = CASE WHEN state = 'asked' THEN 4 WHEN made_by IS NULL THEN 4 ELSE 0 END",
        "issued": "num_nulls(certificate_no, year, serial, issued_on, valid_on, checked_by,"
        " checked_at, office, made_by) = 0 OR state NOT IN ('issued', 'revoked')",
        "numbered": "(state IN ('issued', 'revoked')) = (certificate_no IS NOT NULL)",
        "ended": "(state IN ('refused', 'revoked')) = (ended_reason IS NOT NULL)"
        " AND num_nulls(ended_reason, ended_by, ended_at) IN (0, 3)",
    }
    return [
        sa.UniqueConstraint("certificate_no", name="uq_certificates_certificate_no"),
        sa.UniqueConstraint(
            "community_code", "year", "serial", name="uq_certificates_community_code_year_serial"
        ),
        sa.UniqueConstraint("code", name="uq_certificates_code"),
        *(_check("certificates", name, condition) for name, condition in conditions.items()),
    ]


def _grant() -> None:
    # What is sealed is only ever added to; what was issued is never taken away.
    for table in _APPENDED:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM points")
    for table in (*_KEPT, "sealing_state", "proof_passes"):
        op.execute(f"REVOKE DELETE ON {table} FROM points")
    op.execute("REVOKE UPDATE ON certificates, certificate_awards FROM points")
    op.execute(f"GRANT UPDATE ({_STEPS}) ON certificates TO points")


def downgrade() -> None:
    """Drop everything."""
    for table in (
        "certificate_awards",
        "certificates",
        "certificate_registers",
        "certificate_offices",
        "proof_breaks",
        "proof_passes",
        "sealing_state",
        "proof_roots",
        "proof_days",
        "sealed_ranges",
        "sealed_blocks",
    ):
        op.drop_table(table)
