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
_STATES = {"submitted": ("已受理", "Received")}
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
