"""Photos, proof, the resident's verdict and call-backs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APP_ROLE = "intake"
_TABLES = (
    "steps_taken", "closing_terms", "verdict_waits", "verdict_words", "resident_verdicts",
    "verdict_links", "attachments", "photo_origins", "photo_bytes", "photos",
)  # fmt: skip


def upgrade() -> None:
    """See models/closing.py for what each table is."""
    _create_photos()
    _create_attachments()
    _create_links()
    _create_verdicts()
    _create_terms()
    _create_steps_taken()
    # Law: nobody approves the own work, whatever code asks for it
    op.create_check_constraint(
        op.f("ck_request_steps_two_people"),
        "request_steps",
        "action <> 'approve' OR actor IS DISTINCT FROM facts ->> 'handler'",
    )
    _grant()


def downgrade() -> None:
    op.drop_constraint(op.f("ck_request_steps_two_people"), "request_steps", type_="check")
    for table in _TABLES:
        op.drop_table(table)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _request_id() -> sa.Column[int]:
    return sa.Column("request_id", sa.BigInteger(), nullable=False)


def _of_request(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["request_id"], ["requests.id"], name=op.f(f"fk_{table}_request_id_requests")
    )


def _of_photo(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["photo_id"], ["photos.photo_id"], name=op.f(f"fk_{table}_photo_id_photos")
    )


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _law(table: str, name: str, law: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(law, name=op.f(f"ck_{table}_{name}"))


def _create_photos() -> None:
    op.create_table(
        "photos",
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        _request_id(),
        _text("kind"),
        _whole("round"),
        _bytes("sha256"),
        sa.Column("likeness", sa.BigInteger(), nullable=False),
        sa.Column("bands", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("is_blank", sa.Boolean(), nullable=False),
        _whole("width"),
        _whole("height"),
        _instant("uploaded_at"),
        _text("uploaded_by_kind"),
        _text("uploaded_by"),
        _law("photos", "kind", "kind IN ('before', 'after', 'evidence')"),
        _of_request("photos"),
        _key("photos", "photo_id"),
        sa.UniqueConstraint("request_id", "kind", "sha256", name=op.f("uq_photos_sent")),
    )
    op.create_index("ix_photos_bands", "photos", ["bands"], postgresql_using="gin")
    op.create_index("ix_photos_sha256", "photos", ["sha256"])
    op.create_table(
        "photo_bytes",
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        _bytes("jpeg"),
        _bytes("thumb"),
        _of_photo("photo_bytes"),
        _key("photo_bytes", "photo_id"),
    )
    # JPEG does not get smaller: PostgreSQL need not try each time.
    for column in ("jpeg", "thumb"):
        op.execute(f"ALTER TABLE photo_bytes ALTER COLUMN {column} SET STORAGE EXTERNAL")
    op.create_table(
        "photo_origins",
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        _instant("taken_at", nullable=True),
        sa.Column("lat", sa.Float()),
        sa.Column("lon", sa.Float()),
        _text("said_by"),
        _law("photo_origins", "place", "(lat IS NULL) = (lon IS NULL)"),
        _of_photo("photo_origins"),
        _key("photo_origins", "photo_id"),
    )


def _create_attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        _request_id(),
        _text("name"),
        _bytes("sha256"),
        _bytes("content"),
        _instant("uploaded_at"),
        _text("uploaded_by_kind"),
        _text("uploaded_by"),
        _of_request("attachments"),
        _key("attachments", "attachment_id"),
        sa.UniqueConstraint("request_id", "sha256", name=op.f("uq_attachments_sent")),
    )


def _create_links() -> None:
    op.create_table(
        "verdict_links",
        _bytes("token_hash"),
        _request_id(),
        _whole("round"),
        _text("resident_no"),
        _instant("made_at"),
        _instant("expires_at"),
        _instant("used_at", nullable=True),
        _of_request("verdict_links"),
        _key("verdict_links", "token_hash"),
    )
    op.create_index("ix_verdict_links_request", "verdict_links", ["request_id", "round"])


def _create_verdicts() -> None:
    op.create_table(
        "resident_verdicts",
        _request_id(),
        _whole("round"),
        _text("solved"),
        _text("satisfied", nullable=True),
        _text("way"),
        _text("taken_by", nullable=True),
        _instant("at"),
        _law("resident_verdicts", "solved", "solved IN ('solved', 'partly', 'unsolved')"),
        _law(
            "resident_verdicts",
            "satisfied",
            "satisfied IN ('satisfied', 'basically', 'dissatisfied')",
        ),
        _law("resident_verdicts", "way", "way IN ('link', 'page', 'call_back')"),
        _law("resident_verdicts", "taken_by", "(way = 'call_back') = (taken_by IS NOT NULL)"),
        _of_request("resident_verdicts"),
        _key("resident_verdicts", "request_id", "round"),
    )
    op.create_index("ix_resident_verdicts_at", "resident_verdicts", ["at"])
    op.create_table(
        "verdict_words",
        _request_id(),
        _whole("round"),
        _text("words"),
        _key("verdict_words", "request_id", "round"),
    )
    op.create_table(
        "verdict_waits",
        _request_id(),
        _whole("round"),
        _text("stage"),
        _instant("due_at"),
        _whole("tries"),
        _text("why", nullable=True),
        _law("verdict_waits", "stage", "stage IN ('asked', 'call_back')"),
        _law("verdict_waits", "why", "(stage = 'call_back') = (why IS NOT NULL)"),
        _of_request("verdict_waits"),
        _key("verdict_waits", "request_id"),
    )
    op.create_index("ix_verdict_waits_due", "verdict_waits", ["stage", "due_at"])


def _create_terms() -> None:
    op.create_table(
        "closing_terms",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        _instant("valid_from"),
        _whole("link_days"),
        _whole("window_days"),
        _whole("sample_percent"),
        sa.Column("sample_natures", postgresql.ARRAY(sa.Text()), nullable=False),
        _whole("call_back_days"),
        _law("closing_terms", "sample_percent", "sample_percent BETWEEN 0 AND 100"),
        _law(
            "closing_terms",
            "days",
            "window_days > 0 AND link_days >= window_days AND call_back_days > 0",
        ),
        _key("closing_terms", "version"),
    )
    op.execute(
        "INSERT INTO closing_terms VALUES"
        " (1, '2000-01-01T00:00:00Z', 14, 7, 20, '{complaint,report}', 7)"
    )


def _create_steps_taken() -> None:
    op.create_table(
        "steps_taken",
        _text("client_id"),
        _request_id(),
        _bytes("body_hash"),
        _whole("step_no"),
        _instant("at"),
        _of_request("steps_taken"),
        _key("steps_taken", "client_id"),
    )
    op.create_index(op.f("ix_steps_taken_request_id"), "steps_taken", ["request_id"])


def _grant() -> None:
    # Law: what a camera, a resident or a sender said is never rewritten; photos end with retention.
    for table in ("photos", "photo_bytes", "photo_origins", "attachments"):
        op.execute(f"REVOKE UPDATE, TRUNCATE ON {table} FROM {APP_ROLE}")
    for table in ("resident_verdicts", "steps_taken"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}")
