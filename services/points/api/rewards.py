"""Rewards and redemptions for programs: residents' own, clerks', and partners' counters."""

from __future__ import annotations

from typing import Any

from flask import request

from services.points.actions.redemptions import Asked, redeem
from services.points.actions.redemptions_claimed import cancel, collect, redemption_of
from services.points.api.passbooks import PREFIX
from services.points.queries import rewards as queries
from services.points.queries.rewards import Found, Offer
from services.points.rules.redemptions import State, code_hash, make_code, shown_code
from services.points.rules.rewards import is_exchange_day
from services.points.schemas.rewards import (
    CodeSchema,
    OneRewardSchema,
    RedeemSchema,
    RedemptionSchema,
    RedemptionsQuery,
    RedemptionsSchema,
    RewardsQuery,
    RewardsSchema,
)
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import require_subject, signed_in
from shared.web.openapi import ApiBlueprint

READERS = ("resident", "staff", "manager", "operator", "auditor")
OFFICE = frozenset({"staff", "manager", "operator", "auditor"})

_NONE = {"schema": "Problem", "description": "没有 / there is none"}
_REFUSED = {"schema": "Problem", "description": "不能兑换，原因见内容 / refused, and why"}
_BAD = {"schema": "Problem", "description": "内容不对 / what is wrong with it"}
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "schema": {"type": "string", "minLength": 8, "maxLength": 64},
    "description": "由请求方生成；同键同答 / made by the asker; the same key, the same answer",
}


def make_rewards(sessions: Sessions, key: bytes) -> ApiBlueprint:
    """The routes below /rewards and /redemptions; `key` is what pickup codes are made from."""
    blueprint = ApiBlueprint(
        "rewards", __name__, url_prefix=PREFIX, description="奖品与兑换 / rewards and redemptions"
    )
    _add_catalogue(blueprint, sessions)
    _add_redeeming(blueprint, sessions, key)
    _add_reading(blueprint, sessions, key)
    _add_ending(blueprint, sessions)
    return blueprint


