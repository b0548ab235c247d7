"""提议与复核: what one person proposes and another decides; rules are declared here too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points.actions.proposals import decide, propose
from services.points.pages.ratings import HONOUR_LEVELS
from services.points.queries import declared
from services.points.queries import households as homes
from services.points.queries.declared import Proposed
from services.points.rules.declared_examples import EXAMPLES
from services.points.rules.declaring import KINDS
from services.points.rules.rating import Rating
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Rejected
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

PLACE = "/points/proposals"
DECLARE = "/points/proposals/declare"
BODY_CHARS_MAX = 20_000

PROPOSAL_KINDS = {
    "declaration": ("发布规则", "Declare rules"),
    "honour": ("登记荣誉", "Register an honour"),
    "pool_grant": ("积分池帮扶", "Grant from a pool"),
    "deduction": ("评价扣分", "Deduction"),
    "appeal": ("申诉", "Appeal"),
}
RULE_KINDS = {
    "star": ("服务星级", "Stars of service"),
    "rating": ("信用评价", "Rating"),
    "honour": ("荣誉分标准", "Scale of honours"),
    "conversion": ("折换", "Conversion"),
    "household": ("家庭限额", "Limits of households"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A proposal as the page tells it."""

    proposed: Proposed
    kind: str
    what: str
    rules: str | None
    is_own: bool
    gives_points: bool


