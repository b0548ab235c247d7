"""Rules of dispatch, claims, and what looks alike."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APP_ROLE = "intake"
_TABLES = (
    "likenesses", "request_prints", "claims", "claim_openings", "resident_skills",
    "request_assists", "dispatch_rules",
)  # fmt: skip


def upgrade() -> None:
    """See models/dispatch.py, models/claims.py and models/likeness.py for what each table is."""
    # For `=` beside a range in one exclusion; trusted, so the owner of the database may add it.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    _create_dispatch()
    _create_claim_openings()
    _create_claims()
    _create_prints()
    _create_likenesses()
    # Law: versions that steps name stay; an opening or claim ends by its state.
    op.execute(f"REVOKE DELETE, TRUNCATE ON dispatch_rules FROM {APP_ROLE}")
    op.execute(f"REVOKE DELETE, TRUNCATE ON claims, claim_openings FROM {APP_ROLE}")
    # A request that waits for its unit is found without looking at all that have one.
    op.create_index(
        "ix_requests_pending", "requests", ["id"], postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index(
        "ix_requests_dispatched",
        "requests",
        ["unit_code", "id"],
        postgresql_where=sa.text("state = 'dispatched'"),
    )


def downgrade() -> None:
    op.drop_index("ix_requests_dispatched", "requests")
    op.drop_index("ix_requests_pending", "requests")
    for table in _TABLES:
        op.drop_table(table)
    op.execute("DROP EXTENSION IF EXISTS btree_gist")


def _key(table: str, name: str = "id") -> list[sa.schema.SchemaItem]:
    return [
        sa.Column(name, sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint(name, name=op.f(f"pk_{table}")),
    ]


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _check(table: str, name: str, law: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(law, name=op.f(f"ck_{table}_{name}"))


def _refers(table: str, column: str, other: str, key: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=name)


def _create_dispatch() -> None:
    op.create_table(
        "dispatch_rules",
        *_key("dispatch_rules"),
        sa.Column("version", sa.Integer(), nullable=True),
        _text("state"),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        _text("made_by"),
        _instant("changed_at"),
        _text("checked_by", nullable=True),
        _instant("checked_at", nullable=True),
        _text("reason", nullable=True),
        _check(
            "dispatch_rules",
            "state",
            "state IN ('draft', 'submitted', 'published', 'rejected')",
        ),
        _check("dispatch_rules", "version", "(state = 'published') = (version IS NOT NULL)"),
        _check("dispatch_rules", "four_eyes", "checked_by <> made_by"),
        sa.UniqueConstraint("version", name=op.f("uq_dispatch_rules_version")),
    )
    op.create_table(
        "request_assists",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        _text("unit_code"),
        _text("asked_by"),
        _instant("since"),
        _refers("request_assists", "request_id", "requests", "id"),
        _refers("request_assists", "unit_code", "units", "unit_code"),
        sa.PrimaryKeyConstraint("request_id", "unit_code", name=op.f("pk_request_assists")),
    )
    op.create_index(op.f("ix_request_assists_unit_code"), "request_assists", ["unit_code"])


def _create_claim_openings() -> None:
    op.create_table(
        "resident_skills",
        _text("resident_no"),
        _text("skill"),
        _text("noted_by"),
        _instant("since"),
        _refers("resident_skills", "resident_no", "residents", "resident_no"),
        sa.PrimaryKeyConstraint("resident_no", "skill", name=op.f("pk_resident_skills")),
    )
    op.create_table(
        "claim_openings",
        *_key("claim_openings"),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        _text("about"),
        _text("place"),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("skills", postgresql.ARRAY(sa.String()), nullable=False),
        _instant("starts_at"),
        _instant("ends_at"),
        _text("state"),
        _text("opened_by"),
        _instant("opened_at"),
        _check("claim_openings", "places", "places BETWEEN 1 AND 500"),
        _check("claim_openings", "times", "starts_at < ends_at"),
        _check("claim_openings", "state", "state IN ('open', 'closed')"),
        _refers("claim_openings", "request_id", "requests", "id"),
    )
    op.create_index(op.f("ix_claim_openings_request_id"), "claim_openings", ["request_id"])
    op.create_index(
        "ix_claim_openings_open",
        "claim_openings",
        ["starts_at"],
        postgresql_where=sa.text("state = 'open'"),
    )


def _create_claims() -> None:
    op.create_table(
        "claims",
        *_key("claims"),
        sa.Column("opening_id", sa.BigInteger(), nullable=False),
        _text("resident_no"),
        _text("state"),
        sa.Column("queue_no", sa.Integer(), nullable=False),
        sa.Column("span", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        _instant("claimed_at"),
        _instant("changed_at"),
        _text("confirmed_by", nullable=True),
        _check("claims", "state", "state IN ('holding', 'waiting', 'withdrawn', 'done')"),
        _check("claims", "minutes", "(state = 'done') = (minutes IS NOT NULL)"),
        _check("claims", "minutes_range", "minutes BETWEEN 1 AND 1440"),
        _refers("claims", "opening_id", "claim_openings", "id"),
        _refers("claims", "resident_no", "residents", "resident_no"),
        postgresql.ExcludeConstraint(
            ("resident_no", "="),
            ("span", "&&"),
            where=sa.text("state IN ('holding', 'done')"),
            name=op.f("ex_claims_one_place_at_once"),
            using="gist",
        ),
    )
    op.create_index(
        "uq_claims_live",
        "claims",
        ["opening_id", "resident_no"],
        unique=True,
        postgresql_where=sa.text("state <> 'withdrawn'"),
    )
    op.create_index("uq_claims_queue", "claims", ["opening_id", "queue_no"], unique=True)
    op.create_index("ix_claims_resident", "claims", ["resident_no", "id"])


def _create_prints() -> None:
    op.create_table(
        "request_prints",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        _text("category"),
        _text("grid_code"),
        _text("building_no", nullable=True),
        _text("resident_no", nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        _instant("opened_at"),
        sa.Column("is_compared", sa.Boolean(), nullable=False),
        _refers("request_prints", "request_id", "requests", "id"),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_request_prints")),
    )
    for name, columns, law in (
        ("waiting", ["request_id"], "NOT is_compared"),
        ("grid", ["grid_code", "category", "opened_at"], None),
        ("place", ["category", "lat"], "lat IS NOT NULL"),
        ("resident", ["resident_no", "opened_at"], None),
        ("opened", ["opened_at"], None),
    ):
        where = None if law is None else sa.text(law)
        op.create_index(
            f"ix_request_prints_{name}", "request_prints", columns, postgresql_where=where
        )


def _create_likenesses() -> None:
    op.create_table(
        "likenesses",
        *_key("likenesses"),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("other_id", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("parts", postgresql.JSONB(), nullable=False),
        _text("state"),
        _instant("proposed_at"),
        _text("decided_by", nullable=True),
        _instant("decided_at", nullable=True),
        _check("likenesses", "order", "other_id < request_id"),
        _check("likenesses", "score", "score BETWEEN 0 AND 100"),
        _check("likenesses", "state", "state IN ('proposed', 'merged', 'apart')"),
        _check("likenesses", "decided", "(state = 'proposed') = (decided_by IS NULL)"),
        _refers("likenesses", "request_id", "requests", "id"),
        _refers("likenesses", "other_id", "requests", "id"),
    )
    op.create_index("uq_likenesses_pair", "likenesses", ["request_id", "other_id"], unique=True)
    op.create_index("ix_likenesses_other", "likenesses", ["other_id"])
    op.create_index(
        "ix_likenesses_proposed",
        "likenesses",
        ["id"],
        postgresql_where=sa.text("state = 'proposed'"),
    )
