"""The board and what is forgotten in time."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

APP_ROLE = "intake"
_FIRST_DAY = date(2020, 1, 1)

# As rules/ said when this was written; a later migration widens them.
_STATES = (
    "state IN ('submitted', 'verifying', 'pending', 'dispatched', 'in_progress', 'waiting',"
    " 'checking', 'rating', 'closed', 'declined', 'referred', 'shelved', 'merged', 'void')"
)
_ENDED = "state IN ('closed', 'declined', 'merged', 'referred', 'void')"
_REASONS = "reason IN ('not_ours', 'not_true', 'policy', 'force_majeure', 'malicious', 'test')"
_PERCENT = (
    "partly_percent BETWEEN 0 AND 100 AND basically_percent BETWEEN 0 AND 100"
    " AND response_weight BETWEEN 0 AND 100 AND resolution_weight BETWEEN 0 AND 100"
    " AND satisfaction_weight BETWEEN 0 AND 100"
    " AND response_weight + resolution_weight + satisfaction_weight = 100"
    " AND hidden_below BETWEEN 2 AND 100"
)
_OPEN = sa.text("ended_at IS NULL AND state <> 'rating'")
_LISTS: tuple[tuple[str, list[str], Any], ...] = (
    ("ix_requests_open", ["opened_at", "id"], _OPEN),
    ("ix_requests_open_due", ["due_at", "id"], _OPEN),
    ("ix_requests_unit_opened", ["unit_code", "opened_at", "id"], None),
    ("ix_requests_grid_opened", ["grid_code", "opened_at", "id"], None),
    ("ix_requests_category_opened", ["category", "opened_at", "id"], None),
    ("ix_requests_state_opened", ["state", "opened_at", "id"], None),
    (
        "ix_requests_urgency_opened",
        ["urgency", "opened_at", "id"],
        sa.text("urgency <> 'normal'"),
    ),
    (
        "ix_requests_keeping",
        ["state", "ended_at"],
        sa.text("ended_at IS NOT NULL AND anonymised_at IS NULL"),
    ),
)
# Whatever adds a step has changed what the board must know of the request.
_NOTE = """
CREATE FUNCTION note_facts_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO facts_due (request_id) SELECT DISTINCT request_id FROM added;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER note_facts_due AFTER INSERT ON request_steps
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_facts_due()
"""
# History is never rewritten but for this: who asked, of a request that was made anonymous.
_FORGET = """
CREATE FUNCTION forget_askers(forgotten bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
    UPDATE request_steps s SET actor = '' FROM requests r
    WHERE r.id = s.request_id AND r.id = ANY(forgotten) AND r.anonymised_at IS NOT NULL
    AND s.actor_kind = 'resident' AND s.actor <> ''
$$
"""


def upgrade() -> None:
    """See models/board.py for what each table is."""
    op.add_column("requests", _instant("anonymised_at", nullable=True))
    for name, columns, where in _LISTS:
        op.create_index(name, "requests", columns, postgresql_where=where)
    _create_facts()
    _create_terms()
    _create_groups()
    _create_exclusions()
    _create_retention()
    for statement in (_NOTE, _TRIGGER, _FORGET):
        op.execute(statement)
    op.execute("REVOKE ALL ON FUNCTION forget_askers FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION forget_askers TO {APP_ROLE}")
    op.execute("INSERT INTO facts_due (request_id) SELECT id FROM requests ORDER BY id")
    # What was decided stays: terms, retention and what was given out are only added to.
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON person_exports FROM {APP_ROLE}")
    for table in ("board_terms", "retention_rules"):
        op.execute(f"REVOKE DELETE, TRUNCATE ON {table} FROM {APP_ROLE}")
    op.execute(f"REVOKE DELETE, TRUNCATE ON board_exclusions FROM {APP_ROLE}")


def downgrade() -> None:
    op.execute("DROP TRIGGER note_facts_due ON request_steps")
    op.execute("DROP FUNCTION note_facts_due")
    op.execute("DROP FUNCTION forget_askers")
    for table in (
        "person_exports",
        "retention_rules",
        "exclusion_words",
        "board_exclusions",
        "board_members",
        "board_groups",
        "board_terms",
        "facts_due",
        "request_facts",
    ):
        op.drop_table(table)
    for name, _, _ in _LISTS:
        op.drop_index(name, "requests")
    op.drop_column("requests", "anonymised_at")


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger(), nullable=False)


def _create_facts() -> None:
    op.create_table(
        "request_facts",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("step_count", sa.Integer(), nullable=False),
        _instant("received_at"),
        sa.Column("received_on", sa.Date(), nullable=False),
        _text("street_code", nullable=True),
        _text("community_code", nullable=True),
        _text("unit_code", nullable=True),
        _text("category"),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("has_place", sa.Boolean(), nullable=False),
        _text("state"),
        *(
            _instant(name, nullable=True)
            for name in (
                "dispatched_at",
                "accepted_at",
                "contacted_at",
                "resolved_at",
                "ended_at",
                "accept_due_at",
                "contact_due_at",
                "due_at",
            )
        ),
        *(_small(name) for name in ("resolve_count", "returned_count", "rework_count")),
        _text("solved", nullable=True),
        _text("satisfied", nullable=True),
        sa.Column("is_excluded", sa.Boolean(), nullable=False),
        sa.CheckConstraint(_STATES, name=op.f("ck_request_facts_state")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_request_facts_request_id_requests")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_request_facts")),
    )
    op.create_index("ix_request_facts_received", "request_facts", ["received_on", "request_id"])
    op.create_table(
        "facts_due",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facts_due")),
    )


def _create_terms() -> None:
    percents = (
        "partly_percent",
        "basically_percent",
        "response_weight",
        "resolution_weight",
        "satisfaction_weight",
        "hidden_below",
    )
    terms = op.create_table(
        "board_terms",
        sa.Column("starts_on", sa.Date(), nullable=False),
        *(_small(name) for name in percents),
        _text("proposed_by"),
        _text("approved_by", nullable=True),
        sa.CheckConstraint(_PERCENT, name=op.f("ck_board_terms_percent")),
        sa.CheckConstraint("proposed_by <> approved_by", name=op.f("ck_board_terms_two_people")),
        sa.PrimaryKeyConstraint("starts_on", name=op.f("pk_board_terms")),
    )
    first = dict(zip(percents, (50, 80, 30, 35, 35, 5), strict=True))
    op.bulk_insert(
        terms,
        [{"starts_on": _FIRST_DAY, **first, "proposed_by": "default", "approved_by": "installed"}],
    )


def _create_groups() -> None:
    groups = op.create_table(
        "board_groups",
        _text("group_code"),
        _text("subject"),
        _text("unit_kind", nullable=True),
        _text("name"),
        _text("name_en"),
        _small("place"),
        sa.Column("is_ranked", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "subject IN ('community', 'unit')", name=op.f("ck_board_groups_subject")
        ),
        sa.PrimaryKeyConstraint("group_code", name=op.f("pk_board_groups")),
        sa.UniqueConstraint("unit_kind", name=op.f("uq_board_groups_unit_kind")),
    )
    rows = (
        ("communities", "community", None, "社区", "Communities", 1, True),
        ("departments", "unit", "department", "职能部门", "Departments", 2, True),
        ("villages", "unit", "village", "村居", "Villages", 3, True),
        ("teams", "unit", "team", "专业队伍", "Teams", 4, True),
        ("desks", "unit", "desk", "受理窗口", "Desks", 5, True),
        ("outside", "unit", "outside", "区外单位", "Outside of the district", 6, False),
    )
    names = ("group_code", "subject", "unit_kind", "name", "name_en", "place", "is_ranked")
    op.bulk_insert(groups, [dict(zip(names, row, strict=True)) for row in rows])
    op.create_table(
        "board_members",
        _text("subject"),
        _text("code"),
        _text("group_code"),
        sa.CheckConstraint(
            "subject IN ('community', 'unit')", name=op.f("ck_board_members_subject")
        ),
        sa.ForeignKeyConstraint(
            ["group_code"],
            ["board_groups.group_code"],
            name=op.f("fk_board_members_group_code_board_groups"),
        ),
        sa.PrimaryKeyConstraint("subject", "code", name=op.f("pk_board_members")),
    )


def _create_exclusions() -> None:
    op.create_table(
        "board_exclusions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        _text("reason"),
        _text("state"),
        _text("proposed_by"),
        _instant("proposed_at"),
        _text("decided_by", nullable=True),
        _instant("decided_at", nullable=True),
        sa.CheckConstraint(_REASONS, name=op.f("ck_board_exclusions_reason")),
        sa.CheckConstraint(
            "state IN ('proposed', 'approved', 'refused')", name=op.f("ck_board_exclusions_state")
        ),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL)", name=op.f("ck_board_exclusions_decided")
        ),
        # Law: nobody takes a request out of the figures alone.
        sa.CheckConstraint(
            "decided_by <> proposed_by", name=op.f("ck_board_exclusions_two_people")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_board_exclusions_request_id_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_exclusions")),
    )
    op.create_index(op.f("ix_board_exclusions_request_id"), "board_exclusions", ["request_id"])
    op.create_index(
        "uq_board_exclusions_request",
        "board_exclusions",
        ["request_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'refused'"),
    )
    op.create_table(
        "exclusion_words",
        sa.Column("exclusion_id", sa.BigInteger(), nullable=False),
        _text("words"),
        sa.ForeignKeyConstraint(
            ["exclusion_id"],
            ["board_exclusions.id"],
            name=op.f("fk_exclusion_words_exclusion_id_board_exclusions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("exclusion_id", name=op.f("pk_exclusion_words")),
    )


def _create_retention() -> None:
    rules = op.create_table(
        "retention_rules",
        _text("state"),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("keep_days", sa.Integer(), nullable=False),
        sa.CheckConstraint(_ENDED, name=op.f("ck_retention_rules_state")),
        sa.CheckConstraint(
            "keep_days BETWEEN 30 AND 36500", name=op.f("ck_retention_rules_keep_days")
        ),
        sa.PrimaryKeyConstraint("state", "starts_on", name=op.f("pk_retention_rules")),
    )
    kept = {"closed": 1095, "referred": 1095, "merged": 1095, "declined": 365, "void": 365}
    op.bulk_insert(
        rules,
        [
            {"state": state, "starts_on": _FIRST_DAY, "keep_days": days}
            for state, days in kept.items()
        ],
    )
    op.create_table(
        "person_exports",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        _instant("at"),
        _text("account_no"),
        _text("resident_no"),
        _text("form"),
        _text("reason", nullable=True),
        sa.CheckConstraint("form IN ('page', 'json', 'pdf')", name=op.f("ck_person_exports_form")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_exports")),
    )
    op.create_index("ix_person_exports_at", "person_exports", ["at", "id"])
