"""The words that pages show for codes, Chinese and English."""

from __future__ import annotations

from shared.web.i18n import t

_REASONS = {
    "too_large": ("内容过大", "Too large"),
    "malformed": ("格式不合规", "Malformed"),
    "source_mismatch": ("来源不符", "Source mismatch"),
    "unsupported_type": ("类型不支持", "Unsupported type"),
    "in_future": ("时间在未来", "In the future"),
    "agreement_inactive": ("意向书未生效", "Agreement inactive"),
    "not_entitled": ("意向书未列入", "Not entitled"),
    "schema": ("数据不合规", "Invalid data"),
    "unknown_resident": ("查无居民", "Unknown resident"),
    "id_conflict": ("编号冲突", "Id conflict"),
    "quota_exceeded": ("超出配额", "Quota exceeded"),
}
_VERDICTS = {
    "accepted": ("已接受", "Accepted"),
    "duplicate": ("重复", "Duplicate"),
    "rejected": ("已拒收", "Rejected"),
}
_STATES = {
    "submitted": ("待受理", "Received"),
    "verifying": ("待核实", "Being verified"),
    "pending": ("待派单", "To be dispatched"),
    "dispatched": ("待接单", "Dispatched"),
    "in_progress": ("办理中", "In progress"),
    "waiting": ("待居民补充", "Waiting for the resident"),
    "checking": ("待核查", "Being checked"),
    "rating": ("待评单", "For the resident to judge"),
    "closed": ("已办结", "Closed"),
    "declined": ("不予受理", "Declined"),
    "referred": ("已转交", "Referred"),
    "shelved": ("挂账", "Shelved"),
    "merged": ("已并案", "Merged"),
    "void": ("已作废", "Void"),
}
STATE_TONES = {
    "closed": "ok", "rating": "ok", "declined": "off", "referred": "off", "merged": "off",
    "void": "off", "shelved": "warn", "waiting": "warn",
}  # fmt: skip
_ACTIONS = {
    "submit": ("提出", "Submitted"),
    "verify": ("核实", "Verify"),
    "admit": ("受理", "Admit"),
    "decline": ("不予受理", "Decline"),
    "dispatch": ("派单", "Dispatch"),
    "accept": ("接单", "Accept"),
    "return": ("退单", "Return"),
    "assign": ("指定承办人", "Assign"),
    "contact": ("首次联系", "First contact"),
    "note": ("记录", "Note"),
    "ask": ("请居民补充", "Ask the resident"),
    "answer": ("居民已补充", "Resident answered"),
    "extend": ("延期", "Extend"),
    "escalate": ("督办", "Escalate"),
    "resolve": ("办结", "Resolve"),
    "send_back": ("退回重办", "Send back"),
    "approve": ("核查通过", "Approve"),
    "rate": ("评单", "Judge"),
    "close": ("结案", "Close"),
    "reopen": ("重新办理", "Reopen"),
    "refer": ("转交", "Refer"),
    "shelve": ("挂账", "Shelve"),
    "resume": ("恢复办理", "Resume"),
    "merge": ("并案", "Merge"),
    "unmerge": ("撤销并案", "Undo the merge"),
    "void": ("作废", "Void"),
}
_KEPT = {
    "hall_application": ("代办申请（了结后）", "Hall applications, from their end"),
    "hall_appointment": ("预约（时间过后）", "Appointments, from their time"),
    "scan": ("没有成为诉求的扫描件", "Scans that became no request"),
    "verdict_link": ("评单链接（用过或过期）", "Links for verdicts, used or expired"),
}
_DOORS = {
    "partner": ("合伙人系统", "Partner system"),
    "counter": ("窗口", "Counter"),
    "tea_stall": ("茶摊", "Tea stall"),
    "patrol": ("巡查", "Patrol"),
    "phone": ("电话", "Phone"),
    "page": ("网页", "Page"),
    "open311": ("Open311", "Open311"),
}
_NATURES = {
    "consult": ("咨询", "Question"),
    "help": ("求助", "Help"),
    "complaint": ("投诉", "Complaint"),
    "report": ("举报", "Report"),
    "suggestion": ("建议", "Suggestion"),
    "thanks": ("感谢", "Thanks"),
    "other": ("其他", "Other"),
}
_TRACKS = {"community": ("社区", "Community"), "village": ("村", "Village")}
_DUTIES = {
    "clerk": ("窗口员", "Clerk"),
    "dispatcher": ("派单员", "Dispatcher"),
    "handler": ("承办人", "Handler"),
    "checker": ("核查员", "Checker"),
    "head": ("负责人", "Head"),
    "secretary": ("书记", "Secretary"),
}
_URGENCIES = {
    "normal": ("一般", "Normal"),
    "urgent": ("紧急", "Urgent"),
    "critical": ("特急", "Critical"),
}
URGENCY_TONES = {"normal": "off", "urgent": "warn", "critical": "bad"}
_ROLES = {
    "resident": ("居民", "Resident"),
    "staff": ("工作人员", "Staff"),
    "manager": ("积分管理员", "Programme manager"),
    "partner": ("合伙人", "Partner"),
    "operator": ("运维", "Operator"),
    "auditor": ("审计", "Auditor"),
}
_SERVICES = {
    "intake": ("受理", "Intake"),
    "points": ("积分", "Points"),
    "partners": ("合伙人", "Partners"),
    "notify": ("通知", "Notices"),
}
_ALL = {
    "reason": _REASONS,
    "verdict": _VERDICTS,
    "state": _STATES,
    "kept": _KEPT,
    "action": _ACTIONS,
    "door": _DOORS,
    "nature": _NATURES,
    "track": _TRACKS,
    "duty": _DUTIES,
    "urgency": _URGENCIES,
    "role": _ROLES,
    "service": _SERVICES,
}


def word(kind: str, code: str | None) -> str:
    """What a code is called; the code itself when it has no word."""
    return t(*_ALL[kind].get(code or "", (code or "", code or "")))


def options(kind: str) -> list[tuple[str, str]]:
    """(code, word) of each, with an empty one first, for a filter."""
    return [("", t("全部", "All")), *((code, t(*words)) for code, words in _ALL[kind].items())]


def told(detail: str | None) -> str:
    """The reader's half of `中文 / English`; all of it when it does not split in two."""
    halves = (detail or "").split(" / ")
    return t(*halves) if len(halves) == 2 else (detail or "")
