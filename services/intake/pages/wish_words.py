"""The words that pages of wishes show for codes."""

from __future__ import annotations

from shared.web.i18n import t

COLOURS = {
    "goods_blue": ("蓝色·物品", "Blue · goods"),
    "convenience_yellow": ("黄色·便民", "Yellow · convenience"),
    "urgent_red": ("红色·急难", "Red · urgent"),
}
COLOUR_TONES = {"goods_blue": "wait", "convenience_yellow": "warn", "urgent_red": "bad"}
STATES = {
    "registered": ("待核实", "To be verified"),
    "verified": ("待发布", "To be published"),
    "published": ("待认领", "On the wall"),
    "claimed": ("已认领", "Claimed"),
    "delivered": ("已实现", "Delivered"),
    "thanking": ("致谢待看", "Thanks to be looked at"),
    "closed": ("已致谢", "Thanked"),
    "declined": ("不予采纳", "Declined"),
    "withdrawn": ("已撤回", "Withdrawn"),
}
ACTIONS = {
    "register": ("登记", "Registered"),
    "verify": ("核实", "Verified"),
    "decline": ("不予采纳", "Declined"),
    "publish": ("发布", "Published"),
    "claim": ("认领", "Claimed"),
    "give_up": ("放弃认领", "Given up"),
    "expire": ("超期退回", "Not delivered in time"),
    "deliver": ("送达", "Delivered"),
    "thank": ("致谢", "Thanked"),
    "show_thanks": ("公开致谢", "Thanks shown"),
    "hold_thanks": ("请改写致谢", "Thanks given back"),
    "withdraw": ("撤回", "Withdrawn"),
}
OUTCOMES = {
    "delivered": ("已送达", "Delivered"),
    "given_up": ("已放弃", "Given up"),
    "expired": ("超期退回", "Not in time"),
    "lost": ("未认领到", "Not to be had"),
}
PROOFS = {
    "photo": ("照片", "Picture"),
    "signature": ("本人签收", "Signed for"),
    "partner": ("合伙人系统", "The partner's system"),
}
DECLINE_REASONS = {
    "not_so": ("情况不属实", "It is not so"),
    "too_dear": ("超出微心愿范围", "Too much for a small wish"),
    "by_policy": ("可由政策解决", "There is a policy for it"),
    "again": ("与已有心愿重复", "Wished already"),
}
_ALL = {"colour": COLOURS, "state": STATES, "action": ACTIONS, "outcome": OUTCOMES, "proof": PROOFS}


def wish_word(kind: str, code: str | None) -> str:
    """What a code is called; the code itself when it has no word."""
    return t(*_ALL[kind].get(code or "", (code or "", code or "")))


def wish_options(kind: str) -> list[tuple[str, str]]:
    """(code, word) of each."""
    return [(code, t(*words)) for code, words in _ALL[kind].items()]