def _add_catalogue(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/rewards", methods=["GET"])
    @blueprint.arguments(RewardsQuery, location="query")
    @blueprint.response(200, RewardsSchema)
    @require_role(*READERS)
    def list_rewards(asked: dict[str, Any]) -> dict[str, Any]:
        """今日目录。 / The catalogue of today; a resident sees the own community's."""
        account = signed_in()
        with sessions() as session:
            community = None
            if account.role == "resident":
                community, _ = queries.asker(session, account.subject)
            found = queries.offers(session, clock.today(), community=community, kind=asked["kind"])
        return {"rewards": [_reward(one) for one in found]}

    @blueprint.route("/rewards/<int:reward_id>", methods=["GET"])
    @blueprint.response(200, OneRewardSchema)
    @blueprint.alt_response(404, **_NONE)
    @require_role(*READERS)
    def get_reward(reward_id: int) -> dict[str, Any]:
        """一件奖品，场地附时段。 / One reward, a venue with its times."""
        with sessions() as session:
            one = queries.offer(session, reward_id)
            if one is None:
                raise Missing("no_reward", "没有这件奖品", "there is no such reward")
            times = queries.slots(session, reward_id, clock.now())
        return {**_reward(one), "slots": times}


def _add_redeeming(blueprint: ApiBlueprint, sessions: Sessions, key: bytes) -> None:
    @blueprint.route("/redemptions", methods=["POST"])
    @blueprint.arguments(RedeemSchema)
    @blueprint.response(201, RedemptionSchema)
    @blueprint.alt_response(404, **_NONE)
    @blueprint.alt_response(409, **_REFUSED)
    @blueprint.alt_response(422, **_BAD)
    @blueprint.doc(parameters=[_KEY])
    @require_role("resident", "staff")
    def redeem_reward(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
        """兑换：冻结积分和库存。 / Redeem: points and stock are held."""
        account = signed_in()
        resident_no = body["resident_no"]
        if account.role == "resident":
            resident_no = resident_no or account.subject
            require_subject(resident_no)
        if resident_no is None:
            raise Rejected(
                "no_resident",
                "请填写居民编号",
                "give the resident's number",
                pointer="/resident_no",
            )
        asked = Asked(
            key=request.headers.get("Idempotency-Key", ""),
            resident_no=resident_no,
            reward_id=body["reward_id"],
            quantity=body["quantity"],
            slot_id=body["slot_id"],
            use_household=body["use_household"],
            by=account.account_no,
        )
        with transaction(sessions) as tx:
            outcome = redeem(tx, asked, key)
        done = outcome.answer()
        with sessions() as session:
            found = _one(redemption_of(session, done.redemption_no))
        headers = {"Idempotency-Hit": "true"} if done.is_replay else {}
        return _told(found, key if account.role == "resident" else None), 201, headers


def _add_reading(blueprint: ApiBlueprint, sessions: Sessions, key: bytes) -> None:
    @blueprint.route("/redemptions", methods=["GET"])
    @blueprint.arguments(RedemptionsQuery, location="query")
    @blueprint.response(200, RedemptionsSchema)
    @require_role("resident", "partner", "staff")
    def list_redemptions(asked: dict[str, Any]) -> dict[str, Any]:
        """本人、本单位或全区的兑换，最新的在前。 / One's own, or the district's to a clerk."""
        account, most = signed_in(), queries.PAGE
        before = asked["before"]
        with sessions() as session:
            found = (
                queries.newest_redemptions(session, before=before, most=most + 1)
                if account.role == "staff"
                else queries.redemptions_of(
                    session, account.role, account.subject, before=before, most=most + 1
                )
            )
        shown = found[:most]
        mine = key if account.role == "resident" else None
        return {
            "redemptions": [_told(one, mine) for one in shown],
            "next": shown[-1].id if len(found) > most else None,
        }

    @blueprint.route("/redemptions/<no>", methods=["GET"])
    @blueprint.response(200, RedemptionSchema)
    @blueprint.alt_response(404, **_NONE)
    @require_role("resident", *OFFICE)
    def get_redemption(no: str) -> dict[str, Any]:
        """一笔兑换；领取码只给本人。 / One redemption; its code for its owner alone."""
        with sessions() as session:
            found = _one(redemption_of(session, no))
        account = require_subject(found.resident_no, unless=OFFICE)
        return _told(found, key if account.role == "resident" else None)


def _add_ending(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/redemptions/<no>/cancel", methods=["POST"])
    @blueprint.response(200, RedemptionSchema)
    @blueprint.alt_response(404, **_NONE)
    @blueprint.alt_response(409, **_REFUSED)
    @require_role("resident", "staff")
    def cancel_redemption(no: str) -> dict[str, Any]:
        """取消，积分按原到期日退回。 / Cancel; it comes back with its own expiry."""
        account = signed_in()
        owner = account.subject if account.role == "resident" else None
        with sessions() as session:
            found = _one(redemption_of(session, no))
        with transaction(sessions) as tx:
            cancel(tx, found.id, resident_no=owner, by=account.account_no)
        return _again(sessions, found)

    @blueprint.route("/redemptions/collect", methods=["POST"])
    @blueprint.arguments(CodeSchema)
    @blueprint.response(200, RedemptionSchema)
    @blueprint.alt_response(409, **_REFUSED)
    @blueprint.alt_response(429, schema="Problem", description="输错过多 / too many wrong codes")
    @require_role("partner", "staff")
    def collect_redemption(body: dict[str, Any]) -> dict[str, Any]:
        """凭领取码核销。 / Confirm by the pickup code."""
        account = signed_in()
        partner = account.subject if account.role == "partner" else None
        with transaction(sessions) as tx:
            done = collect(tx, body["code"], partner=partner, by=account.account_no)
        if isinstance(done, LinliError):
            raise done
        return _again(sessions, done)


def _again(sessions: Sessions, found: Found) -> dict[str, Any]:
    with sessions() as session:
        return _told(_one(queries.redemption(session, found.id)), None)


def _one(found: Found | None) -> Found:
    if found is None:
        raise Missing("no_redemption", "没有这笔兑换", "there is no such redemption")
    return found


def _reward(one: Offer) -> dict[str, Any]:
    return {
        **one.terms.columns(),
        "id": one.id,
        "left": one.left,
        "is_exchange_day": is_exchange_day(one.terms, clock.today()),
    }


def _told(found: Found, key: bytes | None) -> dict[str, Any]:
    """A redemption; with its code when `key` is given and the code is still good."""
    told = {name: getattr(found, name) for name in RedemptionSchema().fields if name != "code"}
    code = None
    if key is not None and found.state == State.HELD:
        made = make_code(key, found.redemption_id)
        code = shown_code(made) if code_hash(made) == bytes(found.code_hash) else None
    if signed_in().role == "partner":  # how a family pays is no business of a shop
        told["from_household"] = None
    return {**told, "code": code}
