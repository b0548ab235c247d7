"""评单: the link that asks with three buttons, the panel on the request's page, the call-backs."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, make_response, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions import verdicts
from services.intake.actions.asking import token_hash
from services.intake.pages import handling_words as said
from services.intake.pages.history import progress_of
from services.intake.pages.paging import rows_per_page
from services.intake.pages.steps import said_by_form
from services.intake.pages.words import word
from services.intake.queries.calling import call_backs_for, callable_by, contact_of
from services.intake.queries.closing import link_of
from services.intake.queries.history import tracked
from services.intake.rules.closing import WORDS_CHARACTERS_MAX
from services.intake.rules.requests import read_public_code
from shared import clock
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import public, require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

CALL_BACKS_PATH = "/desk/call-backs"


def make_verdicts(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/v/<token>`, `/t/<public_code>` and `/desk/call-backs`."""
    blueprint = Blueprint("verdicts", __name__)
    _add_link(blueprint, sessions)
    _add_tracking(blueprint, sessions)
    _add_call_backs(blueprint, sessions, cipher)
    _add_contacts(blueprint, sessions, cipher)
    return blueprint


def _add_link(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/v/<token>")
    @public
    def ask(token: str) -> Response:
        # Robots that preview links get this page; nothing changes until a button is pressed.
        return _link_page(sessions, token)

    @blueprint.post("/v/<token>")
    @public
    def answer(token: str) -> Response:
        try:
            with transaction(sessions) as tx:
                verdicts.answer_by_link(tx, token, said_by_form())
        except Missing:
            raise
        except LinliError as problem:
            return _link_page(sessions, token, problem)
        return _private(redirect(f"/v/{token}", 303))


def _link_page(sessions: Sessions, token: str, problem: LinliError | None = None) -> Response:
    with sessions() as session:
        link = link_of(session, token_hash(token))
    if link is None:
        raise Missing(
            "no_link",
            "没有这个链接，请从短信或消息中重新打开",
            "There is no such link: open it again from the message",
        )
    is_answered = link.used_at is not None or link.solved is not None
    is_over = clock.now() >= link.expires_at or link.reopened_count != link.round
    answer = make_response(
        render_template(
            "verdict_link.html",
            link=link,
            answered=said.answer_word("solved", link.solved) if is_answered else None,
            is_unsolved=link.solved == "unsolved",
            is_over=is_over and not is_answered,
            solved=said.options(said.SOLVED),
            satisfied=said.options(said.SATISFIED),
            words_max=WORDS_CHARACTERS_MAX,
            error=words_of(problem) if problem and not is_answered else None,
        ),
        problem.status if problem and not is_answered else 200,
    )
    return _private(answer)


def _private(answer: Response) -> Response:
    # The address is the key: it goes into no index and to no other site.
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _add_tracking(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/t/<public_code>")
    @public
    def track(public_code: str) -> Response:
        code = read_public_code(public_code)
        with sessions() as session:
            found = tracked(session, code) if code else None
        if found is None:
            raise Missing(
                "no_request",
                "没有这件诉求，请核对回执上的查询码",
                "There is no such request: check the code on the receipt",
            )
        shown = render_template("tracking.html", one=found, progress=progress_of(found))
        answer = make_response(shown)
        answer.headers["X-Robots-Tag"] = "noindex, nofollow"
        return answer


def _add_call_backs(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.get(CALL_BACKS_PATH)
    @require_role("staff")
    def list_call_backs() -> str:
        with sessions() as session:
            rows = call_backs_for(
                session,
                cipher,
                signed_in().account_no,
                after=_place(request.args.get("after")),
                limit=rows_per_page(),
            )
        return render_template(
            "call_backs.html",
            rows=rows,
            next=f"{rows[-1]['due_at'].isoformat()},{rows[-1]['request_id']}"
            if len(rows) == rows_per_page()
            else None,
            word=word,
            why=lambda code: said.answer_word("why", code),
            solved=said.options(said.SOLVED),
            satisfied=said.options(said.SATISFIED),
            words_max=WORDS_CHARACTERS_MAX,
        )

    @blueprint.post(f"{CALL_BACKS_PATH}/<request_no>")
    @require_role("staff")
    def call_back(request_no: str) -> Response:
        account_no = signed_in().account_no

        def record(tx: Transaction) -> None:
            request_id = _callable(tx.session, account_no, request_no)
            if request.form.get("solved") == "not_reached":
                verdicts.not_reached(tx, request_id, account_no)
            else:
                verdicts.call_back(tx, request_id, said_by_form(), account_no)

        done = t("已记录回访结果", "The answer is recorded")
        return act(sessions, record, back=CALL_BACKS_PATH, done=done)


def _add_contacts(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.post(f"{CALL_BACKS_PATH}/<request_no>/contact")
    @require_role("staff")
    def show_contact(request_no: str) -> str:
        """Whom to call where the register does not know them; the step that says so is first."""
        account_no = signed_in().account_no
        with transaction(sessions) as tx:
            request_id = _callable(tx.session, account_no, request_no)
            verdicts.note_look(tx, request_id, account_no)
        with sessions() as session:
            contact = contact_of(session, cipher, request_id)
        return render_template("call_back_contact.html", request_no=request_no, contact=contact)


def _callable(session: Session, account_no: str, request_no: str) -> int:
    request_id = callable_by(session, account_no, request_no)
    if request_id is None:
        raise Missing("no_call_back", "没有这件回访", "There is no such call-back")
    return request_id


def _place(written: str | None) -> tuple[datetime, int] | None:
    at, _, number = (written or "").partition(",")
    try:
        when = datetime.fromisoformat(at)
        return (when, int(number)) if when.tzinfo else None
    except ValueError:
        return None
