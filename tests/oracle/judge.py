"""The partner gate's checks, in order, in plain Python: one send in, its verdicts out.

Written from the contract on the wire only. What a partner sees is an encoded body, so a send is
judged in the form in which it is sent: headers are text, and sizes are those of the bytes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DISTRICT = ZoneInfo("Asia/Shanghai")
BYTES_MAX = 64 * 1024
FUTURE_ALLOWED = timedelta(minutes=5)

ATTENDED = "linli.activity.attended.v1"
FULFILLED = "linli.wish.fulfilled.v1"
SUBMITTED = "linli.request.submitted.v1"

KINDS = [
    "elder_care",
    "child_care",
    "civilised_practice",
    "environment",
    "patrol",
    "policy_advice",
    "culture",
    "flood_duty",
]
EVIDENCE = ("self_check", "organiser", "backfill")
COLOURS = ("goods_blue", "convenience_yellow", "urgent_red")
URGENCIES = ("normal", "urgent", "critical")

_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(?P<seconds>:\d\d)?(?:\.\d+)?(?P<offset>[Zz]|[+-]\d\d:?\d\d)"
)


class NotAnInstant(Exception):
    """A text that names no instant."""


class Malformed(Exception):
    """Bytes or an object that is no CloudEvent 1.0."""


def instant(value: object, *, seconds: bool = False) -> datetime:
    """An ISO 8601 date and time with an offset; raises NotAnInstant."""
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None or (seconds and found["seconds"] is None):
        raise NotAnInstant(value)
    try:
        return datetime.fromisoformat(found.group().upper())
    except ValueError as problem:
        raise NotAnInstant(value) from problem


@dataclass
class Partner:
    """What partners.json says of one."""

    slug: str
    source: str
    active: bool
    first_day: date
    last_day: date
    types: frozenset[str]


@dataclass
class Gate:
    """Judges sends one after the other; remembers the accepted events by source and id."""

    partners: dict[str, Partner]
    residents: frozenset[str]
    now: datetime
    accepted: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def judge(self, send: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """(verdict or verdict:reason, the event as it was understood), one per event sent."""
        partner = self.partners.get(send["as"])
        if partner is None or not partner.active:
            return [("refused_at_door", {})]
        if "raw" in send:
            return [self._of_bytes(partner, item) for item in self._raw_items(send)]
        if send["mode"] == "binary":
            return [self._of_binary(partner, send["event"])]
        return [self._of_bytes(partner, compact(send["event"]))]

    def _raw_items(self, send: dict[str, Any]) -> list[bytes | None]:
        body = send["raw"].encode("utf-8", "surrogatepass")
        if send["mode"] != "batch":
            return [body]
        try:
            items = parse(body)
        except Malformed:
            return [None if len(body) <= BYTES_MAX else body]
        if not isinstance(items, list):
            return [None]
        return [compact(item) for item in items]

    def _of_bytes(self, partner: Partner, body: bytes | None) -> tuple[str, dict[str, Any]]:
        if body is None:
            return "rejected:malformed", {}
        if len(body) > BYTES_MAX:
            return "rejected:too_large", {}
        try:
            return self._of_event(partner, parse(body))
        except Malformed:
            return "rejected:malformed", {}

    def _of_binary(self, partner: Partner, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        attributes = {k: text(v) for k, v in event.items() if k != "data" and v is not None}
        if "data" in event:
            if len(compact(event["data"])) > BYTES_MAX:
                return "rejected:too_large", {}
            attributes["data"] = event["data"]
        try:
            return self._of_event(partner, attributes)
        except Malformed:
            return "rejected:malformed", {}

    def _of_event(self, partner: Partner, event: Any) -> tuple[str, dict[str, Any]]:
        at = check_envelope(event)
        reason = self._first_failure(partner, event, at)
        if reason is not None:
            return f"rejected:{reason}", event
        key = (event["source"], event["id"])
        if (known := self.accepted.get(key)) is None:
            self.accepted[key] = event
            return "accepted", event
        same = _said(known) == _said(event)
        return ("duplicate" if same else "rejected:id_conflict"), event

    def _first_failure(self, partner: Partner, event: dict[str, Any], at: datetime) -> str | None:
        if event["source"] != partner.source:
            return "source_mismatch"
        if event["type"] not in CHECKS:
            return "unsupported_type"
        if at > self.now + FUTURE_ALLOWED:
            return "in_future"
        if not partner.first_day <= at.astimezone(DISTRICT).date() <= partner.last_day:
            return "agreement_inactive"
        if event["type"] not in partner.types:
            return "not_entitled"
        data = event.get("data")
        if not isinstance(data, dict) or not CHECKS[event["type"]](data):
            return "schema"
        if data["resident_no"] is not None and data["resident_no"] not in self.residents:
            return "unknown_resident"
        return None


def compact(value: object) -> bytes:
    """JSON as it is sent: UTF-8, no spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def text(value: object) -> str:
    """An attribute as a header carries it."""
    return value if isinstance(value, str) else compact(value).decode()


def _said(event: dict[str, Any]) -> tuple[dict[str, str], object]:
    """What an event says, the same in whichever mode it came: absent means plain JSON."""
    attributes = {k: text(v) for k, v in event.items() if k != "data" and v is not None}
    if attributes.get("datacontenttype") == "application/json":
        del attributes["datacontenttype"]
    return attributes, event.get("data")


def parse(body: bytes) -> Any:
    """Strict JSON in UTF-8; raises Malformed."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise Malformed from problem


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def check_envelope(event: Any) -> datetime:
    """The event's time; raises Malformed."""
    if not isinstance(event, dict) or event.get("specversion") != "1.0":
        raise Malformed
    for name in ("id", "source", "type"):
        if not isinstance(event.get(name), str) or not event[name]:
            raise Malformed
    try:
        return instant(event.get("time"), seconds=True)
    except NotAnInstant as problem:
        raise Malformed from problem


def minutes_of(data: dict[str, Any]) -> int:
    """Whole minutes between check-in and check-out; raises NotAnInstant."""
    return (instant(data["checked_out_at"]) - instant(data["checked_in_at"])) // timedelta(
        minutes=1
    )


def _texts(data: dict[str, Any], *names: str) -> bool:
    return all(isinstance(data.get(name), str) and data[name] for name in names)


def _is_attended(data: dict[str, Any]) -> bool:
    if not _texts(data, "activity_code", "resident_no", "checked_in_at", "checked_out_at"):
        return False
    if data.get("activity_kind") not in KINDS or data.get("evidence") not in EVIDENCE:
        return False
    try:
        return 10 <= minutes_of(data) <= 720
    except NotAnInstant:
        return False


def _is_fulfilled(data: dict[str, Any]) -> bool:
    cost = data.get("cost_fen")
    return (
        _texts(data, "wish_code", "resident_no")
        and data.get("colour") in COLOURS
        and type(cost) is int
        and 0 <= cost <= 10**8
    )


def _is_submitted(data: dict[str, Any]) -> bool:
    return (
        _texts(data, "title", "description", "category", "grid_code")
        and "resident_no" in data
        and (data["resident_no"] is None or _texts(data, "resident_no"))
        and data.get("urgency") in URGENCIES
    )


CHECKS = {ATTENDED: _is_attended, FULFILLED: _is_fulfilled, SUBMITTED: _is_submitted}
