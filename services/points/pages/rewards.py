"""奖品目录 and one reward, for residents; a clerk redeems here for somebody who comes by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from services.points.actions.households import POINTS
from services.points.actions.redemptions import Asked, redeem
from services.points.actions.redemptions_settling import Ending, settle
from services.points.pages.redemptions import add_redemptions
from services.points.pages.rewards_managed import add_catalogue
from services.points.pages.rewards_words import reward_words
from services.points.queries import rewards as queries
from services.points.queries.households import shared_room
from services.points.queries.rewards import Offer
from services.points.rules.redemptions import QUANTITY_MAX, How
from services.points.rules.reward_form import whole
from services.points.rules.rewards import KINDS, is_exchange_day
from shared import clock
from shared.clock import local_date
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from shared.web.access import public, require_role
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

STATIC = Path(__file__).parents[1] / "static"
STYLE = "rewards.css"
STYLE_MAX_AGE_S = 3600  # its address changes with its content
READERS = ("resident", "staff", "manager", "operator", "auditor")
NUMBER_CHARS_MAX = 32


def make_reward_pages(sessions: Sessions, key: bytes) -> Blueprint:
    """All pages of rewards and redemptions; `key` is what pickup codes are made from."""
    blueprint = Blueprint("reward_pages", __name__)
    digest = hashlib.sha256((STATIC / STYLE).read_bytes()).hexdigest()[:12]

    @blueprint.get("/points/static/" + STYLE)
    @public
    def rewards_css() -> Response:
        return send_from_directory(STATIC, STYLE, max_age=STYLE_MAX_AGE_S)

    @blueprint.app_context_processor
    def words() -> dict[str, object]:
        def style() -> str:
            return url_for("reward_pages.rewards_css", v=digest)

        return {"rewards_style": style, **reward_words()}

    _add_catalogue(blueprint, sessions)
    _add_redeeming(blueprint, sessions, key)
    add_redemptions(blueprint, sessions, key)
    add_catalogue(blueprint, sessions)
    return blueprint


def _add_catalogue(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/points/rewards")
    @require_role(*READERS)
    def list_rewards() -> str:
        kind = request.args.get("kind", "")
        today = clock.today()
        with sessions() as session:
            who = _who(session, _asked_for())
            found = queries.offers(
                session, today, community=who["community"], kind=kind if kind in KINDS else None
            )
        shown = sorted(found, key=lambda one: (not _can_have(one, who), one.terms.price))
        return render_template(
            "rewards.html",
            groups=[
                (name, [one for one in shown if one.terms.kind == name])
                for name in KINDS
                if any(one.terms.kind == name for one in shown)
            ],
            kind=kind,
            who=who,
            can_have=lambda one: _can_have(one, who),
            is_today=lambda one: is_exchange_day(one.terms, today),
        )

    @blueprint.get("/points/rewards/<int:reward_id>")
    @require_role(*READERS)
    def show_reward(reward_id: int) -> str:
        now = clock.now()
        with sessions() as session:
            one = _offer(session, reward_id)
            who = _who(session, _asked_for())
            times = queries.slots(session, reward_id, now) if one.terms.kind == "venue" else []
        return render_template(
            "reward.html",
            one=one,
            who=who,
            shared=_shared(who, one),
            slots=times,
            quantity_max=min(QUANTITY_MAX, one.left if one.left is not None else QUANTITY_MAX),
            can_have=_can_have(one, who),
            is_today=is_exchange_day(one.terms, local_date(now)),
            is_clerk=signed_in().role == "staff",
        )


def _add_redeeming(blueprint: Blueprint, sessions: Sessions, key: bytes) -> None:
    @blueprint.get("/points/rewards/<int:reward_id>/confirm")
    @require_role("resident", "staff")
    def confirm_reward(reward_id: int) -> str | BaseResponse:
        try:
            asked = _asked(request.args, reward_id, key=str(uuid7()))
        except LinliError as problem:
            flash(words_of(problem), "bad")
            return redirect(f"/points/rewards/{reward_id}", 303)
        now = clock.now()
        with sessions() as session:
            one = _offer(session, reward_id)
            who = _who(session, asked.resident_no)
            times = queries.slots(session, reward_id, now) if asked.slot_id else []
        chosen = next((each for each in times if each.id == asked.slot_id), None)
        return render_template(
            "reward_confirm.html",
            one=one,
            who=who,
            asked=asked,
            price=one.terms.price * asked.quantity,
            shared=_shared(who, one),
            slot=chosen,
            is_clerk=signed_in().role == "staff",
        )

    @blueprint.post("/points/rewards/<int:reward_id>/redeem")
    @require_role("resident", "staff")
    def redeem_reward(reward_id: int) -> BaseResponse:
        is_handed_over = signed_in().role == "staff" and request.form.get("hand_over") == "1"
        try:
            asked = _asked(request.form, reward_id, key=request.form.get("key", ""))
            with transaction(sessions) as tx:
                outcome = redeem(tx, asked, key)
                if outcome.redeemed is not None and is_handed_over:
                    ending = Ending(
                        redemption_id=outcome.redeemed.redemption_id, by=asked.by, at=clock.now()
                    )
                    settle(tx, [ending], How.COUNTER)
            done = outcome.answer()
        except Missing:
            raise
        except LinliError as problem:
            flash(words_of(problem), "bad")
            return redirect(f"/points/rewards/{reward_id}", 303)
        flash(
            t("已兑换并发放。", "Redeemed and handed over.")
            if is_handed_over
            else t("兑换成功，请按时领取。", "Redeemed: please collect it in time."),
            "ok",
        )
        return redirect(f"/points/redemptions/{done.redemption_no}", 303)


def _asked(form: Mapping[str, str], reward_id: int, *, key: str) -> Asked:
    account = signed_in()
    resident_no = account.subject
    if account.role == "staff":
        resident_no = form.get("resident_no", "").strip()
        if not 1 <= len(resident_no) <= NUMBER_CHARS_MAX:
            raise Rejected(
                "no_resident",
                "请填写居民编号",
                "give the resident's number",
                pointer="/resident_no",
            )
    quantity = whole(form.get("quantity", "1").strip(), "quantity")
    return Asked(
        key=key,
        resident_no=resident_no,
        reward_id=reward_id,
        quantity=1 if quantity is None else quantity,
        slot_id=whole(form.get("slot_id", "").strip(), "slot_id"),
        use_household=form.get("use_household") == "1",
        by=account.account_no,
    )


def _asked_for() -> str | None:
    account = signed_in()
    return account.subject if account.role == "resident" else None


def _who(session: Any, resident_no: str | None) -> dict[str, Any]:
    """What decides who can have what; nothing of it for somebody who is no resident."""
    if resident_no is None:
        return {"resident_no": None, "community": None, "minutes": None, "holds": {}, "shared": 0}
    community, minutes = queries.asker(session, resident_no)
    today = clock.today()
    return {
        "resident_no": resident_no,
        "community": community,
        "minutes": minutes,
        "holds": queries.spendable(session, resident_no, today),
        "shared": shared_room(session, resident_no, today),
    }


def _can_have(one: Offer, who: Mapping[str, Any]) -> bool:
    """Whether balance, service and stock suffice; days and limits are told apart."""
    if who["resident_no"] is None:
        return one.left != 0
    return (
        one.left != 0
        and who["holds"].get(one.terms.asset, 0) + _shared(who, one) >= one.terms.price
        and who["minutes"] >= one.terms.min_service_minutes
    )


def _shared(who: Mapping[str, Any], one: Offer) -> int:
    """What the household lets somebody use for a reward: points, and nothing else."""
    return int(who["shared"]) if one.terms.asset == POINTS else 0


def _offer(session: Any, reward_id: int) -> Offer:
    one = queries.offer(session, reward_id)
    if one is None:
        raise Missing("no_reward", "没有这件奖品", "there is no such reward")
    return one
