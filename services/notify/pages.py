"""notify's pages: a resident's inbox, and the office's view of deliveries."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from markupsafe import Markup, escape
from werkzeug.wrappers import Response

from services.notify import queries
from services.notify.actions.notices import mark_read
from services.notify.models import Contacts
from services.notify.rules import Kind, State, title
from shared import clock
from shared.db.session import Sessions
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.access import require_role
from shared.web.i18n import language, t

INBOX_PAGE = 20
_VERDICT_LINK = re.compile(r"/v/[A-Za-z0-9_-]{16,64}")

# state: Chinese, English, tone of the chip
STATES: dict[State, tuple[str, str, str]] = {
    State.PENDING: ("待发送", "Waiting", "wait"),
    State.SENDING: ("发送中", "Being sent", "wait"),
    State.SENT: ("已发出", "Sent", "info"),
    State.DELIVERED: ("已送达", "Delivered", "ok"),
    State.FAILED: ("失败", "Failed", "bad"),
    State.UNDELIVERABLE: ("无法送达", "Cannot be delivered", "warn"),
}
# Why, in words; a code that is not here is shown as it is.
_REASONS: dict[str, tuple[str, str]] = {
    "address_unknown": ("还没有这位居民的联系方式", "no contact of this resident yet"),
    "no_phone": ("没有登记电话", "no phone number is registered"),
    "attempts_used_up": ("多次发送都中断", "every attempt was cut off"),
    "linli.timeout": ("供应商没有按时回答", "the vendor did not answer in time"),
    "linli.unreachable": ("连不上供应商", "the vendor cannot be reached"),
    "linli.not_understood": ("供应商的回答读不懂", "the vendor's answer makes no sense"),
    "isv.BUSINESS_LIMIT_CONTROL": ("触发供应商流控", "the vendor's rate limit"),
    "isv.MOBILE_NUMBER_ILLEGAL": ("电话号码不对", "the number is not valid"),
    "isv.SMS_TEMPLATE_ILLEGAL": ("供应商不认这个模板", "the vendor does not know the template"),
    "isv.SMS_SIGNATURE_ILLEGAL": ("供应商不认这个签名", "the vendor does not know the signature"),
    "SignatureDoesNotMatch": ("访问密钥不对", "the access key is wrong"),
    "MOBILE_NOT_ON_SERVICE": ("号码停机或空号", "the number is out of service"),
}


def make_pages(sessions: Sessions, contacts: Contacts) -> Blueprint:
    """`/inbox` and `/notices`."""
    blueprint = Blueprint("pages", __name__)

    @blueprint.get("/inbox")
    @require_role("resident")
    def inbox() -> str:
        account = auth.signed_in()
        with sessions() as session:
            letters = queries.inbox(
                session,
                contacts,
                account.subject,
                language=language(),
                before=_id(request.args.get("before")) or queries.LAST_ID,
                most=INBOX_PAGE,
            )
            unread = queries.unread(session, account.subject)
        is_full = len(letters) == INBOX_PAGE
        return render_template(
            "inbox.html",
            letters=letters,
            linked=_linked,
            unread=unread,
            next=letters[-1].id if is_full else None,
        )

    @blueprint.post("/inbox/read")
    @require_role("resident")
    def read() -> Response:
        if (up_to := _id(request.form.get("up_to"))) is not None:
            with transaction(sessions) as tx:
                mark_read(tx.session, auth.signed_in().subject, up_to, clock.now())
            flash(t("已全部标为已读。", "All are marked as read."), "ok")
        return redirect("/inbox", 303)

    @blueprint.get("/notices")
    @require_role("staff", "operator", "auditor")
    def notices() -> str:
        wanted = request.args.get("state", "")
        state = State(wanted) if wanted in set(State) else None
        with sessions() as session:
            lines = queries.deliveries(
                session,
                contacts,
                state=state,
                before=_id(request.args.get("before")) or queries.LAST_ID,
            )
            states = queries.delivery_states(session)
            kinds = queries.counts(session)
        is_full = len(lines) == queries.PAGE_MAX
        return render_template(
            "notices.html",
            lines=lines,
            states=states,
            kinds=kinds,
            wanted=state,
            next=lines[-1].id if is_full else None,
            **_words(),
        )

    return blueprint


def _linked(text: str) -> Markup:
    """A notice's text; the path of a verdict link in it can be pressed."""
    return Markup(_VERDICT_LINK.sub(r'<a href="\g<0>">\g<0></a>', str(escape(text))))  # noqa: S704


def _words() -> dict[str, Any]:
    return {
        "states_of": {state.value: (t(zh, en), tone) for state, (zh, en, tone) in STATES.items()},
        "title_of": lambda kind: title(Kind(kind), language()),
        "reason_of": lambda code: t(*_REASONS[code]) if code in _REASONS else code,
    }


def _id(text: str | None) -> UUID | None:
    """A cursor from the address; what is odd counts as none."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
