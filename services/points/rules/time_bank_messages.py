"""What two districts say to each other, field by field; time_bank_seals.py signs it.

No message holds more of a person than the resident's number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from shared.errors import Rejected
from shared.ids import normal

VERSION = 1
ENVELOPE_BYTES_MAX = 32 * 1024
LOTS_MAX = 400
AMOUNT_MAX = 10**9
LIFE_MAX = timedelta(days=31)
ACCEPTED, REFUSED = "accepted", "refused"
REASONS = (
    "cancelled",
    "expired",
    "peer_inactive",
    "unknown_resident",
    "transfer_max",
    "month_max",
    "balance_max",
    "lot_ended",
)

_code = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{1,31}").fullmatch
_nonce = re.compile(r"[0-9a-f]{32}").fullmatch
_digest = re.compile(r"[0-9a-f]{64}").fullmatch
_resident = re.compile(r"[^\s/\x00-\x1f\x7f]{1,32}").fullmatch
_moment = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", re.ASCII).fullmatch
_day = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CoinLot:
    """Coins of one last day; `NEVER` (9999-12-31) does not end."""

    expires_on: date
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A transfer as the sending district made it. It never changes."""

    transfer_id: UUID
    nonce: str
    from_district: str
    to_district: str
    from_resident: str
    to_resident: str
    amount: int
    lots: tuple[CoinLot, ...]
    issued_at: datetime
    expires_at: datetime

    def body(self) -> dict[str, Any]:
        """What is signed."""
        return {
            "kind": "proposal",
            "version": VERSION,
            "transfer_id": str(self.transfer_id),
            "nonce": self.nonce,
            "from_district": self.from_district,
            "to_district": self.to_district,
            "from_resident": self.from_resident,
            "to_resident": self.to_resident,
            "amount": self.amount,
            "lots": [
                {"expires_on": lot.expires_on.isoformat(), "amount": lot.amount}
                for lot in self.lots
            ],
            "issued_at": _written(self.issued_at),
            "expires_at": _written(self.expires_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """A wish to undo. Only the receiver's signed refusal makes it so."""

    transfer_id: UUID
    nonce: str
    from_district: str
    to_district: str
    issued_at: datetime
    expires_at: datetime

    def body(self) -> dict[str, Any]:
        """What is signed."""
        return {
            "kind": "cancel",
            "version": VERSION,
            "transfer_id": str(self.transfer_id),
            "nonce": self.nonce,
            "from_district": self.from_district,
            "to_district": self.to_district,
            "issued_at": _written(self.issued_at),
            "expires_at": _written(self.expires_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the receiving district decided, for ever. It does not expire.

    Without `digest` it never saw the proposal, and now refuses it whenever it may come.
    """

    transfer_id: UUID
    nonce: str
    from_district: str
    to_district: str
    amount: int | None
    digest: str | None
    outcome: str
    reason: str | None
    decided_at: datetime

    def body(self) -> dict[str, Any]:
        """What is signed."""
        return {
            "kind": "receipt",
            "version": VERSION,
            "transfer_id": str(self.transfer_id),
            "nonce": self.nonce,
            "from_district": self.from_district,
            "to_district": self.to_district,
            "amount": self.amount,
            "digest": self.digest,
            "outcome": self.outcome,
            "reason": self.reason,
            "decided_at": _written(self.decided_at),
        }


def check_code(code: str, pointer: str) -> str:
    """A district's code: 2 to 32 letters, digits and hyphens; raises Rejected."""
    if _code(code) is None:
        raise wrong(pointer, "区代码须为 2 至 32 位字母、数字或连字符",
                     "a district's code is 2 to 32 letters, digits and hyphens")  # fmt: skip
    return code


def check_resident(number: str, pointer: str) -> str:
    """A resident's number: 1 to 32 characters without spaces; raises Rejected."""
    if _resident(number) is None:
        raise wrong(pointer, "居民编号须为 1 至 32 个字符，不含空格和斜杠",
                     "a resident's number is 1 to 32 characters, no space, no slash")  # fmt: skip
    return number


def parse_envelope(raw: bytes) -> dict[str, Any]:
    """An envelope from its bytes, of the right shape but not verified; raises Rejected."""
    if len(raw) > ENVELOPE_BYTES_MAX:
        raise wrong("", f"报文超过 {ENVELOPE_BYTES_MAX} 字节",
                     f"a message has at most {ENVELOPE_BYTES_MAX} bytes")  # fmt: skip
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise wrong("", "报文不是 JSON", "the message is not JSON") from None
    envelope = _table(found, "", ("body", "key_id", "signature"))
    if not isinstance(envelope["body"], dict):
        raise wrong("/body", "须为对象", "must be an object")
    for name in ("key_id", "signature"):
        if not isinstance(envelope[name], str) or not 1 <= len(envelope[name]) <= 100:
            raise wrong(f"/{name}", "须为文字", "must be a text")
    return envelope


_ENDS = ("kind", "version", "transfer_id", "nonce", "from_district", "to_district")


def read_proposal(body: object) -> Proposal:
    """Raises Rejected, naming the field."""
    told = _table(
        body,
        "/body",
        (*_ENDS, "from_resident", "to_resident", "amount", "lots", "issued_at", "expires_at"),
    )
    _of_kind(told, "proposal")
    issued_at, expires_at = _period(told)
    amount = _whole(told["amount"], "/body/amount")
    lots = _lots(told["lots"])
    if sum(lot.amount for lot in lots) != amount:
        raise wrong("/body/lots", "各批次之和须等于总数", "lots must add up to the amount")
    return Proposal(
        **_ends(told),
        from_resident=check_resident(_text(told, "from_resident"), "/body/from_resident"),
        to_resident=check_resident(_text(told, "to_resident"), "/body/to_resident"),
        amount=amount,
        lots=lots,
        issued_at=issued_at,
        expires_at=expires_at,
    )


def read_cancel(body: object) -> Cancel:
    """Raises Rejected, naming the field."""
    told = _table(body, "/body", (*_ENDS, "issued_at", "expires_at"))
    _of_kind(told, "cancel")
    issued_at, expires_at = _period(told)
    return Cancel(**_ends(told), issued_at=issued_at, expires_at=expires_at)


def read_receipt(body: object) -> Receipt:
    """Raises Rejected, naming the field."""
    told = _table(body, "/body", (*_ENDS, "amount", "digest", "outcome", "reason", "decided_at"))
    _of_kind(told, "receipt")
    outcome, reason, digest = told["outcome"], told["reason"], told["digest"]
    if outcome not in (ACCEPTED, REFUSED):
        raise wrong("/body/outcome", "须为 accepted 或 refused", "must be accepted or refused")
    if (outcome == REFUSED) != (reason in REASONS) or (outcome == ACCEPTED and reason is not None):
        raise wrong("/body/reason", "与结果不符", "does not fit the outcome")
    if digest is not None and not (isinstance(digest, str) and _digest(digest)):
        raise wrong("/body/digest", "须为 64 位十六进制", "must be 64 hexadecimal digits")
    amount = None if told["amount"] is None else _whole(told["amount"], "/body/amount")
    return Receipt(
        **_ends(told),
        amount=amount,
        digest=digest,
        outcome=outcome,
        reason=reason,
        decided_at=_at(told, "decided_at"),
    )


def _ends(told: Body) -> dict[str, Any]:
    nonce = _text(told, "nonce")
    if _nonce(nonce) is None:
        raise wrong("/body/nonce", "须为 32 位十六进制", "must be 32 hexadecimal digits")
    written = _text(told, "transfer_id")
    try:
        transfer_id = UUID(normal(written))
    except ValueError:
        raise wrong("/body/transfer_id", "须为 UUID", "must be a UUID") from None
    if str(transfer_id) != written:
        raise wrong("/body/transfer_id", "须为小写的 UUID", "must be a UUID in lower case")
    return {
        "transfer_id": transfer_id,
        "nonce": nonce,
        "from_district": check_code(_text(told, "from_district"), "/body/from_district"),
        "to_district": check_code(_text(told, "to_district"), "/body/to_district"),
    }


def _of_kind(told: Body, kind: str) -> None:
    if told["kind"] != kind:
        raise wrong("/body/kind", f"须为 {kind}", f"must be {kind}")
    if told["version"] != VERSION or isinstance(told["version"], bool):
        raise wrong("/body/version", f"须为 {VERSION}", f"must be {VERSION}")


def _period(told: Body) -> tuple[datetime, datetime]:
    issued_at, expires_at = _at(told, "issued_at"), _at(told, "expires_at")
    if not timedelta(0) < expires_at - issued_at <= LIFE_MAX:
        raise wrong("/body/expires_at", "有效期须在 31 天以内", "must be within 31 days of issue")
    return issued_at, expires_at


def _lots(told: object) -> tuple[CoinLot, ...]:
    if not isinstance(told, list) or not 1 <= len(told) <= LOTS_MAX:
        raise wrong("/body/lots", f"须有 1 至 {LOTS_MAX} 批", f"must be 1 to {LOTS_MAX} lots")
    lots = []
    for place, one in enumerate(told):
        pointer = f"/body/lots/{place}"
        lot = _table(one, pointer, ("expires_on", "amount"))
        lots.append(
            CoinLot(
                _date(lot["expires_on"], f"{pointer}/expires_on"),
                _whole(lot["amount"], f"{pointer}/amount"),
            )
        )
    days = [lot.expires_on for lot in lots]
    if days != sorted(set(days)):
        raise wrong("/body/lots", "须按到期日排列且不重复", "must be by last day, each once")
    return tuple(lots)


def _table(told: object, pointer: str, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise wrong(pointer, "须为对象", "must be an object")
    for name in names:
        if name not in told:
            raise wrong(f"{pointer}/{name}", "缺少此项", "is missing")
    if len(told) != len(names):
        raise wrong(pointer, "有未知的项", "has a field that is not known")
    return told


def _text(told: Body, name: str) -> str:
    if not isinstance(value := told[name], str):
        raise wrong(f"/body/{name}", "须为文字", "must be a text")
    return value


def _whole(value: object, pointer: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= AMOUNT_MAX:
        raise wrong(pointer, f"须为 1 至 {AMOUNT_MAX} 的整数",
                     f"must be a whole number from 1 to {AMOUNT_MAX}")  # fmt: skip
    return value


def _date(value: object, pointer: str) -> date:
    try:
        if isinstance(value, str) and _day(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise wrong(pointer, "须为日期，如 2026-12-31", "must be a day such as 2026-12-31")


def _at(told: Body, name: str) -> datetime:
    value = told[name]
    try:
        if isinstance(value, str) and _moment(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise wrong(f"/body/{name}", "须为 UTC 时刻，如 2026-12-31T00:00:00.000000+00:00",
                 "must be a UTC moment such as 2026-12-31T00:00:00.000000+00:00")  # fmt: skip


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def wrong(pointer: str, zh: str, en: str) -> Rejected:
    """What is wrong with a field of a message."""
    where = pointer or "/"
    return Rejected("malformed_message", f"{where} {zh}", f"{where} {en}", pointer=pointer or None)
