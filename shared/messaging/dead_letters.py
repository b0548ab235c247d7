"""Events that could not be handled, as rows: an operator's work list that never expires unseen.

`waiting` rows came too early and are brought back by the clock; after ATTEMPTS_MAX they are
`open`, as are all others, until a person replays or discards them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared import clock
from shared.errors import Conflict, LinliError, Missing
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

WAITING_ATTEMPTS_MAX = 10
WAIT_FIRST_S = 2
WAIT_MAX_S = 600
LIST_MAX = 200

_TEXT_MAX = 4000

_BURY = text(
    "INSERT INTO dead_letters (id, event_id, event_type, source, correlation_id, queue, reason,"
    " detail, attempts, body, state, first_failed_at, last_failed_at, due_at) VALUES (:id,"
    " :event_id, :event_type, :source, :correlation_id, :queue, :reason, :detail, :attempts,"
    " :body, :state, :at, :at, :due_at)"
    " ON CONFLICT (event_id, source, md5(body)) DO UPDATE SET"
    " attempts = dead_letters.attempts + excluded.attempts, detail = excluded.detail,"
    " reason = excluded.reason, last_failed_at = excluded.last_failed_at,"
    " closed_at = NULL, closed_by = NULL,"
    " state = CASE WHEN excluded.state = 'waiting'"
    f" AND dead_letters.attempts + 1 < {WAITING_ATTEMPTS_MAX} THEN 'waiting' ELSE 'open' END,"
    f" due_at = excluded.last_failed_at + make_interval(secs => least({WAIT_MAX_S},"
    f" {WAIT_FIRST_S} * power(2, dead_letters.attempts)))"
)
_LIST = text(
    "SELECT id, event_id, event_type, source, correlation_id, queue, reason, detail, attempts,"
    " state, first_failed_at, last_failed_at, due_at, closed_at, closed_by FROM dead_letters"
    f" WHERE state = ANY(:states) ORDER BY last_failed_at DESC LIMIT {LIST_MAX}"
)
_COUNT = text(
    "SELECT state, count(*) FROM dead_letters WHERE state IN ('waiting', 'open') GROUP BY state"
)
_TAKE = text("SELECT body, queue, state FROM dead_letters WHERE id = :id FOR UPDATE")
_CLOSE = text(
    "UPDATE dead_letters SET state = :state, closed_at = :at, closed_by = :by WHERE id = ANY(:ids)"
)
_DUE = text(
    "SELECT id, body, queue FROM dead_letters WHERE state = 'waiting' AND due_at <= :now"
    f" ORDER BY due_at LIMIT {LIST_MAX} FOR UPDATE SKIP LOCKED"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One event that could not be handled, and why."""

    event_id: str
    event_type: str
    source: str
    correlation_id: str
    queue: str
    reason: str
    detail: str
    attempts: int
    body: bytes
    state: str = "open"
    due_at: datetime | None = None

    @classmethod
    def of_event(
        cls, queue: str, body: dict[str, Any], reason: str, detail: str, attempts: int
    ) -> Failure:
        """A well-formed event whose handler failed."""
        return cls(
            event_id=_text(body.get("id")),
            event_type=_text(body.get("type")),
            source=_text(body.get("source")),
            correlation_id=_text(body.get("correlationid")),
            queue=queue,
            reason=reason,
            detail=detail[-_TEXT_MAX:].replace("\x00", ""),
            attempts=attempts,
            body=orjson.dumps(body),
        )

    @classmethod
    def waiting(
        cls, queue: str, body: dict[str, Any], problem: LinliError, attempts: int
    ) -> Failure:
        """An event that came too early."""
        failure = cls.of_event(queue, body, problem.code, problem.en, attempts)
        due_at = clock.now() + timedelta(seconds=WAIT_FIRST_S)
        return replace(failure, state="waiting", due_at=due_at)

    @classmethod
    def of_body(cls, queue: str, body: Any, problem: Exception) -> Failure:
        """Parsed JSON that is not an event we know."""
        fields = body if isinstance(body, dict) else {"body": body}
        failure = cls.of_event(queue, fields, "undecodable", str(problem), 1)
        return failure if failure.event_id else replace(failure, event_id=f"made-{uuid7()}")

    @classmethod
    def of_bytes(cls, queue: str, body: bytes, problem: Exception) -> Failure:
        """Bytes that are not JSON."""
        failure = cls.of_event(queue, {}, "undecodable", str(problem), 1)
        return replace(failure, event_id=f"made-{uuid7()}", body=body)

    @classmethod
    def conflict(cls, queue: str, body: dict[str, Any]) -> Failure:
        """The id was seen before with another body."""
        detail = "同一编号的事件内容不同 / another body has this id"
        return cls.of_event(queue, body, "id_conflict", detail, 1)


def _text(value: object) -> str:
    return str(value or "")[:512].replace("\x00", "")


def bury(session: Session, failures: Iterable[Failure]) -> None:
    """Write dead letters; one that is there already counts its attempts up."""
    at = clock.now()
    for failure in failures:
        session.execute(
            _BURY,
            {
                "id": uuid7(),
                "at": at,
                **{name: getattr(failure, name) for name in Failure.__slots__},
            },
        )


def listed(session: Session, states: tuple[str, ...] = ("open", "waiting")) -> list[dict[str, Any]]:
    """The newest LIST_MAX rows of these states, without their bodies."""
    return [dict(row) for row in session.execute(_LIST, {"states": list(states)}).mappings()]


def counts(session: Session) -> dict[str, int]:
    """How many are open and how many wait."""
    return dict(session.execute(_COUNT).all())


def replay(tx: Transaction, letter_id: UUID, *, by: str) -> None:
    """Send an open or waiting letter to its own queue again; raises Missing or Conflict.

    If it fails again, the same row is opened again with its attempts counted up.
    """
    row = _take(tx, letter_id)
    _send(tx, row.queue, row.body)
    _close(tx, [letter_id], "replayed", by)


def discard(tx: Transaction, letter_id: UUID, *, by: str) -> None:
    """Close a letter without replay; raises Missing or Conflict."""
    _take(tx, letter_id)
    _close(tx, [letter_id], "discarded", by)


def bring_back(tx: Transaction) -> int:
    """Send again what came too early and is due now; the number sent."""
    rows = tx.session.execute(_DUE, {"now": clock.now()}).all()
    for row in rows:
        _send(tx, row.queue, row.body)
    _close(tx, [row.id for row in rows], "replayed", "clock")
    return len(rows)


def _take(tx: Transaction, letter_id: UUID) -> Row[Any]:
    row = tx.session.execute(_TAKE, {"id": letter_id}).one_or_none()
    if row is None:
        raise Missing("no_dead_letter", "没有这条死信", f"there is no dead letter {letter_id}")
    if row.state not in {"open", "waiting"}:
        raise Conflict("closed", "这条死信已经处理", "this dead letter is closed")
    return row


def _send(tx: Transaction, queue: str, body: bytes) -> None:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise Conflict(
            "not_json", "内容不是 JSON，无法重放，只能作废", "the body is not JSON: discard it"
        ) from problem
    tx.send(queue, [orjson.dumps(parsed).decode()])


def _close(tx: Transaction, letter_ids: list[UUID], state: str, by: str) -> None:
    tx.session.execute(_CLOSE, {"state": state, "at": clock.now(), "by": by, "ids": letter_ids})
