"""公示 for everybody: the notices, each one's sheet as page, PDF and CSV, and objecting to a line.

Numbers of residents and households are masked here, once, for all of them; what somebody objects
to is told to nobody but those who decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import Row
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.points.actions.public_notices import raise_objection
from services.points.pages.notice_sheet import Sheet, SheetLine, as_csv, as_pdf
from services.points.pages.notice_words import REASONS, STATES, TONES, options, said
from services.points.queries import proof
from services.points.queries import public_notices as queries
from services.points.rules.explaining import KINDS
from shared import clock
from shared.crypto import mask_number
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import transaction
from shared.web.access import public, require_role
from shared.web.auth import ROLES, signed_in
from shared.web.i18n import words_of

HOME = "/points/public-notices"
LINES = 50
NOTICES = 20
FILE_MAX_AGE_S = 300  # a sheet of thousands of lines is not drawn anew for each who asks
_LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A line as the page shows it."""

    line: SheetLine
    state: str
    tone: str


def add_public_notices(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/public-notices and what is below it."""

    @blueprint.after_request
    def not_indexed(response: Any) -> Any:
        if request.path.startswith(HOME):
            response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    _add_pages(blueprint, sessions)
    _add_files(blueprint, sessions)
    _add_objecting(blueprint, sessions)


def _add_pages(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(HOME)
    @public
    def list_public_notices() -> str:
        before = _cursor(request.args.get("before", ""))
        now = clock.now()
        with sessions() as session:
            current = queries.current_notices(session, now, 200) if before == _LAST else []
            past = queries.past_notices(session, now, before, NOTICES + 1)
        return render_template(
            "public_notices.html",
            current=current,
            past=past[:NOTICES],
            is_first=before == _LAST,
            next_before=past[NOTICES - 1].notice_id if len(past) > NOTICES else None,
        )

    @blueprint.get(f"{HOME}/<notice_no>")
    @public
    def show_public_notice(notice_no: str) -> str:
        after = _whole(request.args.get("after", ""))
        with sessions() as session:
            notice = notice_or_missing(session, notice_no)
            lines = queries.lines_of(session, notice.notice_id, after=after, most=LINES + 1)
            residents, households = queries.people_of(session, notice.notice_id)
            states = queries.states_of(session, notice.notice_id)
            root = _root_of(session, notice)
        shown = lines[:LINES]
        return render_template(
            "public_notice.html",
            notice=notice,
            is_open=clock.now() < notice.ends_at,
            lines=[_shown(line) for line in shown],
            residents=residents,
            households=households,
            states=[(said(STATES[state]), states[state]) for state in STATES if state in states],
            root=root,
            is_first=after == 0,
            next_after=shown[-1].line_no if len(lines) > LINES else None,
        )


def _add_files(blueprint: Blueprint, sessions: Sessions) -> None:
    def sheet_of(notice_no: str) -> Sheet:
        with sessions() as session:
            notice = notice_or_missing(session, notice_no)
            lines = queries.lines_of(session, notice.notice_id)
            residents, households = queries.people_of(session, notice.notice_id)
            root = _root_of(session, notice)
        return Sheet(
            notice_no=notice.notice_no,
            community_code=notice.community_code,
            first_day=notice.first_day,
            last_day=notice.last_day,
            published_at=notice.published_at,
            ends_at=notice.ends_at,
            residents=residents,
            households=households,
            points=notice.points,
            root=root,
            printed_at=clock.now(),
            address=f"{HOME}/{notice.notice_no}",
            lines=[masked(line) for line in lines],
        )

    @blueprint.get(f"{HOME}/<notice_no>/sheet.pdf")
    @public
    def public_notice_pdf(notice_no: str) -> Response:
        sheet = sheet_of(notice_no)
        return _file(as_pdf(sheet), f"{sheet.notice_no}.pdf", "application/pdf")

    @blueprint.get(f"{HOME}/<notice_no>/sheet.csv")
    @public
    def public_notice_csv(notice_no: str) -> Response:
        sheet = sheet_of(notice_no)
        return _file(as_csv(sheet), f"{sheet.notice_no}.csv", "text/csv; charset=utf-8")


def _add_objecting(blueprint: Blueprint, sessions: Sessions) -> None:
    def form(notice_no: str, given: dict[str, str], problem: LinliError | None = None) -> str:
        with sessions() as session:
            notice = notice_or_missing(session, notice_no)
            number = _whole(given.get("line_no", ""))
            lines = (
                queries.lines_of(session, notice.notice_id, after=number - 1, most=1)
                if number
                else []
            )
        field = (problem.pointer or "").rsplit("/", 1)[-1] if problem else ""
        return render_template(
            "objection.html",
            notice=notice,
            is_open=clock.now() < notice.ends_at,
            line=_shown(lines[0]) if lines and lines[0].line_no == number else None,
            given=given,
            reasons=options(REASONS),
            problem=problem,
            errors={field: words_of(problem)} if problem and field else {},
            is_clerk=signed_in().role == "staff",
        )

    @blueprint.get(f"{HOME}/<notice_no>/objection")
    @require_role(*ROLES)
    def show_objection_form(notice_no: str) -> str:
        return form(notice_no, {"line_no": request.args.get("line", "")})

    @blueprint.post(f"{HOME}/<notice_no>/objection")
    @require_role(*ROLES)
    def object_to_line(notice_no: str) -> Response:
        account = signed_in()
        given = {name: request.form.get(name, "") for name in ("line_no", "reason", "text")}
        try:
            with transaction(sessions) as tx:
                raise_objection(
                    tx,
                    notice_no=notice_no,
                    line_no=_whole(given["line_no"]),
                    reason=given["reason"],
                    why=given["text"],
                    by=account.account_no,
                    role=account.role,
                )
        except LinliError as problem:
            return Response(form(notice_no, given, problem), problem.status, mimetype="text/html")
        flash(
            said(
                (
                    f"第 {_whole(given['line_no'])} 行的异议已收到，核实期间该行暂缓入账。",
                    f"Your objection to line {_whole(given['line_no'])} was received;"
                    " the line waits until it was looked into.",
                )
            ),
            "ok",
        )
        return redirect(f"{HOME}/{notice_no}", 303)


def masked(line: Row[Any]) -> SheetLine:
    """A line as anybody may see it."""
    kind = KINDS.get(line.kind or "")
    name = said((kind.zh, kind.en[:1].upper() + kind.en[1:])) if kind else (line.kind or "")
    return SheetLine(
        line_no=line.line_no,
        on_date=line.on_date,
        household=mask_number(line.household_no or ""),
        resident=mask_number(line.resident_no),
        activity=f"{name} {line.activity_code or ''}".strip(),
        minutes=line.minutes or 0,
        points=line.points,
        state=said(STATES[line.state]),
    )


def notice_or_missing(session: Session, notice_no: str) -> Row[Any]:
    """The notice; raises Missing."""
    notice = queries.notice_of(session, notice_no) if "\x00" not in notice_no else None
    if notice is None:
        raise Missing("no_notice", "没有这份公示", "There is no such public notice")
    return notice


def _root_of(session: Session, notice: Row[Any]) -> str | None:
    """The newest root of the proof of the community, when the notice was published."""
    published_on = clock.local_date(notice.published_at)
    found = proof.latest_root(session, notice.community_code, published_on)
    return f"{found.on_date.isoformat()} {found.root.hex()}" if found else None


def _shown(line: Row[Any]) -> Shown:
    return Shown(masked(line), line.state, TONES[line.state])


def _file(content: bytes, name: str, kind: str) -> Response:
    response = Response(content, mimetype=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = f"public, max-age={FILE_MAX_AGE_S}"
    return response


def _cursor(asked: str) -> UUID:
    """Where the list goes on; what is odd begins at the newest."""
    try:
        return UUID(asked)
    except ValueError:
        return _LAST


def _whole(asked: str) -> int:
    """A number of a line; 0 for what is none."""
    text = asked.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
