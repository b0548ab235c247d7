"""微心愿: the wall for everybody, one's own wishes and claims, the desk, and each step's form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions import wishes
from services.intake.actions.wishes import Giver
from services.intake.pages.paging import rows_per_page
from services.intake.pages.wish_words import (
    COLOUR_TONES,
    DECLINE_REASONS,
    wish_options,
    wish_word,
)
from services.intake.queries import wishes as queries
from services.intake.rules.pictures import UPLOAD_BYTES_MAX
from services.intake.rules.states import Actor
from services.intake.rules.wishes import COLOURS, ON_WALL, NewWish, State
from shared import clock
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import Forbidden, LinliError, Missing, Rejected
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import public, require_role
from shared.web.acting import act
from shared.web.auth import Account, current_account, signed_in
from shared.web.bodies import takes_up_to
from shared.web.i18n import t

PATH = "/wishes"
OFFICE = ("staff", "manager", "auditor")
PEOPLE = ("staff", "resident", "partner")
_FORM_BYTES = 64 * 1024
_HAVING = (State.CLAIMED, State.DELIVERED, State.THANKING, State.CLOSED)


def make_wishes(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/wishes` and what is below it."""
    blueprint = Blueprint("wishes", __name__)
    _add_wall(blueprint, sessions)
    _add_new(blueprint, sessions, cipher)
    _add_lists(blueprint, sessions)
    _add_one(blueprint, sessions, cipher)
    _add_office_steps(blueprint, sessions, cipher)
    _add_giving(blueprint, sessions)
    return blueprint


def giver_of(account: Account) -> Giver:
    """Whom this account gives for: itself, a resident, or a partner."""
    if account.role in ("resident", "partner"):
        return Giver(account.role, account.subject)
    return Giver("account", account.account_no)


def _actor_of(account: Account) -> Actor:
    giver = giver_of(account)
    return Actor(giver.kind, giver.no)


def _add_wall(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PATH)
    @public
    def show_wall() -> str:
        shown = request.args.get("shown", "open")
        states = (State.PUBLISHED,) if shown == "open" else _HAVING
        colour = request.args.get("colour") or None
        with sessions() as session:
            page = queries.wall(
                session,
                states=states,
                colour=colour if colour in COLOURS else None,
                after=request.args.get("after"),
                limit=rows_per_page(),
            )
        return render_template(
            "wishes.html",
            page=page,
            colour=colour or "",
            shown=shown,
            account=current_account(),
            **_words(),
        )


