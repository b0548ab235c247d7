"""兑换: its states, its pickup code, and why a claim or a request for one is refused.

A redemption is held, then collected or released; both are final. Its code is made from a key of
the web face and the redemption's id, so it can be shown again to its owner without being stored;
the database keeps a slow hash of it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from services.points.rules.explaining import Words
from shared.errors import Conflict, Rejected

QUANTITY_MAX = 99
KEY_CHARS_MIN, KEY_CHARS_MAX = 8, 64
CODE_CHARS = 10
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
EARLY_MAX = timedelta(minutes=5)  # by which a partner's clock may be slow

_HASH_ROUNDS = 1_000
_HASH_BYTES = 16
_SALT = b"linli pickup code"
_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V", "-": None, " ": None})
_NO = re.compile(r"D([0-9]{8})-([0-9]{6,18})", re.ASCII)
_KEY = re.compile(r"[!-~]{8,64}", re.ASCII)


class State(StrEnum):
    """Where a redemption stands."""

    HELD = "held"
    COLLECTED = "collected"
    RELEASED = "released"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.HELD: frozenset({State.COLLECTED, State.RELEASED}),
    State.COLLECTED: frozenset(),
    State.RELEASED: frozenset(),
}


class How(StrEnum):
    """By which way a redemption left `held`."""

    PARTNER_EVENT = "partner_event"
    COUNTER = "counter"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    CANCELLED_BY_STAFF = "cancelled_by_staff"


ENDS_IN: Mapping[How, State] = {
    How.PARTNER_EVENT: State.COLLECTED,
    How.COUNTER: State.COLLECTED,
    How.TIMEOUT: State.RELEASED,
    How.CANCELLED: State.RELEASED,
    How.CANCELLED_BY_STAFF: State.RELEASED,
}

RELEASED_WORDS: Mapping[How, Words] = {
    How.TIMEOUT: Words("逾期未领", "not collected in time"),
    How.CANCELLED: Words("本人取消", "cancelled by the resident"),
    How.CANCELLED_BY_STAFF: Words("窗口取消", "cancelled at the counter"),
}


TOLD_TO_OTHERS: Mapping[str, Words] = {
    "hold": Words("家人兑换，使用了共用的积分", "used by the household for a redemption"),
    "redemption": Words(
        "家人已领取，共用的积分已扣除", "the household has collected what it redeemed"
    ),
    "release": Words(
        "家人的兑换已取消或逾期，共用的积分按原到期日退回",
        "the household's redemption ended, given back with its own expiry",
    ),
}


def told_to_others(kind: str, resident_no: str) -> dict[str, Any]:
    """Facts of a document by whose redemption it is: the passbooks of the others who pay for it
    tell no more than that the household used their points, not for what.
    """
    words = TOLD_TO_OTHERS[kind]
    return {"redeemer": resident_no, "to_others": {"zh": words.zh, "en": words.en}}


class Refusal(StrEnum):
    """Why a code was not accepted."""

    UNKNOWN_CODE = "unknown_code"
    FOREIGN_CODE = "foreign_code"
    ALREADY_COLLECTED = "already_collected"
    RELEASED = "released"
    TOO_LATE = "too_late"
    TOO_EARLY = "too_early"


REFUSAL_WORDS: Mapping[Refusal, Words] = {
    Refusal.UNKNOWN_CODE: Words("没有这个领取码，请核对后重试", "no such code: check it"),
    Refusal.FOREIGN_CODE: Words(
        "这个领取码不由本单位兑付，请让居民到所示地点领取",
        "this code is for another place: send the resident where it says",
    ),
    Refusal.ALREADY_COLLECTED: Words(
        "这个领取码已经用过，请勿再次发放", "this code was used already: hand out nothing more"
    ),
    Refusal.RELEASED: Words(
        "这笔兑换已取消或逾期，积分已退回，请居民重新兑换",
        "this redemption was cancelled or ran out, the points went back: redeem again",
    ),
    Refusal.TOO_LATE: Words(
        "已过领取期限，积分将退回，请居民重新兑换",
        "the time to collect is over, the points go back: redeem again",
    ),
    Refusal.TOO_EARLY: Words(
        "领取时间早于兑换时间，请校准时钟", "collected before it was redeemed: set your clock"
    ),
}


_SETTLED = {State.COLLECTED: Refusal.ALREADY_COLLECTED, State.RELEASED: Refusal.RELEASED}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a claim is judged by."""

    state: State
    partner: str | None
    held_at: datetime
    due_at: datetime


def judge_claim(
    found: Standing | None, *, partner: str | None, collected_at: datetime
) -> Refusal | None:
    """Why a code that a partner presents is refused; None when it is good.

    `partner` None is the district's own counter, which may confirm any code.
    """
    if found is None:
        return Refusal.UNKNOWN_CODE
    if partner is not None and found.partner != partner:
        return Refusal.FOREIGN_CODE
    if found.state is not State.HELD:
        return _SETTLED[found.state]
    if collected_at > found.due_at:
        return Refusal.TOO_LATE
    if collected_at < found.held_at - EARLY_MAX:
        return Refusal.TOO_EARLY
    return None


def refused(reason: Refusal) -> Conflict:
    """A refused code as people at a counter are told it."""
    said = REFUSAL_WORDS[reason]
    return Conflict(reason.value, said.zh, said.en, pointer="/code")


def pickup_key(session_key: str) -> bytes:
    """The key that codes are made from; nothing else is made from it."""
    return hmac.digest(session_key.encode(), _SALT, "sha256")


def make_code(key: bytes, redemption_id: UUID) -> str:
    """Ten characters, 50 bits that nobody without the key can guess."""
    bits = int.from_bytes(hmac.digest(key, redemption_id.bytes, "sha256")[:8], "big")
    return "".join(ALPHABET[bits >> (5 * place) & 31] for place in range(CODE_CHARS))


def shown_code(code: str) -> str:
    """As people read it aloud: XXXXX-XXXXX."""
    return f"{code[:5]}-{code[5:]}"


def read_code(text: str) -> str | None:
    """A code as it was typed or scanned, put right; None when it can be none."""
    code = text.strip().upper().translate(_READ_AS)
    if len(code) != CODE_CHARS or any(letter not in ALPHABET for letter in code):
        return None
    return code


def code_hash(code: str) -> bytes:
    """What the database keeps: too slow to try all codes against a stolen copy in their days."""
    return hashlib.pbkdf2_hmac("sha256", code.encode("ascii"), _SALT, _HASH_ROUNDS, _HASH_BYTES)


def redemption_no(held_on: date, number: int) -> str:
    """D + the day in the district + a number that never repeats, such as D20261003-000042."""
    return f"D{held_on:%Y%m%d}-{number:06d}"


def number_of(text: str) -> int | None:
    """The number in a redemption's number; None when it is none."""
    found = _NO.fullmatch(text.strip().upper())
    return int(found[2]) if found else None


def check_key(key: str) -> str:
    """The idempotency key that the asker made; raises Rejected."""
    if not _KEY.fullmatch(key):
        raise Rejected(
            "bad_key",
            f"Idempotency-Key 须为 {KEY_CHARS_MIN} 至 {KEY_CHARS_MAX} 个可见字符",
            f"Idempotency-Key must have {KEY_CHARS_MIN} to {KEY_CHARS_MAX} visible characters",
            pointer="/key",
        )
    return key


@cache
def next_states(state: State) -> tuple[str, ...]:
    """Where a redemption may go from here, for tests and documents."""
    return tuple(sorted(TRANSITIONS[state]))
