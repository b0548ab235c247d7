"""诉求列表: for staff all that fits, for residents their own; 台账 to take away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, render_template, request, send_file
from sqlalchemy.orm import Session

from services.intake import queries
from services.intake.pages.paging import rows_per_page
from services.intake.pages.words import STATE_TONES, URGENCY_TONES, options, word
from services.intake.queries.reading import OFFICE
from services.intake.queries.request_lists import (
    GROUPS,
    LEDGER_MAX,
    Wanted,
    ledger,
    requests,
    units,
    units_of,
)
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import Rejected
from shared.web.access import require_role
from shared.web.auth import Account, signed_in
from shared.web.i18n import language, t
from shared.web.sheets import XLSX, Row, write_workbook

READERS = ("staff", "manager", "operator", "auditor", "resident")
_CODES = ("state", "urgency", "category", "condition", "grid", "community", "street", "unit")
_CODE_MAX = 64
_GROUP_WORDS = {
    "open": ("在办", "Open"),
    "overdue": ("超期未办", "Overdue"),
    "soon": ("两小时内到期", "Due within two hours"),
    "ended": ("已了结", "Ended"),
}
_HEADING: Row = (
    "编号 number", "状态 state", "来源 door", "紧急 urgency", "类别 category", "标题 title",
    "社区 community", "网格 grid", "居民 resident", "承办 unit", "提出 asked", "受理 received",
    "时限 due", "办结 resolved", "了结 ended",
)  # fmt: skip


def add_request_list(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    """`/requests` and `/requests.xlsx`."""

    @blueprint.get("/requests")
    @require_role(*READERS)
    def list_requests() -> str:
        account = signed_in()
        is_office = account.role in OFFICE
        with sessions() as session:
            wanted = _wanted(session, account)
            page = requests(
                session, cipher, wanted,
                before=request.args.get("before"), limit=rows_per_page(),
            )  # fmt: skip
            communities = queries.communities(session) if is_office else []
            known = units(session) if is_office else []
        return render_template(
            "requests.html",
            page=page,
            filters=request.args,
            communities=communities,
            units=[
                (one.unit_code, one.name_en if language() == "en" else one.name) for one in known
            ],
            groups=[("", t("全部", "All")), *((name, t(*_GROUP_WORDS[name])) for name in GROUPS)],
            is_office=is_office,
            at=clock.now(),
            ledger_max=LEDGER_MAX,
            word=word,
            options=options,
            urgency_tones=URGENCY_TONES,
            state_tones=STATE_TONES,
        )

    @blueprint.get("/requests.xlsx")
    @require_role(*sorted(OFFICE))
    def take_ledger() -> Response:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the answer
        with sessions() as session:
            rows = ledger(session, cipher, _wanted(session, signed_in()))
            write_workbook(file, [("台账 ledger", _HEADING, _lines(rows))])
        file.seek(0)
        return send_file(
            file, XLSX, as_attachment=True, download_name=f"requests-{clock.today()}.xlsx"
        )


def _wanted(session: Session, account: Account) -> Wanted:
    """What the address asks for; for a resident never anything but what is their own."""
    if account.role not in OFFICE:
        return Wanted(resident_no=account.subject or "-")
    args = request.args
    codes = {name: args.get(name, "").strip() or None for name in _CODES}
    for name, value in codes.items():
        if value is not None and len(value) > _CODE_MAX:
            raise Rejected("code", f"{name}：编码过长", f"{name}: too long", pointer=f"/{name}")
    return Wanted(
        **codes,
        group=args["group"] if args.get("group") in GROUPS else None,
        units=units_of(session, account.account_no) if args.get("mine") else None,
        since=_day("since"),
        until=_day("until"),
        text=args.get("q", "").strip()[:_CODE_MAX] or None,
    )


def _day(name: str) -> date | None:
    typed = request.args.get(name, "").strip()
    if not typed:
        return None
    try:
        return date.fromisoformat(typed)
    except ValueError as problem:
        raise Rejected(
            "day",
            f"{name}：日期应形如 2026-10-21",
            f"{name}: write the day as 2026-10-21",
            pointer=f"/{name}",
        ) from problem


def _lines(rows: Iterator[dict[str, Any]]) -> Iterator[Row]:
    for one in rows:
        yield (
            one["request_no"],
            word("state", one["state"]),
            word("door", one["door"]),
            word("urgency", one["urgency"]),
            one["condition_code"] or one["category"],
            one["title"],
            one["community_name"],
            one["grid_name"] or one["grid_code"],
            one["resident_name"],
            one["unit_name"],
            *(_moment(one[name]) for name in
              ("opened_at", "accepted_at", "due_at", "resolved_at", "ended_at")),
        )  # fmt: skip


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(DISTRICT_TIMEZONE).strftime("%Y-%m-%d %H:%M")
