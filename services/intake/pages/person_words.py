"""What the tables and columns of a person's data are called, for the person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from shared.clock import DISTRICT_TIMEZONE
from shared.web.i18n import t

_TABLES: Final = {
    "accounts": ("账号", "Accounts"),
    "attachments": ("附件", "Documents"),
    "board_exclusions": ("不计入评价", "Not counted"),
    "census_entries": ("入户登记", "Census"),
    "claims": ("领单", "Claims"),
    "consents": ("授权同意", "Consents"),
    "contributions": ("参加的活动", "Activities"),
    "followers": ("关注的诉求", "Requests followed"),
    "hall_applications": ("代办事项", "Hall matters"),
    "hall_appointments": ("预约", "Appointments"),
    "hall_documents": ("代办材料", "Documents of hall matters"),
    "hall_notes": ("代办说明", "Notes of hall matters"),
    "hall_steps": ("代办经过", "Steps of hall matters"),
    "households": ("户", "Household"),
    "open311_reports": ("经开放接口提交", "By Open311"),
    "photo_origins": ("拍摄时间地点", "Where photos were taken"),
    "photos": ("照片", "Photos"),
    "request_clocks": ("办理时限", "Limits"),
    "request_contacts": ("联系方式", "Contact"),
    "request_steps": ("办理经过", "Steps"),
    "requests": ("诉求", "Requests"),
    "resident_roles": ("身份", "Roles"),
    "resident_skills": ("技能", "Skills"),
    "resident_verdicts": ("评单", "Verdicts"),
    "residents": ("登记信息", "The register"),
    "scan_requests": ("扫描件对应诉求", "Requests of scans"),
    "scans": ("扫描件", "Scans"),
    "step_notes": ("办理说明", "Notes"),
    "tea_stall_requests": ("茶摊上提出", "Said at a tea stall"),
    "unmaskings": ("谁看过姓名电话", "Who saw name or phone"),
    "verdict_links": ("评单链接", "Links for verdicts"),
    "verdict_words": ("评单附言", "Words of verdicts"),
    "wish_claims": ("微心愿认领", "Claims of wishes"),
    "wish_pictures": ("微心愿照片", "Pictures of wishes"),
    "wish_steps": ("微心愿经过", "Steps of wishes"),
    "wishes": ("微心愿", "Wishes"),
}
_COLUMNS: Final = {
    "resident_no": ("居民编号", "Resident number"),
    "name": ("姓名", "Name"),
    "phone": ("电话", "Phone"),
    "household_no": ("户编号", "Household"),
    "birth_year": ("出生年", "Year of birth"),
    "grid_code": ("网格", "Grid"),
    "language": ("语言", "Language"),
    "request_no": ("诉求编号", "Request number"),
    "request_id": ("诉求序号", "Request id"),
    "title": ("标题", "Title"),
    "description": ("内容", "Description"),
    "state": ("状态", "State"),
    "address": ("地址", "Address"),
    "note": ("说明", "Note"),
    "at": ("时间", "At"),
    "action": ("做了什么", "Action"),
    "reason": ("原因", "Reason"),
    "purpose": ("用途", "Purpose"),
    "how": ("方式", "How"),
    "given_at": ("同意时间", "Given at"),
    "withdrawn_at": ("撤回时间", "Withdrawn at"),
    "kind": ("种类", "Kind"),
    "role": ("身份", "Role"),
    "since": ("自", "Since"),
    "until": ("至", "Until"),
    "category": ("类别", "Category"),
    "round": ("第几次", "Round"),
    "solved": ("是否解决", "Solved"),
    "satisfied": ("是否满意", "Satisfied"),
    "field": ("看了什么", "What was seen"),
    "started_at": ("开始", "Started"),
    "ended_at": ("结束", "Ended"),
    "due_at": ("时限", "Due"),
    "opened_at": ("提出时间", "Asked at"),
    "accepted_at": ("受理时间", "Received at"),
    "resolved_at": ("办结时间", "Resolved at"),
    "partner": ("合伙人", "Partner"),
    "registered_at": ("登记时间", "Registered at"),
    "made_at": ("生成时间", "Made at"),
    "expires_at": ("失效时间", "Expires at"),
}
_TELLING: Final = (
    "request_no", "application_no", "appointment_no", "wish_code", "name", "title", "purpose",
    "action", "role", "skill", "kind", "field", "solved", "category", "note", "words",
    "at", "given_at", "since", "started_at", "made_at", "claimed_at",
)  # fmt: skip


def table_word(name: str) -> str:
    """A table's name for people; its own where there is none."""
    return t(*_TABLES.get(name, (name, name)))


def column_word(name: str) -> str:
    """A column's name for people; its own where there is none."""
    return t(*_COLUMNS.get(name, (name, name)))


def shown_value(value: Any) -> str:
    """A value as text: moments in the district's time, — for nothing."""
    if value is None or value == "":
        return "—"
    if isinstance(value, datetime):
        return value.astimezone(DISTRICT_TIMEZONE).strftime("%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, date) else str(value)


def headline(row: Mapping[str, Any]) -> str:
    """A row in a few words: what tells it from the others."""
    told = [shown_value(row[name]) for name in _TELLING if row.get(name)]
    return " · ".join(told[:3]) or shown_value(next(iter(row.values()), None))
