"""What is said of residents besides name and home: purposes, roles, reasons. Pure."""

from __future__ import annotations

import re
from typing import Final

from shared.errors import Rejected

PURPOSES: Final = ("register", "contact", "share", "photo")  # 登记、联系、提供给合伙人、拍照
HOWS: Final = ("paper", "spoken", "online")
ROLES: Final = ("delegate", "grid_worker", "party_member", "volunteer")
WHEREABOUTS: Final = ("here", "away", "moved", "died")
RESIDENCES: Final = ("together", "apart", "on_paper")  # 人户一致、人户分离、空挂
ORIGINS: Final = ("registered", "floating", "overseas")  # 户籍、流动、境外
BUILDING_KINDS: Final = ("dwelling", "mixed", "commercial", "public", "dormitory", "other")
ROOM_USAGES: Final = ("lived_in", "let", "empty", "business", "other")
SEALED_FIELDS: Final = ("name", "phone")
REASON_CHARACTERS_MIN: Final = 4
REASON_CHARACTERS_MAX: Final = 200

_digits = re.compile(r"[0-9][0-9 -]{5,}[0-9]").search


def listed(field: str, value: str, known: tuple[str, ...]) -> str:
    """The value, when it is one of the known; raises Rejected naming the field."""
    if value not in known:
        raise Rejected(
            "unknown_value",
            f"{field}：须为其中之一：{'、'.join(known)}",
            f"{field}: must be one of {', '.join(known)}",
            pointer=f"/{field}",
        )
    return value


def reason_of(typed: str, hidden: tuple[str, ...] = ()) -> str:
    """A reason for looking; raises Rejected when it says nothing, or says what is to be hidden.

    `hidden` are the name and the phone themselves: auditors read reasons, not people.
    """
    reason = " ".join(typed.split())
    if not REASON_CHARACTERS_MIN <= len(reason) <= REASON_CHARACTERS_MAX or "\x00" in reason:
        raise _reason(
            f"请写明理由，{REASON_CHARACTERS_MIN} 至 {REASON_CHARACTERS_MAX} 个字符",
            f"give a reason of {REASON_CHARACTERS_MIN} to {REASON_CHARACTERS_MAX} characters",
        )
    if _digits(reason) or any(each and each in reason for each in hidden):
        raise _reason(
            "理由中不要写姓名、电话或证件号码",
            "leave names, phones and numbers of papers out of the reason",
        )
    return reason


def _reason(zh: str, en: str) -> Rejected:
    return Rejected("reason", f"理由：{zh}", f"reason: {en}", pointer="/reason")
