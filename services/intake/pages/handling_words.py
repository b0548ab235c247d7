"""The words of handling and closing: reasons, outcomes, the resident's answers, facts of steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.intake.pages.dispatch_words import level_words, reason_words, why_words
from services.intake.rules.dispatch import Reason
from services.intake.rules.handling import REASONS
from services.intake.rules.states import Action
from shared.web.display import local_time
from shared.web.i18n import t

_REASONS = {
    "not_ours": ("不属于受理范围", "Not for this service"),
    "emergency": ("应拨打 110、119、120、122", "An emergency: call 110, 119, 120 or 122"),
    "court": ("应走诉讼、仲裁、复议", "For a court, arbitration or review"),
    "secret": ("涉及国家秘密", "State secrets"),
    "repeated": ("同一事项已办结", "Closed before"),
    "not_found": ("核实不存在", "Not found on the spot"),
    "no_facts": ("信息不足且联系不上", "Not enough is known"),
    "mistake": ("登记有误", "Entered by mistake"),
    "test": ("测试", "A test"),
    "withdrawn": ("提出人撤回", "Withdrawn"),
    "police": ("公安机关", "The police"),
    "court_or_arbitration": ("法院或仲裁", "A court or arbitration"),
    "upper_level": ("上级部门", "A higher authority"),
    "other_district": ("外区", "Another district"),
    "utility": ("水电气热等企业", "A utility company"),
    "funds": ("待落实资金", "Money has to be found"),
    "season": ("待合适季节", "Waits for the season"),
    "consent": ("待居民同意", "Residents have to agree"),
    "law": ("缺法规政策依据", "No legal basis yet"),
    "not_done": ("未办好", "Not done"),
    "no_proof": ("证明不足", "Not proven"),
    "not_told": ("未告知居民", "The resident was not told"),
    "other_place": ("办错地点", "Another place was meant"),
}
_OUTCOMES = {
    "resolved": ("已解决", "Solved"),
    "partly": ("部分解决", "Solved in part"),
    "explained": ("解释说明", "Explained"),
    "unresolved": ("暂未解决", "Not solved"),
}
SOLVED = {
    "solved": ("解决了", "It is solved"),
    "partly": ("解决了一部分", "Partly"),
    "unsolved": ("没解决", "It is not"),
}
SATISFIED = {
    "satisfied": ("满意", "Satisfied"),
    "basically": ("基本满意", "Mostly satisfied"),
    "dissatisfied": ("不满意", "Not satisfied"),
}
_WAYS = {
    "link": ("链接评单", "By link"),
    "page": ("网页评单", "On the page"),
    "call_back": ("电话回访", "By call-back"),
}
_WHY = {
    "verdict": ("居民已评单", "The resident has judged"),
    "silent": ("逾期未评", "No answer in time"),
    "not_reached": ("回访未接通", "Nobody was reached"),
    "unsolved": ("居民评为没解决", "The resident says it is not solved"),
    "no_checker_asked": ("结案条件不要求核查", "No check is asked for"),
    "classified": ("已归类", "Classified"),
    "sample": ("回访抽样", "Sampled"),
    "nature": ("投诉举报必访", "Always called back"),
    "unasked": ("未能发出评单链接", "Could not be asked"),
}
_WORDS = {
    "reason": _REASONS,
    "outcome": _OUTCOMES,
    "solved": SOLVED,
    "satisfied": SATISFIED,
    "way": _WAYS,
    "why": _WHY,
    "track": {"community": ("社区", "Community"), "village": ("村", "Village")},
    "saw": {"contact": ("联系方式", "the contact data")},
    "call_back": {"not_reached": ("未接通", "Not reached")},
}
_LABELS = {
    "reason": ("理由", "Reason"),
    "outcome": ("办理结果", "Outcome"),
    "solved": ("是否解决", "Solved"),
    "satisfied": ("是否满意", "Satisfied"),
    "way": ("方式", "Way"),
    "why": ("原因", "Why"),
    "call_back": ("回访", "Call-back"),
    "saw": ("查看了", "Saw"),
    "round": ("轮次", "Round"),
    "tries": ("次数", "Tries"),
    "handler": ("承办人", "Handler"),
    "checker": ("核查人", "Checker"),
    "photos": ("证明照片", "Photos as proof"),
    "due_at": ("新期限", "New deadline"),
    "due_before": ("原期限", "Former deadline"),
    "due_after": ("现期限", "Deadline now"),
    "rule": ("规则", "Rule"),
    "condition": ("立案条件", "Condition"),
    "track": ("办理轨道", "Track"),
    "unit": ("承办单位", "Unit"),
    "level": ("预警", "Alert"),
    "from": ("来自", "From"),
    "stands_for": ("代表", "Stands for"),
    "no_longer_for": ("不再代表", "No longer for"),
    "clock": ("时限", "Clock"),
    "amount": ("天数", "Days"),
    "granted": ("批准", "Granted"),
    "stall_no": ("茶摊", "Tea stall"),
    "grouped": ("归并件数", "Grouped"),
    "version": ("版本", "Version"),
    "assist": ("协办", "Assisting"),
    "into": ("并入", "Merged into"),
}
# What a resident may read of a step: nothing that names a person or the office's own affairs.
FOR_RESIDENTS = frozenset({"reason", "outcome", "solved", "satisfied", "due_at"})
_ACTS = {
    Action.VERIFY: ("转核实", "Have it verified"),
    Action.ADMIT: ("受理", "Admit"),
    Action.DECLINE: ("不予受理", "Decline"),
    Action.ACCEPT: ("接单", "Accept"),
    Action.ASSIGN: ("指定承办人", "Assign a handler"),
    Action.CONTACT: ("已首次联系居民", "First contact made"),
    Action.NOTE: ("记一笔", "Note"),
    Action.ASK: ("请居民补充", "Ask the resident"),
    Action.ANSWER: ("答复", "Answer"),
    Action.RESOLVE: ("办结", "Resolve"),
    Action.SEND_BACK: ("退回重办", "Send back"),
    Action.APPROVE: ("核查通过", "Approve"),
    Action.REFER: ("转交", "Refer"),
    Action.SHELVE: ("挂账", "Shelve"),
    Action.RESUME: ("恢复办理", "Resume"),
    Action.VOID: ("作废", "Void"),
}


def act_words(action: Action) -> str:
    """What the button of a step says."""
    return t(*_ACTS[action])


def reason_options(action: Action) -> list[tuple[str, str]]:
    """(code, word) of the reasons of a step."""
    return [(code, t(*_REASONS[code])) for code in REASONS.get(action, ())]


def options(words: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """(code, word) of each."""
    return [(code, t(*both)) for code, both in words.items()]


def outcome_options() -> list[tuple[str, str]]:
    """(code, word) of the handler's outcomes."""
    return options(_OUTCOMES)


