"""合伙人: the list, one partner with what may be done to it, and registering a new one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.partners import queries
from services.partners.actions import console
from services.partners.actions.credentials import Secrets
from services.partners.actions.organisations import NewPartner, Terms
from services.partners.rules.organisations import Kind, Status
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.messaging.partner_access import exchange_of, reply_queue_of
from shared.messaging.transaction import Transaction, transaction
from shared.schemas import PARTNER_TYPES
from shared.web import auth
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.i18n import t, words_of

_OFFICE = frozenset({"staff", "operator", "auditor"})
_FILTERS = ("status", "kind", "q")
_FIELDS = ("slug", "name", "kind", "system", "no", "valid_from", "valid_to")
ROTATE_OVERLAPS_H = {"0": 0, "24": 24, "168": 168}

_KINDS = {
    "enterprise": ("企业", "Enterprise"),
    "volunteer_team": ("志愿团队", "Volunteer team"),
    "government": ("机关单位", "Government"),
    "merchant": ("商户", "Merchant"),
    "talent": ("人才", "Talent"),
    "other": ("其他", "Other"),
}
_STATUSES = {
    "active": ("已启用", "Active"),
    "suspended": ("已暂停", "Suspended"),
    "revoked": ("已注销", "Revoked"),
}
_VERBS = {
    "register": ("登记", "Registered"),
    "agree": ("签署意向书", "Agreement"),
    "set_quota": ("调整配额", "Quota"),
    "suspend": ("暂停", "Suspended"),
    "ask_activation": ("申请启用", "Activation asked"),
    "activate": ("启用", "Activated"),
    "revoke": ("注销", "Revoked"),
    "rotate": ("更换凭据", "New credentials"),
    "expire_key": ("旧密钥到期", "Old key ended"),
}
_COLOURS = {
    "goods_blue": ("实物心愿", "Goods"),
    "convenience_yellow": ("便民心愿", "Convenience"),
    "urgent_red": ("急难心愿", "Urgent"),
}
_EVENT_TYPES = {
    "linli.activity.attended.v1": ("活动签到", "Activities attended"),
    "linli.wish.fulfilled.v1": ("心愿达成", "Wishes fulfilled"),
    "linli.wish.claimed.v1": ("心愿认领", "Wishes claimed"),
    "linli.request.submitted.v1": ("诉求提交", "Requests submitted"),
    "linli.redemption.collected.v1": ("兑换核销", "Redemptions collected"),
}
_REDEMPTIONS = {
    "held": ("待领取", "To be collected"),
    "collected": ("已领取", "Collected"),
    "released": ("已退回", "Given back"),
}
_REFUSALS = {
    "unknown_code": ("没有这个领取码", "No such code"),
    "foreign_code": ("不由本单位兑付", "For another place"),
    "already_collected": ("已领取过", "Collected already"),
    "released": ("已取消或逾期", "Cancelled or run out"),
    "too_late": ("超过领取期限", "After its time"),
    "too_early": ("早于兑换时间", "Before it was redeemed"),
}
_ALL = {
    "kind": _KINDS,
    "status": _STATUSES,
    "verb": _VERBS,
    "colour": _COLOURS,
    "event_type": _EVENT_TYPES,
    "redemption": _REDEMPTIONS,
    "refusal": _REFUSALS,
}


def make_pages(sessions: Sessions) -> Blueprint:
    """`/partners`, `/partners/new` and `/partners/<slug>`."""
    blueprint = Blueprint("partners", __name__)
    _add_reading(blueprint, sessions)
    _add_registering(blueprint, sessions)
    _add_states(blueprint, sessions)
    _add_rotation(blueprint, sessions)
    return blueprint


def _add_reading(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/partners")
    @require_role(*_OFFICE)
    def list_partners() -> str:
        filters = {name: request.args.get(name) for name in _FILTERS}
        with sessions() as session:
            page = queries.organisations(
                session, filters=filters, after=request.args.get("after", "")
            )
            counts = queries.counts(session)
        return render_template(
            "partners.html",
            page=page,
            filters=filters,
            counts=counts,
            is_operator=auth.signed_in().role == "operator",
            **_words(),
        )

    @blueprint.get("/partners/<slug>")
    @require_role(*_OFFICE, "partner")
    def show_partner(slug: str) -> str:
        auth.require_subject(slug, unless=_OFFICE)
        return _shown(sessions, slug)


def _add_registering(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/partners/new")
    @require_role("operator")
    def new_partner() -> str:
        return render_template("partner_new.html", form={}, errors={}, problem=None, **_words())

    @blueprint.post("/partners/new")
    @require_role("operator")
    def register_partner() -> Response:
        form = {name: request.form.get(name, "").strip() for name in _FIELDS}
        chosen = request.form.getlist("event_types")
        try:
            new = _new_partner(form, chosen)
            with transaction(sessions) as tx:
                secrets = console.register(tx, new, by=_by())
        except LinliError as error:
            field = (error.pointer or "").rsplit("/", 1)[-1]
            page = render_template(
                "partner_new.html",
                form={**form, "event_types": chosen},
                errors={field: words_of(error)} if field else {},
                problem=error,
                **_words(),
            )
            return Response(page, error.status, mimetype="text/html")
        page = _shown(sessions, new.slug, made=secrets)
        return Response(page, 201, mimetype="text/html")


def _add_states(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post("/partners/<slug>/suspend")
    @require_role("operator")
    def suspend(slug: str) -> Response:
        reason = request.form.get("reason", "")
        return _change(
            sessions,
            slug,
            lambda tx: console.suspend(tx, slug, reason=reason, by=_by()),
            t("已暂停，其连接随即切断。", "Suspended; its connections are being cut."),
        )

    @blueprint.post("/partners/<slug>/activate")
    @require_role("operator")
    def activate(slug: str) -> Response:
        return _change(
            sessions,
            slug,
            lambda tx: console.activate(tx, slug, by=_by()),
            t(
                "正在启用，消息服务核对权限后生效。",
                "It becomes active when the broker's rights were checked.",
            ),
        )

    @blueprint.post("/partners/<slug>/revoke")
    @require_role("operator")
    def revoke(slug: str) -> Response:
        if request.form.get("slug") != slug:
            flash(t("代号不符，没有注销。", "The slug differs: nothing was revoked."), "bad")
            return redirect(f"/partners/{slug}", 303)
        return _change(
            sessions,
            slug,
            lambda tx: console.revoke(tx, slug, by=_by()),
            t("已注销。", "Revoked for good."),
        )


def _change(
    sessions: Sessions, slug: str, verb: Callable[[Transaction], None], done: str
) -> Response:
    return act(sessions, verb, back=f"/partners/{slug}", done=done)


def _add_rotation(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post("/partners/<slug>/rotate")
    @require_role("operator")
    def rotate(slug: str) -> str | Response:
        hours = ROTATE_OVERLAPS_H.get(request.form.get("overlap", ""), 0)
        try:
            with transaction(sessions) as tx:
                secrets = console.rotate(tx, slug, overlap=timedelta(hours=hours), by=_by())
        except Missing:
            raise
        except LinliError as error:
            flash(words_of(error), "bad")
            return redirect(f"/partners/{slug}", 303)
        return _shown(sessions, slug, made=secrets)


def _shown(sessions: Sessions, slug: str, *, made: Secrets | None = None) -> str:
    account = auth.signed_in()
    with sessions() as session:
        one = queries.organisation(session, slug)
        if one is None:
            raise Missing("no_partner", "没有这个合伙人", "There is no such partner")
        return render_template(
            "partner.html",
            one=one,
            agreements=queries.agreements(session, slug),
            keys=queries.keys(session, slug),
            entries=queries.entries(session, slug),
            redemptions=queries.redemptions(session, slug),
            refused=queries.refused_claims(session, slug),
            changes=queries.changes(session, slug) if account.role in _OFFICE else [],
            made=made,
            exchange=exchange_of(slug),
            reply_queue=reply_queue_of(slug),
            is_office=account.role in _OFFICE,
            is_operator=account.role == "operator",
            is_own=account.role == "partner",
            **_words(),
        )


def _new_partner(form: dict[str, str], event_types: list[str]) -> NewPartner:
    if form["kind"] not in _KINDS:
        raise Rejected("bad_kind", "请选择类别", "choose a kind", pointer="/kind")
    if not event_types:
        raise Rejected(
            "bad_event_types",
            "请至少选择一种可提交的内容",
            "choose at least one thing the partner may post",
            pointer="/agreement/event_types",
        )
    return NewPartner(
        slug=form["slug"],
        name=form["name"],
        kind=Kind(form["kind"]),
        system=form["system"] or "main",
        terms=Terms(
            no=form["no"],
            valid_from=_day(form, "valid_from"),
            valid_to=_day(form, "valid_to"),
            event_types=event_types,
        ),
    )


def _day(form: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(form[name])
    except ValueError:
        raise Rejected(
            "bad_day",
            "请填写日期，例如 2026-10-01",
            "give a day, such as 2026-10-01",
            pointer=f"/agreement/{name}",
        ) from None


def _state(one: dict[str, Any]) -> tuple[str, str]:
    """The tone and the words of a partner's chip: its status, or what keeps it from posting."""
    if one["status"] == Status.REVOKED:
        return "off", word("status", one["status"])
    if one["activating"]:
        return "wait", t("正在启用", "Being activated")
    if one["status"] == Status.SUSPENDED:
        return "bad", word("status", one["status"])
    if one["valid_from"] > clock.today():
        return "warn", t("意向书未生效", "Agreement not begun")
    if one["valid_to"] < clock.today():
        return "warn", t("意向书已到期", "Agreement ended")
    return "ok", word("status", one["status"])


def word(kind: str, code: str) -> str:
    """What a code is called; the code itself when it has no word."""
    return t(*_ALL[kind].get(code, (code, code)))


def told(text: str | None) -> str:
    """The reader's half of `中文 / English`; all of it when it does not split in two."""
    halves = (text or "").split(" / ")
    return t(*halves) if len(halves) == 2 else (text or "")


def _options(kind: str) -> list[tuple[str, str]]:
    return [("", t("全部", "All")), *((code, t(*words)) for code, words in _ALL[kind].items())]


def _words() -> dict[str, Any]:
    return {
        "word": word,
        "told": told,
        "options": _options,
        "state": _state,
        "partner_types": sorted(PARTNER_TYPES),
    }


def _by() -> str:
    return auth.signed_in().account_no
