"""Where another district proposes and cancels transfers of time coins, and asks after them.

Anybody may call these: the signature inside a message says who speaks, no cookie or key does. What
is not signed by a registered district changes nothing, and costs no more than reading it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import flask
from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from services.points.actions.time_bank import need
from services.points.actions.time_bank_receiving import find_receipt, receive, receive_cancel
from services.points.api.allowance import Allowance
from services.points.api.passbooks import PREFIX
from services.points.clients import PATH
from services.points.rules.time_bank_messages import ENVELOPE_BYTES_MAX, parse_envelope
from services.points.rules.time_bank_seals import District
from services.points.schemas.time_bank import EnvelopeSchema, FromQuery
from shared.db.session import Sessions
from shared.errors import TooMany
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import View, bearer_door
from shared.web.openapi import ApiBlueprint

_ENVELOPE = {
    "type": "object",
    "required": ["body", "key_id", "signature"],
    "properties": {
        "body": {"type": "object"},
        "key_id": {"type": "string"},
        "signature": {"type": "string"},
    },
}
_SIGNED: dict[str, Any] = {
    "security": [],
    "requestBody": {
        "required": True,
        "description": "签名报文，不超过 32 KiB / a signed envelope, at most 32 KiB",
        "content": {"application/json": {"schema": _ENVELOPE}},
    },
}
_PROBLEMS = (
    (401, "区未登记或签名不符 / the district is not known or its signature wrong"),
    (409, "此编号另有内容，或时钟不符 / the id has other content, or a clock is wrong"),
    (413, "报文过大 / more than 32 KiB"),
    (422, "报文不对 / what is wrong with the message"),
    (429, "过于频繁 / see Retry-After"),
    (503, "本区未开通 / there is no time bank here"),
)


def make_time_bank(sessions: Sessions, district: District | None) -> ApiBlueprint:
    """The three routes of other districts."""
    blueprint = ApiBlueprint(
        "time_bank",
        __name__,
        url_prefix=PREFIX,
        description="时间币通兑：报文以 Ed25519 签名 / time coins between districts, signed",
    )
    allowance = Allowance()
    path = PATH.removeprefix(PREFIX)

    def decided(decide: Callable[[Transaction, District, dict[str, Any]], Any]) -> Response:
        here = need(district)
        _admit(allowance)
        envelope = parse_envelope(_body())
        with transaction(sessions) as tx:
            receipt = decide(tx, here, envelope)
        return _json(receipt)

    @blueprint.route(path, methods=["POST"])
    @blueprint.doc(**_SIGNED)
    @blueprint.response(200, EnvelopeSchema)
    @_with_problems(blueprint)
    @bearer_door
    def post_transfer() -> Response:
        """收下一笔转移：入账或拒收，均回签收。 / A proposal: credited or refused, signed."""
        return decided(receive)

    @blueprint.route(f"{path}/<uuid:transfer_id>/cancel", methods=["POST"])
    @blueprint.doc(**_SIGNED)
    @blueprint.response(200, EnvelopeSchema)
    @_with_problems(blueprint)
    @bearer_door
    def cancel_transfer(transfer_id: UUID) -> Response:
        """撤销一笔转移：未入账的从此拒收。 / What was not credited is refused for ever."""
        return decided(lambda tx, here, told: receive_cancel(tx, here, transfer_id, told))

    @blueprint.route(f"{path}/<uuid:transfer_id>", methods=["GET"])
    @blueprint.arguments(FromQuery, location="query")
    @blueprint.doc(security=[])
    @blueprint.response(200, EnvelopeSchema)
    @blueprint.alt_response(404, schema="Problem", description="尚未收到 / nothing decided yet")
    @bearer_door
    def get_transfer(asked: dict[str, Any], transfer_id: UUID) -> Response:
        """一笔转移的签收；未收到为 404。 / The receipt; 404 when nothing was decided yet."""
        here = need(district)
        _admit(allowance)
        with sessions() as session:
            return _json(find_receipt(session, here, asked["from_district"], transfer_id))

    return blueprint


def _with_problems(blueprint: ApiBlueprint) -> Callable[[View], View]:
    def mark(view: View) -> View:
        for status, told in _PROBLEMS:
            view = blueprint.alt_response(status, schema="Problem", description=told)(view)
        return view

    return mark


def _admit(allowance: Allowance) -> None:
    wait = allowance.take(request.remote_addr or "")
    if wait:
        raise TooMany("too_many", "请求过于频繁", "too many requests", retry_after_s=wait)


def _body() -> bytes:
    if (request.content_length or 0) > ENVELOPE_BYTES_MAX:
        raise RequestEntityTooLarge
    raw = request.stream.read(ENVELOPE_BYTES_MAX + 1)
    if len(raw) > ENVELOPE_BYTES_MAX:
        raise RequestEntityTooLarge
    return raw


def _json(envelope: dict[str, Any]) -> Response:
    return Response(flask.json.dumps(envelope), mimetype="application/json")