def _add_new(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    def shown(form: Mapping[str, str], problem: LinliError | None = None) -> str:
        with sessions() as session:
            limits = queries.limits(session, clock.now())
        return render_template(
            "wish_new.html",
            form=form,
            problem=problem,
            limits=limits,
            is_own=signed_in().role == "resident",
            **_words(),
        )

    @blueprint.get(f"{PATH}/new")
    @require_role("staff", "resident")
    def show_new() -> str:
        return shown(request.args)

    @blueprint.post(f"{PATH}/new")
    @require_role("staff", "resident")
    def register_wish() -> Response:
        form, account = request.form, signed_in()
        is_own = account.role == "resident"
        try:
            new = NewWish(
                colour=form.get("colour", ""),
                resident_no=account.subject if is_own else form.get("resident_no", "").strip(),
                wall_text=form.get("wall_text", ""),
                detail=form.get("detail", ""),
                cost_fen=_fen(form.get("cost", "")),
                has_consented=form.get("has_consented") == "1",
            )
            with transaction(sessions) as tx:
                code = wishes.register(tx, new, _actor_of(account), cipher)
        except LinliError as problem:
            return Response(shown(form, problem), problem.status, mimetype="text/html")
        flash(t(f"心愿 {code} 已登记，待网格员核实。", f"Wish {code} waits for a visit."), "ok")
        return redirect(f"{PATH}/{code}", 303)


def _add_lists(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PATH}/mine")
    @require_role(*PEOPLE)
    def show_mine() -> str:
        account = signed_in()
        giver = giver_of(account)
        with sessions() as session:
            own = queries.own_wishes(session, account.subject) if account.role == "resident" else []
            claims = queries.claims_of(session, giver.kind, giver.no)
        return render_template(
            "wishes_mine.html", own=own, claims=claims, account=account, **_words()
        )

    @blueprint.get(f"{PATH}/desk")
    @require_role(*OFFICE)
    def show_desk() -> str:
        state = request.args.get("state", State.REGISTERED.value)
        before = request.args.get("before", "")
        with sessions() as session:
            page = queries.desk(
                session,
                state,
                before=int(before) if before.isascii() and before.isdigit() else None,
                limit=rows_per_page(),
            )
            counts = queries.counts(session)
            limits = queries.limits(session, clock.now())
        return render_template(
            "wishes_desk.html",
            page=page,
            counts=counts,
            limits=limits,
            state=state,
            states=list(State),
            **_words(),
        )


def _add_one(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.get(f"{PATH}/<code>")
    @public
    def show_wish(code: str) -> str:
        account = current_account()
        with sessions() as session:
            one = _readable(session, cipher, code, account)
            steps = queries.steps_of(session, one["id"]) if one["is_office"] else []
        return render_template("wish.html", one=one, steps=steps, account=account, **_words())

    @blueprint.get(f"{PATH}/<code>/proof.jpg")
    @require_role(*OFFICE)
    def show_proof(code: str) -> Response:
        with sessions() as session:
            picture = queries.picture_of(session, code)
        if picture is None:
            raise Missing("no_picture", "没有照片", "There is no picture")
        return Response(
            picture, mimetype="image/jpeg", headers={"Cache-Control": "private, no-store"}
        )


def _readable(
    session: Session, cipher: FieldCipher, code: str, account: Account | None
) -> dict[str, Any]:
    """The wish, with what this reader is to it; one that is not public does not exist for others.

    What only some may read is taken out here, so that no template can show it.
    """
    one = queries.wish_of(session, cipher, code)
    role = account.role if account else ""
    is_office = role in OFFICE
    is_own = bool(one and account and role == "resident" and account.subject == one["resident_no"])
    if one is None or not (is_office or is_own or one["state"] in ON_WALL):
        raise Missing("no_wish", "没有这个心愿", "There is no such wish")
    giver = giver_of(account) if account else None
    is_giver = giver == Giver(one["giver_kind"] or "", one["giver"] or "")
    if not is_office:
        for name in ("resident_no", "resident_name", "registered_by", "verified_by", "giver"):
            one.pop(name)
        if not (is_own or is_giver):
            one.pop("detail")
        if not is_own:
            one.pop("own_thanks")
    may_claim = role in PEOPLE and not is_own and one["state"] == State.PUBLISHED
    return {
        **one,
        "is_office": is_office,
        "is_clerk": role == "staff",
        "is_own": is_own,
        "is_giver": is_giver,
        "may_claim": may_claim,
    }


def _add_office_steps(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.post(f"{PATH}/<code>/office/<action>")
    @require_role("staff")
    def take_office_step(code: str, action: str) -> Response:
        return _done(sessions, lambda tx: _office_step(tx, code, action, cipher), code)

    @blueprint.post(f"{PATH}/<code>/withdraw")
    @require_role("staff", "resident")
    def withdraw_wish(code: str) -> Response:
        account = signed_in()

        def withdraw(tx: Transaction) -> None:
            if account.role == "resident":
                _check_own(tx, code, account)
            wishes.withdraw(tx, code, _actor_of(account))

        return _done(sessions, withdraw, code)

    @blueprint.post(f"{PATH}/<code>/thank")
    @require_role("resident")
    def thank_giver(code: str) -> Response:
        account = signed_in()

        def thank(tx: Transaction) -> None:
            _check_own(tx, code, account)
            wishes.thank(tx, code, request.form.get("thanks", ""), _actor_of(account))

        return _done(sessions, thank, code)


def _add_giving(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post(f"{PATH}/<code>/claim")
    @require_role(*PEOPLE)
    def claim_wish(code: str) -> Response:
        account = signed_in()
        return _done(
            sessions,
            lambda tx: wishes.claim(tx, code, giver_of(account), _actor_of(account)),
            code,
        )

    @blueprint.post(f"{PATH}/<code>/give-up")
    @require_role(*PEOPLE)
    def give_up_wish(code: str) -> Response:
        account = signed_in()
        return _done(
            sessions,
            lambda tx: wishes.give_up(tx, code, giver_of(account), _actor_of(account)),
            code,
        )

    @blueprint.post(f"{PATH}/<code>/deliver")
    @require_role(*PEOPLE)
    @takes_up_to(UPLOAD_BYTES_MAX + _FORM_BYTES)
    def deliver_wish(code: str) -> Response:
        account, sent = signed_in(), request.files.get("picture")
        picture = sent.stream.read(UPLOAD_BYTES_MAX + 1) if sent else b""
        is_signed = request.form.get("is_signed") == "1"

        def deliver(tx: Transaction) -> None:
            is_office = account.role == "staff"
            if is_office and not picture and not is_signed:
                raise Rejected(
                    "wish",
                    "picture：请附照片，或勾选本人已签收",
                    "picture: send one, or tick that it was signed for",
                    pointer="/picture",
                )
            giver = None if is_office else giver_of(account)
            wishes.deliver(tx, code, _actor_of(account), giver=giver, picture=picture)

        return _done(sessions, deliver, code)


def _office_step(tx: Transaction, code: str, action: str, cipher: FieldCipher) -> None:
    actor, form = _actor_of(signed_in()), request.form
    if action == "verify":
        wishes.verify(tx, code, actor)
    elif action == "decline":
        reason = form.get("reason", "")
        if reason not in DECLINE_REASONS:
            raise Rejected("wish", "reason：请选择原因", "reason: choose one", pointer="/reason")
        wishes.decline(tx, code, reason, actor)
    elif action == "publish":
        wishes.publish(tx, code, form.get("wall_text", ""), actor, cipher)
    elif action in ("show_thanks", "hold_thanks"):
        wishes.look_at_thanks(tx, code, actor, is_good=action == "show_thanks")
    else:
        raise Missing("no_action", "没有这一步", "There is no such step")


def _check_own(tx: Transaction, code: str, account: Account) -> None:
    if wishes.locked(tx, code).resident_no != account.subject:
        raise Forbidden("not_yours", "这不是您的心愿", "This wish is not yours")


def _done(sessions: Sessions, step: Callable[[Transaction], object], code: str) -> Response:
    return act(sessions, step, back=f"{PATH}/{code}", done=t("已办。", "Done."))


def _fen(typed: str) -> int:
    """Whole fen of yuan as typed, such as 199 or 199.50. Raises Rejected."""
    yuan, dot, rest = typed.strip().partition(".")
    whole = yuan.isascii() and yuan.isdigit() and len(yuan) <= 7
    parts = not dot or (rest.isascii() and rest.isdigit() and len(rest) <= 2)
    if not (whole and parts):
        raise Rejected(
            "wish",
            "cost：须为金额，例如 199 或 199.50",
            "cost: must be an amount, such as 199 or 199.50",
            pointer="/cost",
        )
    return int(yuan) * 100 + int(rest.ljust(2, "0") or 0)


def _words() -> dict[str, Any]:
    return {
        "wish_word": wish_word,
        "wish_options": wish_options,
        "colour_tones": COLOUR_TONES,
        "decline_reasons": [(code, t(*words)) for code, words in DECLINE_REASONS.items()],
    }
