"""看板: what the street opens every morning; each figure leads to the requests it counts."""

from __future__ import annotations

import re
import tempfile
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, send_file
from sqlalchemy.orm import Session

from services.intake import queries
from services.intake.pages import board_files
from services.intake.pages.board_words import part_word, percent, rate_word, tone
from services.intake.pages.paging import rows_per_page
from services.intake.pages.words import STATE_TONES, word
from services.intake.queries.board import Asked, behind, board, count_of, streets
from services.intake.queries.board_now import board_now
from services.intake.queries.category_names import category_names
from services.intake.queries.request_lists import units
from services.intake.rules.board import PARTS, THREE
from services.intake.rules.board_sheet import Board
from shared import clock
from shared.db.session import Sessions
from shared.errors import Rejected
from shared.web.access import require_role
from shared.web.i18n import language, t
from shared.web.sheets import XLSX

ROLES = ("staff", "manager", "operator", "auditor")
_SCOPE = ("street", "community", "unit", "category")
_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)
_CODE_MAX = 64


def make_board(sessions: Sessions) -> Blueprint:
    """`/board`, the lists behind its figures, and the board to take away."""
    blueprint = Blueprint("board", __name__)

    @blueprint.get("/board")
    @require_role(*ROLES)
    def show_board() -> str:
        asked = asked_for()
        now = clock.now()
        with sessions() as session:
            made = board(session, asked, now)
            names = category_names(session, now)
            return render_template(
                "board.html",
                board=made,
                now=board_now(session, asked, now),
                at=now,
                asked=asked,
                month=f"{asked.first:%Y-%m}",
                before=f"{asked.first - timedelta(days=1):%Y-%m}",
                after=_after(asked),
                alerts=_alerts(made),
                category_word=lambda code: t(*names.get(code, (code, code))),
                choices=choices(session),
                behind=lambda part, **more: behind_url(asked, part, **more),
                now_url=lambda group: _now_url(asked, group),
                three=THREE,
                **_words(),
            )

    @blueprint.get("/board/list")
    @require_role(*ROLES)
    def show_list() -> str:
        asked = asked_for()
        part = request.args.get("part", "received")
        before = request.args.get("before", "")
        now = clock.now()
        with sessions() as session:
            page = behind(
                session, asked, part, now,
                before=int(before) if before.isdecimal() and len(before) < 19 else None,
                limit=rows_per_page(),
            )  # fmt: skip
            total = count_of(session, asked, part, now)
        return render_template(
            "board_list.html",
            page=page,
            part=part,
            total=total,
            asked=asked,
            month=f"{asked.first:%Y-%m}",
            parts=[(name, part_word(name)) for name in PARTS],
            back="/board?" + urlencode(_kept(asked)),
            state_tones=STATE_TONES,
            **_words(),
        )

    _add_files(blueprint, sessions)
    return blueprint


def _add_files(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/board.xlsx")
    @require_role(*ROLES)
    def board_xlsx() -> Response:
        asked = asked_for()
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the answer
        now = clock.now()
        with sessions() as session:
            made = board(session, asked, now)
            rows = behind(session, asked, "received", now, limit=board_files.ROWS_MAX).rows
            board_files.workbook(file, made, rows, f"{asked.first:%Y-%m}")
        file.seek(0)
        return send_file(
            file, XLSX, as_attachment=True, download_name=f"board-{asked.first:%Y-%m}.xlsx"
        )

    @blueprint.get("/board.pdf")
    @require_role(*ROLES)
    def board_pdf() -> Response:
        asked, now = asked_for(), clock.now()
        with sessions() as session:
            made = board(session, asked, now)
            current = board_now(session, asked, now)
        name = f"attachment; filename=board-{asked.first:%Y-%m}.pdf"
        return Response(
            board_files.pdf(made, current, f"{asked.first:%Y-%m}", now),
            mimetype="application/pdf",
            headers={"Content-Disposition": name},
        )


def asked_for() -> Asked:
    """The month and the part of the district that the address names; this month when it is none."""
    found = _MONTH.fullmatch(request.args.get("month", ""))
    first = date(int(found[1]), int(found[2]), 1) if found else clock.today().replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Asked(
        first=first,
        last=last,
        street=_code("street"),
        community=_code("community"),
        unit=_code("unit"),
        category=_code("category"),
    )


def _code(name: str) -> str | None:
    value = request.args.get(name, "").strip() or None
    if value is not None and len(value) > _CODE_MAX:
        raise Rejected("code", f"{name}：编码过长", f"{name}: too long", pointer=f"/{name}")
    return value


def choices(session: Session) -> dict[str, list[tuple[str, str]]]:
    """What the board may be narrowed to."""
    every = [("", t("全部", "All"))]
    return {
        "street": every + streets(session),
        "community": every + queries.communities(session),
        "unit": every
        + [
            (one.unit_code, one.name_en if language() == "en" else one.name)
            for one in units(session)
        ],
    }


def behind_url(asked: Asked, part: str, **more: str) -> str:
    """The address of the list behind a figure; `more` narrows it to a community or a unit."""
    return "/board/list?" + urlencode({"part": part, **_kept(asked), **more})


def _kept(asked: Asked) -> dict[str, str]:
    kept = {name: value for name in _SCOPE if (value := getattr(asked, name))}
    return {"month": f"{asked.first:%Y-%m}", **kept}


def _now_url(asked: Asked, group: str) -> str:
    scope = {name: value for name in _SCOPE if (value := getattr(asked, name))}
    if "category" in scope:
        scope["condition"] = scope.pop("category")
    return "/requests?" + urlencode({"group": group, **scope})


def _after(asked: Asked) -> str | None:
    return f"{asked.last + timedelta(days=1):%Y-%m}" if asked.last < clock.today() else None


def _alerts(made: Board) -> list[tuple[str, str, str]]:
    """What a month's figures say by themselves: (what, how much, the list)."""
    found = []
    due, late = made.total["resolve_due"], made.total["resolve_due"] - made.total["resolve_met"]
    if due and late * 50 > due:  # more than 2 of 100
        found.append(
            (
                t("超时率高于 2 %", "More than 2 % late"),
                percent(late * 10_000 // due),
                "resolve_due",
            )
        )
    received, nowhere = made.total["received"], made.total["no_place"]
    if received and nowhere * 10 > received:
        found.append(
            (
                t("缺地址的超过 10 %", "More than 10 % without a place"),
                percent(nowhere * 10_000 // received),
                "no_place",
            )
        )
    return found


def _words() -> dict[str, Any]:
    return {
        "word": word,
        "part_word": part_word,
        "rate_word": rate_word,
        "percent": percent,
        "tone": tone,
    }
