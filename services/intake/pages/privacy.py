"""个人信息: all that is held of oneself, giving it out by staff, the log of that, how long it stays."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from services.intake.actions.person_exports import REASON_MAX, give_out
from services.intake.pages.paging import rows_per_page
from services.intake.pages.person_pdf import pdf
from services.intake.pages.person_words import column_word, headline, shown_value, table_word
from services.intake.pages.words import word
from services.intake.queries.retention import exports, keeping_rules, retention_now, retention_rules
from shared import clock
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in

MINE = "/privacy/mine"
PEOPLE = "/privacy/people"
_FORMS = {"json": "application/json", "pdf": "application/pdf"}


def make_privacy(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/privacy/mine`, `/privacy/people`, `/privacy/retention`."""
    blueprint = Blueprint("privacy", __name__)
    _add_mine(blueprint, sessions, cipher)
    _add_people(blueprint, sessions, cipher)

    @blueprint.get("/privacy/retention")
    @require_role("staff", "manager", "operator", "auditor")
    def show_retention() -> str:
        with sessions() as session:
            rules = retention_rules(session)
            now = retention_now(session, clock.today())
            kept = keeping_rules(session)
        return render_template("retention.html", rules=rules, now=now, kept=kept, word=word)

    return blueprint


def _add_mine(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.get(MINE)
    @require_role("resident")
    def show_mine() -> str:
        account = signed_in()
        if not account.subject:
            raise Missing("no_resident", "查无此居民", "There is no such resident")
        with transaction(sessions) as tx:
            at, tables = give_out(
                tx, cipher, account.subject,
                account_no=account.account_no, form="page", reason=None,
            )  # fmt: skip
        return render_template(
            "own_data.html",
            at=at,
            tables=tables,
            table_word=table_word,
            column_word=column_word,
            shown_value=shown_value,
            headline=headline,
        )

    @blueprint.post(MINE)
    @require_role("resident")
    def take_mine() -> Response:
        account = signed_in()
        return _taken(sessions, cipher, account.subject, _form(), None)


def _add_people(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    def shown(problem: LinliError | None = None) -> str:
        before = request.args.get("before", "")
        limit = rows_per_page()
        with sessions() as session:
            rows = exports(
                session,
                before=int(before) if before.isdecimal() and len(before) < 19 else None,
                limit=limit + 1,
            )
        return render_template(
            "person_exports.html",
            rows=rows[:limit],
            next=rows[limit - 1]["id"] if len(rows) > limit else None,
            problem=problem,
            form=request.form,
            reason_max=REASON_MAX,
            may_export=signed_in().role in ("staff", "manager"),
            word=word,
        )

    @blueprint.get(PEOPLE)
    @require_role("staff", "manager", "auditor")
    def show_exports() -> str:
        return shown()

    @blueprint.post(PEOPLE)
    @require_role("staff", "manager")
    def take_person() -> Response | AnyResponse | tuple[str, int]:
        number = request.form.get("resident_no", "").strip().upper()
        try:
            return _taken(sessions, cipher, number, _form(), request.form.get("reason", ""))
        except LinliError as problem:
            return shown(problem), problem.status

    @blueprint.get("/privacy")
    @require_role("resident", "staff", "manager", "auditor")
    def find_privacy() -> AnyResponse:
        return redirect(MINE if signed_in().role == "resident" else PEOPLE, 303)


def _form() -> str:
    return "pdf" if request.form.get("form") == "pdf" else "json"


def _taken(
    sessions: Sessions, cipher: FieldCipher, resident_no: str, form: str, reason: str | None
) -> Response:
    with transaction(sessions) as tx:
        at, tables = give_out(
            tx, cipher, resident_no,
            account_no=signed_in().account_no, form=form, reason=reason,
        )  # fmt: skip
    body = (
        pdf(resident_no, at, tables)
        if form == "pdf"
        else json.dumps(
            {"resident_no": resident_no, "made_at": at, "tables": tables},
            ensure_ascii=False,
            indent=1,
            default=_plain,
        ).encode()
    )
    name = f"attachment; filename=held-{resident_no}-{clock.today()}.{form}"
    return Response(body, mimetype=_FORMS[form], headers={"Content-Disposition": name})


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
