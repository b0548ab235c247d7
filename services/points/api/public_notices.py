"""公示 as JSON: notices and their lines for everybody, the rest for whom it concerns."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from services.points.actions.public_notices import decide, publish_notice, raise_objection
from services.points.api.passbooks import PREFIX
from services.points.queries import public_notices as queries
from services.points.rules.public_notices import Period
from services.points.schemas.public_notices import (
    DecisionSchema,
    DisputesSchema,
    NewNoticeSchema,
    NewObjectionSchema,
    NoticeLinesQuery,
    NoticeLinesSchema,
    NoticeSchema,
    NoticesQuery,
    NoticesSchema,
    ObjectionSchema,
    TieSchema,
)
from shared import clock
from shared.crypto import mask_number
from shared.db.session import Sessions
from shared.errors import Missing
from shared.messaging.transaction import transaction
from shared.web.access import public, require_role
from shared.web.auth import ROLES, signed_in
from shared.web.openapi import ApiBlueprint

CURRENT_MAX = 200
PAST = 50
_FIRST = UUID(int=2**128 - 1)


def make_public_notices(sessions: Sessions) -> ApiBlueprint:
    """The routes of notices, their lines, objections and decisions."""
    blueprint = ApiBlueprint(
        "public_notices", __name__, url_prefix=PREFIX, description="公示 / public notices"
    )
    _add_reading(blueprint, sessions)
    _add_publishing(blueprint, sessions)
    _add_disputes(blueprint, sessions)
    return blueprint


def _add_reading(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/public-notices", methods=["GET"])
    @blueprint.arguments(NoticesQuery, location="query")
    @blueprint.response(200, NoticesSchema)
    @public
    def list_notices(asked: dict[str, Any]) -> dict[str, Any]:
        """公示中的和往期的。 / Notices that are shown now, and past ones, the newest first."""
        now, before = clock.now(), asked["before"]
        with sessions() as session:
            current = [] if before else queries.current_notices(session, now, CURRENT_MAX)
            past = queries.past_notices(session, now, before or _FIRST, PAST + 1)
        following = past[PAST - 1].notice_id if len(past) > PAST else None
        return {"current": current, "past": past[:PAST], "next": following}

    @blueprint.route("/public-notices/<notice_no>", methods=["GET"])
    @blueprint.response(200, NoticeSchema)
    @blueprint.alt_response(404, schema="Problem", description="没有 / none")
    @public
    def get_notice(notice_no: str) -> Row[Any]:
        """一份公示。 / One notice."""
        with sessions() as session:
            return _notice(session, notice_no)

    @blueprint.route("/public-notices/<notice_no>/lines", methods=["GET"])
    @blueprint.arguments(NoticeLinesQuery, location="query")
    @blueprint.response(200, NoticeLinesSchema)
    @blueprint.alt_response(404, schema="Problem", description="没有 / none")
    @public
    def list_notice_lines(asked: dict[str, Any], notice_no: str) -> dict[str, Any]:
        """公示的各行，编号已遮盖。 / Its lines; numbers are masked."""
        limit = asked["limit"]
        with sessions() as session:
            notice = _notice(session, notice_no)
            lines = queries.lines_of(
                session, notice.notice_id, after=asked["after"], most=limit + 1
            )
        shown = lines[:limit]
        return {
            "lines": [_masked(line) for line in shown],
            "next": shown[-1].line_no if len(lines) > limit else None,
        }

    @blueprint.route("/public-notices/<notice_no>/tie", methods=["GET"])
    @blueprint.response(200, TieSchema)
    @blueprint.alt_response(404, schema="Problem", description="没有 / none")
    @require_role("manager", "auditor")
    def get_notice_tie(notice_no: str) -> queries.Tie:
        """公示与账本的核对。 / The notice against the ledger."""
        with sessions() as session:
            return queries.tie(session, _notice(session, notice_no).notice_id)


def _add_publishing(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/public-notices", methods=["POST"])
    @blueprint.arguments(NewNoticeSchema)
    @blueprint.response(201, NoticeSchema)
    @blueprint.alt_response(409, schema="Problem", description="无待公示 / nothing waits")
    @require_role("manager")
    def post_notice(asked: dict[str, Any]) -> Row[Any]:
        """发布一份公示；发布后不能更改。 / Publish a notice; it cannot be changed."""
        with transaction(sessions) as tx:
            notice_no = publish_notice(
                tx,
                community_code=asked["community_code"],
                period=Period(asked["first_day"], asked["last_day"]),
                days=asked["days"],
                by=signed_in().account_no,
            )
            return _notice(tx.session, notice_no)


def _add_disputes(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/public-notices/<notice_no>/lines/<int:line_no>/objections", methods=["POST"])
    @blueprint.arguments(NewObjectionSchema)
    @blueprint.response(201, ObjectionSchema)
    @blueprint.alt_response(404, schema="Problem", description="没有 / none")
    @blueprint.alt_response(409, schema="Problem", description="不再受理 / cannot be taken")
    @require_role(*ROLES)
    def post_objection(asked: dict[str, Any], notice_no: str, line_no: int) -> dict[str, UUID]:
        """对一行提出异议，只暂缓这一行。 / Object to a line; that line waits, no other."""
        account = signed_in()
        with transaction(sessions) as tx:
            objection_id = raise_objection(
                tx,
                notice_no=notice_no,
                line_no=line_no,
                reason=asked["reason"],
                why=asked["text"],
                by=account.account_no,
                role=account.role,
            )
        return {"objection_id": objection_id}

    @blueprint.route("/public-notices/<notice_no>/lines/<int:line_no>/decision", methods=["POST"])
    @blueprint.arguments(DecisionSchema)
    @blueprint.response(204)
    @blueprint.alt_response(404, schema="Problem", description="没有 / none")
    @blueprint.alt_response(409, schema="Problem", description="不能裁决 / cannot be decided")
    @require_role("manager")
    def post_decision(asked: dict[str, Any], notice_no: str, line_no: int) -> None:
        """裁决一行的异议，须为未参与的管理员。 / Decide; by a manager who had no part in it."""
        with transaction(sessions) as tx:
            decide(
                tx,
                notice_no=notice_no,
                line_no=line_no,
                outcome=asked["outcome"],
                decision=asked["decision"],
                by=signed_in().account_no,
            )

    @blueprint.route("/disputes", methods=["GET"])
    @blueprint.response(200, DisputesSchema)
    @require_role("manager", "auditor")
    def list_disputes() -> dict[str, Any]:
        """待裁决的异议，最早的在前。 / Lines to decide, the oldest first."""
        with sessions() as session:
            return {"disputes": queries.open_disputes(session)}


def _notice(session: Session, notice_no: str) -> Row[Any]:
    notice = queries.notice_of(session, notice_no) if "\x00" not in notice_no else None
    if notice is None:
        raise Missing("no_notice", "没有这份公示", "there is no such public notice")
    return notice


def _masked(line: Row[Any]) -> dict[str, Any]:
    return {
        "line_no": line.line_no,
        "on_date": line.on_date,
        "resident": mask_number(line.resident_no),
        "household": mask_number(line.household_no or ""),
        "activity_kind": line.kind,
        "activity_code": line.activity_code,
        "minutes": line.minutes,
        "points": line.points,
        "state": line.state,
    }
