"""The answer a partner gets to each of its events: the words, and the shape."""

from __future__ import annotations

from typing import Any

VERDICTS = ("accepted", "duplicate", "rejected")

# in the order in which the gate checks; the quota is the door's own and comes before them all
REASONS = (
    "too_large",
    "malformed",
    "source_mismatch",
    "unsupported_type",
    "in_future",
    "agreement_inactive",
    "not_entitled",
    "schema",
    "unknown_resident",
    "id_conflict",
    "quota_exceeded",
)


def verdict_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12, and valid as draft-07) of a verdict."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:linli:schema:verdict",
        "title": "verdict",
        "description": "对一个合伙人事件的裁定 / the verdict on one partner event",
        "type": "object",
        "required": ["source", "id", "verdict", "reason", "detail", "pointer", "received_at"],
        "properties": {
            "source": {
                "type": ["string", "null"],
                "description": "事件的 source，读不出时为 null"
                " / source of the event, null if it could not be read",
            },
            "id": {
                "type": "string",
                "description": "事件的 id，读不出时由邻里代拟"
                " / id of the event, made up by Linli if it could not be read",
            },
            "verdict": {"type": "string", "enum": list(VERDICTS)},
            "reason": {
                "type": ["string", "null"],
                "enum": [*REASONS, None],
                "description": "拒收原因，其余为 null / why it was rejected, else null",
            },
            "detail": {
                "type": ["string", "null"],
                "description": "说明与改法，先中文后英文 / what to change, Chinese then English",
            },
            "pointer": {
                "type": ["string", "null"],
                "description": "有误之处，RFC 6901 JSON Pointer / the place that is wrong",
            },
            "received_at": {"type": "string", "format": "date-time"},
        },
        "if": {"properties": {"verdict": {"const": "rejected"}}},
        "then": {"properties": {"reason": {"type": "string"}}},
        "else": {"properties": {"reason": {"type": "null"}}},
        "additionalProperties": True,
    }
