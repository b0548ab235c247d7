"""Who stands at the partner door, and how much of what it sends is read."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Request, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from services.intake import queries
from services.intake.actions import gate
from services.intake.actions.gate import Sent
from services.intake.queries import DoorKey
from services.intake.rules.items import BATCH, Item, open_body
from shared import clock, metrics
from shared.crypto import FieldCipher
from shared.errors import Forbidden, LinliError, TooMany, Unauthenticated
from shared.messaging.transaction import Transaction

Verdicts = list[dict[str, Any]]

PATH = "/events"
READ_BYTES_MAX = 1024 * 1024


class DoorRequest(Request):
    """A body that is too large is told so by a verdict, so it must get as far as the door."""

    @property
    def max_content_length(self) -> int | None:
        """The site's limit; none at the partner door, which reads only so much."""
        return None if self._is_at_door() else super().max_content_length

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        Request.max_content_length.fset(self, value)  # type: ignore[attr-defined]

    def _is_at_door(self) -> bool:
        return self.method == "POST" and self.path == PATH


def api_key() -> str:
    """What follows `Bearer `; raises Unauthenticated."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise _refuse(
            "no_key",
            Unauthenticated(
                "no_key",
                "请带上 API 密钥：Authorization: Bearer <密钥>",
                "Send your API key: Authorization: Bearer <key>",
            ),
        )
    return key.strip()


def digest(key: str) -> str:
    """How a key is known here: its SHA-256, never itself."""
    return hashlib.sha256(key.encode("latin-1", "replace")).hexdigest()


def open_with(session: Session, key: str) -> str:
    """The slug of the partner whose key it is; raises Unauthenticated or Forbidden."""
    key_hash = digest(key)
    return admit(queries.door_keys(session, [key_hash], clock.now()).get(key_hash)).slug


def admit(found: DoorKey | None) -> DoorKey:
    """Who may come in; raises Unauthenticated, or Forbidden when the partner is suspended."""
    if found is None:
        raise _refuse(
            "unknown_key",
            Unauthenticated(
                "unknown_key",
                "API 密钥无效或已更换，请联系社区",
                "This API key is not known or was replaced: ask the district",
            ),
        )
    if not found.is_active:
        raise _refuse(
            "suspended",
            Forbidden(
                "suspended",
                "合作已暂停，暂不接收事件，请联系社区",
                "The partnership is suspended and no events are taken: ask the district",
            ),
        )
    return found


@dataclass(frozen=True, slots=True)
class Call:
    """One request at the door: the digest of its key, and what it brings."""

    key_hash: str
    items: list[Item]


class Reception:
    """Judges the requests that wait at the same time in one transaction."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    def receive(self, tx: Transaction, calls: list[Call]) -> list[Verdicts | Exception]:
        """The verdicts of each call, or why it was not let in."""
        known = queries.door_keys(tx.session, [call.key_hash for call in calls], clock.now())
        taken: Counter[str] = Counter()
        admitted: list[DoorKey | LinliError] = []
        for call in calls:
            try:
                found = admit(known.get(call.key_hash))
                check_quota(found, taken[found.slug] + len(call.items))
            except LinliError as problem:
                admitted.append(problem)
            else:
                taken[found.slug] += len(call.items)
                admitted.append(found)
        sent = [
            Sent(found.slug, item)
            for call, found in zip(calls, admitted, strict=True)
            if isinstance(found, DoorKey)
            for item in call.items
        ]
        verdicts = gate.receive(tx, sent, door="http", cipher=self._cipher) if sent else []
        its = iter(verdicts)
        return [
            [next(its) for _ in call.items] if isinstance(found, DoorKey) else found
            for call, found in zip(calls, admitted, strict=True)
        ]


def check_quota(found: DoorKey, count: int) -> None:
    """Raise TooMany when `count` more events would exceed the partner's minute or day (UTC)."""
    if count <= min(found.minute_left, found.day_left):
        return
    is_day = found.day_left < count
    wait_s = _seconds_left(clock.now(), is_day=is_day)
    raise _refuse(
        "quota_exceeded",
        TooMany(
            "quota_exceeded",
            f"超出{'每日' if is_day else '每分钟'}配额，请在 {wait_s} 秒后重发，或拆成更小的批次",
            f"The quota of this {'day' if is_day else 'minute'} is used up: send it again in"
            f" {wait_s} s, or in smaller batches",
            retry_after_s=wait_s,
        ),
    )


def _seconds_left(now: datetime, *, is_day: bool) -> int:
    if is_day:
        start = now.replace(hour=0, minute=0, second=0, microsecond=0)
        ends = start + timedelta(days=1)
    else:
        ends = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return int((ends - now).total_seconds()) + 1


def _refuse(reason: str, error: Any) -> Any:
    metrics.refused_at_door.labels(reason).inc()
    return error


def read_body() -> bytes:
    """At most READ_BYTES_MAX + 1 bytes of the body: the one more tells that there was more."""
    parts: list[bytes] = []
    left = READ_BYTES_MAX + 1
    try:
        while left > 0 and (part := request.stream.read(left)):
            parts.append(part)
            left -= len(part)
    except OSError as problem:  # the sender went away, or its chunks are not as they should be
        raise BadRequest from problem
    return b"".join(parts)


def items_of(body: bytes) -> list[Item]:
    """The would-be events of this request, in order."""
    content_type = request.headers.get("Content-Type", "")
    media = content_type.partition(";")[0].strip().lower()
    if media == BATCH and len(body) > READ_BYTES_MAX:
        return [Item({}, None, body, media, {}, None, is_too_large=True)]
    return open_body(content_type, dict(request.headers), body, percent_encoded=True)
