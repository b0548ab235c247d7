"""The partner HTTP door: POST /events, and a partner's own verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from flask import Response

from services.intake import queries
from services.intake.api import door
from services.intake.schemas import VerdictLogQuery, VerdictLogSchema, VerdictsSchema
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import Missing
from shared.messaging.group_commit import GroupCommit
from shared.web.access import bearer_door
from shared.web.openapi import ApiBlueprint

TOGETHER_MAX = 32  # requests in one transaction

# A source has three segments; one that was made up for an unreadable event has two.
_SOURCE_SEGMENTS = (3, 2)

_EVENT = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "time"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "maxLength": 256},
        "source": {"type": "string", "examples": ["/partners/enterprise-01/main"]},
        "type": {"type": "string", "examples": ["linli.activity.attended.v1"]},
        "time": {"type": "string", "format": "date-time"},
        "data": {"type": "object"},
    },
}
_BODIES = {
    "required": True,
    "description": "CloudEvents 1.0，每个事件不超过 64 KiB"
    " / CloudEvents 1.0: structured, batched, or binary with ce- headers; 64 KiB per event",
    "content": {
        "application/cloudevents+json": {"schema": _EVENT},
        "application/cloudevents-batch+json": {
            "schema": {"type": "array", "maxItems": 1000, "items": _EVENT}
        },
        "application/json": {"schema": {"type": "object", "description": "binary mode: data"}},
    },
}


def make_events(sessions: Sessions, cipher: FieldCipher) -> ApiBlueprint:
    """The door's three routes."""
    together: GroupCommit[door.Call, door.Verdicts] = GroupCommit(
        sessions, door.Reception(cipher).receive, together_max=TOGETHER_MAX
    )
    blueprint = ApiBlueprint(
        "events", __name__, description="合作单位事件入口 / where partner systems post events"
    )

    @blueprint.route(door.PATH, methods=["POST"])
    @blueprint.doc(requestBody=_BODIES)
    @blueprint.response(
        202,
        VerdictsSchema,
        description="每个事件一条裁定，一个或一批都如此 / a verdict per event,"
        " in order, for a single event as for a batch",
    )
    @blueprint.alt_response(401, schema="Problem", description="没有有效的密钥 / no valid key")
    @blueprint.alt_response(403, schema="Problem", description="合作已暂停 / suspended")
    @blueprint.alt_response(429, schema="Problem", description="超出配额 / quota, see Retry-After")
    @blueprint.alt_response(503, schema="Problem", description="暂不可用 / see Retry-After")
    @bearer_door
    def post_events() -> Response:
        """交来事件，逐个裁定。 / Post events; each gets its verdict."""
        key_hash = door.digest(door.api_key())
        items = door.items_of(door.read_body())
        verdicts = together.submit(door.Call(key_hash, items))
        return _json({"verdicts": verdicts}, 202)

    @blueprint.route(door.PATH, methods=["GET"])
    @blueprint.arguments(VerdictLogQuery, location="query")
    @blueprint.response(200, VerdictLogSchema)
    @blueprint.alt_response(404, schema="Problem", description="没有这个事件 / no such event")
    @bearer_door
    def list_verdicts(asked: dict[str, Any]) -> Response:
        """本单位的裁定，从某个序号之后。 / Your verdicts, after a number of your log."""
        key = door.api_key()
        with sessions() as session:
            partner = door.open_with(session, key)
            if "source" in asked or "id" in asked:
                places = [(asked.get("source", ""), asked.get("id", ""))]
                found, following = _of_event(session, partner, places), None
            else:
                limit = asked["limit"]
                found = queries.verdicts_after(session, partner, asked["after"], limit)
                following = found[-1]["seq"] if len(found) == limit else None
        return _json({"verdicts": found, "next": following}, 200)

    @blueprint.route(door.PATH + "/<rest:event>", methods=["GET"])
    @blueprint.response(200, VerdictLogSchema)
    @blueprint.alt_response(404, schema="Problem", description="没有这个事件 / no such event")
    @bearer_door
    def list_verdicts_of_event(event: str) -> Response:
        """一个事件的全部裁定：来源（百分号编码）/编号。 / All verdicts of {source}/{id}."""
        key = door.api_key()
        with sessions() as session:
            partner = door.open_with(session, key)
            found = _of_event(session, partner, _places(event))
        return _json({"verdicts": found, "next": None}, 200)

    return blueprint


def _places(event: str) -> Iterator[tuple[str, str]]:
    """How a path may be read as a source and an id; ids may hold slashes."""
    parts = event.removeprefix("/").split("/")
    for count in _SOURCE_SEGMENTS:
        if len(parts) > count:
            yield "/" + "/".join(parts[:count]), "/".join(parts[count:])


def _of_event(session: Any, partner: str, places: Any) -> list[dict[str, Any]]:
    for source, event_id in places:
        if found := queries.verdicts_of_event(session, partner, source, event_id):
            return found
    raise Missing(
        "no_such_event",
        "没有收到过这个事件，请核对 source 与 id",
        "No such event has come from you: check its source and id",
    )


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")