def answer_word(kind: str, code: str | None) -> str:
    """The word of an answer or reason; empty for none."""
    return t(*_WORDS[kind].get(code, (code, code))) if code else ""


def facts_in_words(facts: Mapping[str, Any], *, is_office: bool) -> list[tuple[str, str]]:
    """(what, value) of a step's facts; residents get what concerns them."""
    return [
        (t(*_LABELS.get(key, (key, key))), _value(key, value))
        for key, value in facts.items()
        if value not in (None, "", [], {}) and (is_office or key in FOR_RESIDENTS)
    ]


def _value(key: str, value: Any) -> str:
    if isinstance(value, list):
        return str(len(value)) if key == "photos" else "、".join(str(each) for each in value)
    if isinstance(value, bool):
        return t("是", "yes") if value else t("否", "no")
    if not isinstance(value, str):
        return str(value)
    return _time(value) if key.startswith("due_") else _said(key, value)


def _time(written: str) -> str:
    try:
        return local_time(datetime.fromisoformat(written))
    except ValueError:
        return written


def _said(key: str, code: str) -> str:
    if key == "level":
        return level_words(code)
    if key == "why" and (why := why_words(code)):
        return why
    if key == "reason" and code in set(Reason):
        return reason_words(code)
    return t(*_WORDS.get(key, {}).get(code, (code, code)))
