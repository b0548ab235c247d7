"""notify's HTTP doors for programs: notices, deliveries, templates, the vendor's receipts."""

from __future__ import annotations

import hmac
import logging
from typing import Any

import orjson
from flask import request

from services.notify import queries
from services.notify.actions.receipts import Receipt, record_receipts
from services.notify.actions.templates import Text, add_version
from services.notify.models import Contacts
from services.notify.rules import Channel, Kind, State
from services.notify.schemas import (
    CountsSchema,
    DeliveriesQuery,
    DeliveriesSchema,
    NewVersionSchema,
    NoticesQuery,
    NoticesSchema,
    ReceiptAnswerSchema,
    TemplatesSchema,
    VersionSchema,
    load_receipts,
)
from shared import clock, metrics
from shared.db.session import Sessions
from shared.errors import Forbidden, Rejected
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.access import bearer_door, require_role
from shared.web.i18n import language
from shared.web.openapi import ApiBlueprint

logger = logging.getLogger(__name__)

OFFICE = frozenset({"staff", "operator", "auditor"})


def make_api(sessions: Sessions, contacts: Contacts) -> ApiBlueprint:
    """The routes under /notify/api/v1, and /notify/counts."""
    blueprint = ApiBlueprint(
        "api", __name__, url_prefix="/notify", description="通知与投递 / notices and deliveries"
    )
    _add_notices(blueprint, sessions, contacts)
    _add_deliveries(blueprint, sessions, contacts)
    _add_templates(blueprint, sessions)
    return blueprint


def _add_notices(blueprint: ApiBlueprint, sessions: Sessions, contacts: Contacts) -> None:
    @blueprint.route("/api/v1/notices", methods=["GET"])
    @blueprint.arguments(NoticesQuery, location="query")
    @blueprint.response(200, NoticesSchema)
    @require_role("resident", "staff", "operator", "auditor")
    def list_notices(asked: dict[str, Any]) -> dict[str, Any]:
        """通知，最早的在前；居民只看自己的。 / Notices, oldest first; a resident sees their own.

        For people's screens: rows of one moment may come in any order, so a page asked for while
        thousands are being written is no replication log.
        """
        account = auth.signed_in()
        is_office = account.role in OFFICE
        resident_no = asked.get("resident_no") if is_office else account.subject
        with sessions() as session:
            letters = queries.notices_after(
                session,
                contacts,
                language=language(),
                after=asked.get("after", queries.FIRST_ID),
                resident_no=resident_no,
                masked=is_office,
                most=asked["limit"],
            )
        is_full = len(letters) == asked["limit"]
        return {"notices": letters, "next": letters[-1].id if is_full else None}

    @blueprint.route("/counts", methods=["GET"])
    @blueprint.response(200, CountsSchema)
    @require_role("operator", "auditor")
    def count_notices() -> dict[str, int]:
        """各类通知的数量。 / Notices by kind."""
        with sessions() as session:
            return queries.counts(session)


def _add_deliveries(blueprint: ApiBlueprint, sessions: Sessions, contacts: Contacts) -> None:
    @blueprint.route("/api/v1/deliveries", methods=["GET"])
    @blueprint.arguments(DeliveriesQuery, location="query")
    @blueprint.response(200, DeliveriesSchema)
    @require_role(*sorted(OFFICE))
    def list_deliveries(asked: dict[str, Any]) -> dict[str, Any]:
        """投递，最新的在前，姓名和电话已遮盖。 / Deliveries, newest first, masked."""
        state = asked.get("state")
        with sessions() as session:
            lines = queries.deliveries(
                session,
                contacts,
                state=State(state) if state else None,
                before=asked.get("before", queries.LAST_ID),
                most=asked["limit"],
            )
        is_full = len(lines) == asked["limit"]
        return {"deliveries": lines, "next": lines[-1].id if is_full else None}


def _add_templates(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/api/v1/templates", methods=["GET"])
    @blueprint.response(200, TemplatesSchema)
    @require_role(*sorted(OFFICE))
    def list_templates() -> dict[str, Any]:
        """模板的所有版本。 / Every version of every template."""
        with sessions() as session:
            return {"templates": queries.templates(session)}

    @blueprint.route("/api/v1/templates", methods=["POST"])
    @blueprint.arguments(NewVersionSchema)
    @blueprint.response(201, VersionSchema)
    @blueprint.alt_response(409, schema="Problem", description="版本冲突 / version conflict")
    @require_role("operator")
    def add_template_version(asked: dict[str, Any]) -> dict[str, Any]:
        """发布一个新版本；旧通知仍用旧版本。 / Add a version; older notices keep theirs."""
        kind = Kind(asked["kind"])
        texts = [
            Text(Channel(one["channel"]), one["language"], one["body"], one["provider_code"])
            for one in asked["texts"]
        ]
        with transaction(sessions) as tx:
            version = add_version(tx.session, kind, texts, asked["active_from"] or clock.now())
        return {"kind": kind.value, "version": version}


def make_receipts(sessions: Sessions, token: str) -> ApiBlueprint:
    """The vendor's door. Vendors can only be given an address, so the secret is part of it."""
    blueprint = ApiBlueprint(
        "receipts", __name__, url_prefix="/notify", description="短信回执 / SMS receipts"
    )

    @blueprint.route("/receipts/aliyun", methods=["POST"])
    @blueprint.response(200, ReceiptAnswerSchema)
    @bearer_door
    def take_receipts() -> dict[str, Any]:
        """短信供应商的状态报告（SmsReport）。 / The vendor's status reports (SmsReport)."""
        sent = request.args.get("token", "")
        if not token or not hmac.compare_digest(sent.encode(), token.encode()):
            raise Forbidden("wrong_token", "回执地址不对", "the receipt address is wrong")
        reports, unreadable = load_receipts(_json_body())
        if unreadable:
            logger.warning("unreadable receipts", extra={"count": unreadable})
        at = clock.now()
        receipts = [
            Receipt(
                one["out_id"],
                one["biz_id"],
                one["success"],
                one["err_code"],
                one["report_time"] or at,
            )
            for one in reports
        ]
        with transaction(sessions) as tx:
            settled = record_receipts(tx.session, receipts, at)
        for state, passed_s in settled:
            if state is State.DELIVERED:
                metrics.event_to_delivery.labels(Channel.SMS.value).observe(passed_s)
        return {"code": 0, "msg": "成功"}

    return blueprint


def _json_body() -> object:
    # orjson has a limit of nesting; the standard library's parser dies of a deep one
    try:
        return orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        raise Rejected("not_json", "请求体不是 JSON", "the body is not JSON") from None