def add_proposals(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/proposals: the queue, and forms to add to it."""

    @blueprint.get(PLACE)
    @require_role("staff", "manager", "auditor")
    def show_proposals() -> str:
        account = signed_in()
        with sessions() as session:
            waiting = declared.proposals(session, is_open=True)
            decided = declared.proposals(session, is_open=False, most=30)
            rating = declared.rating_on(session, clock.today())
            names = _names(rating)
            return render_template(
                "proposals.html",
                waiting=[_told(one, account.account_no, names) for one in waiting],
                decided=[_told(one, account.account_no, names) for one in decided],
                pools=homes.pools(session),
                scale=declared.honour_scale_on(session, clock.today()),
                levels=[(code, t(*said)) for code, said in HONOUR_LEVELS.items()],
                deductions=_deductions(rating),
                may_decide=account.role == "manager",
                may_propose=account.role in {"staff", "manager"},
                once=uuid4(),
            )

    _add_proposing(blueprint, sessions)
    _add_declaring(blueprint, sessions)
    _add_deciding(blueprint, sessions)


def _add_proposing(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post(PLACE)
    @require_role("staff", "manager")
    def make_proposal() -> Response:
        kind = request.form.get("kind", "")

        def verb(tx: Transaction, by: str) -> None:
            propose(
                tx,
                _one_of(kind, "honour", "pool_grant", "deduction"),
                _body(kind),
                reason=request.form.get("reason", ""),
                by=by,
                resident_no=request.form.get("resident_no", ""),
                proposal_id=_id(request.form.get("once", "")),
            )

        return _act(
            sessions, verb, t("已提交，等待另一人复核。", "Proposed; somebody else decides.")
        )


def _add_declaring(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(DECLARE)
    @require_role("manager")
    def edit_rules() -> str:
        kind = request.args.get("kind", "star")
        kind = kind if kind in KINDS else "star"
        examples = EXAMPLES[kind]
        asked = request.args.get("example", "0")
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 3 else 0
        name, rules = examples[min(number, len(examples) - 1)]
        form = {
            "kind": kind,
            "name": name,
            "valid_from": (clock.today() + timedelta(days=1)).isoformat(),
            "rules": json.dumps(rules, ensure_ascii=False, indent=2),
            "reason": "",
        }
        return _editor(form, None)

    @blueprint.post(DECLARE)
    @require_role("manager")
    def declare() -> Response:
        names = ("kind", "name", "valid_from", "rules", "reason")
        form = {name: request.form.get(name, "").strip() for name in names}
        try:
            with transaction(sessions) as tx:
                propose(
                    tx,
                    "declaration",
                    {name: form[name] for name in names[:3]} | {"rules": _json(form["rules"])},
                    reason=form["reason"],
                    by=signed_in().account_no,
                )
        except LinliError as error:
            return Response(_editor(form, error), error.status, mimetype="text/html")
        flash(t("已提交，等待另一人复核。", "Proposed; somebody else decides."), "ok")
        return redirect(PLACE, 303)


def _add_deciding(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post(PLACE + "/<uuid:proposal_id>/decisions")
    @require_role("manager")
    def decide_proposal(proposal_id: UUID) -> Response:
        points = request.form.get("points", "").strip()

        def verb(tx: Transaction, by: str) -> None:
            decide(
                tx,
                proposal_id,
                approve=request.form.get("verdict") == "approve",
                reason=request.form.get("decision_reason", ""),
                by=by,
                points=_whole(points, "/points") if points else None,
            )

        return _act(sessions, verb, t("复核结果已记下。", "Your decision is recorded."))


def _act(sessions: Sessions, verb: Callable[[Transaction, str], None], done: str) -> Response:
    by = signed_in().account_no
    return act(sessions, lambda tx: verb(tx, by), back=PLACE, done=done, typed=True)


def _editor(form: dict[str, str], error: LinliError | None) -> str:
    field = (error.pointer or "").split("/")[1] if error and error.pointer else ""
    return render_template(
        "declare.html",
        form=form,
        problem=words_of(error) if error else None,
        errors={field: words_of(error)} if error and field in form else {},
        kinds=[(code, t(*RULE_KINDS[code])) for code in KINDS],
        examples=[
            (f"{DECLARE}?kind={code}&example={number}", f"{t(*RULE_KINDS[code])} · {name}")
            for code in KINDS
            for number, (name, _) in enumerate(EXAMPLES[code])
        ],
    )


def _body(kind: str) -> dict[str, Any]:
    form = request.form
    if kind == "honour":
        return {name: form.get(name, "").strip() for name in ("level", "title", "on_date")}
    if kind == "pool_grant":
        return {"amount": _whole(form.get("amount", "").strip(), "/amount")}
    return {"code": form.get("code", "")}


def _one_of(kind: str, *allowed: str) -> str:
    if kind not in allowed:
        raise Rejected("bad_kind", "请选择提议的种类", "choose what to propose", pointer="/kind")
    return kind


def _whole(asked: str, pointer: str) -> int:
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 9):
        raise Rejected("not_whole", "请填写整数", "give a whole number", pointer=pointer)
    return int(asked)


def _json(written: str) -> Any:
    if len(written) > BODY_CHARS_MAX:
        raise Rejected("too_long", "规则过长", "the rules are too long", pointer="/rules")
    try:
        return json.loads(written)
    except (ValueError, RecursionError) as problem:
        raise Rejected(
            "not_json", "规则不是正确的 JSON", "the rules are not JSON", pointer="/rules"
        ) from problem


def _id(asked: str) -> UUID | None:
    try:
        return UUID(asked)
    except ValueError:
        return None


def _names(rating: Rating | None) -> dict[str, str]:
    """What parts and deductions are called, by their codes."""
    if rating is None:
        return {}
    named = [(part.code, part.name) for part in rating.parts]
    named += [(one.code, one.name) for one in rating.deductions]
    return {code: t(name.zh, name.en) for code, name in named}


def _deductions(rating: Rating | None) -> list[tuple[str, str]]:
    if rating is None or not rating.deducts:
        return []
    return [(one.code, f"{t(one.name.zh, one.name.en)} −{one.points}") for one in rating.deductions]


def _told(one: Proposed, account_no: str, names: Mapping[str, str]) -> Told:
    return Told(
        proposed=one,
        kind=t(*PROPOSAL_KINDS[one.kind]),
        what=_what(one, names),
        rules=json.dumps(one.body["rules"], ensure_ascii=False, indent=2)
        if one.kind == "declaration"
        else None,
        is_own=one.made_by == account_no,
        gives_points=one.kind == "appeal" and not one.body.get("note_id"),
    )


def _what(one: Proposed, names: Mapping[str, str]) -> str:
    body = one.body
    if one.kind == "declaration":
        kind = t(*RULE_KINDS[body["kind"]])
        return t(
            f"{kind} {body['name']}，自 {body['valid_from']} 起",
            f"{kind} {body['name']}, from {body['valid_from']}",
        )
    if one.kind == "honour":
        return f"{t(*HONOUR_LEVELS[body['level']])} · {body['title']} · {body['on_date']}"
    if one.kind == "pool_grant":
        return t(f"{body['amount']} 分", f"{body['amount']} points")
    code = str(body.get("code") or body.get("part") or "")
    return names.get(code, code)
