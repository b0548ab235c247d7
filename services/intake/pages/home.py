"""The front page, and signing in."""

from __future__ import annotations

from flask import Blueprint, Flask, render_template

from services.intake.actions import accounts
from services.intake.pages.words import word
from shared.crypto import BlindIndex
from shared.db.session import Sessions
from shared.web import auth
from shared.web.access import public
from shared.web.i18n import t
from shared.web.navigation import nav_items
from shared.web.sign_in import register_sign_in

_LEADS = {
    "/overview": ("事件流量、队列与死信", "Flow of events, queues, dead letters"),
    "/passbooks": ("积分与服务时长", "Points and service hours"),
    "/inbox": ("给您的消息", "Messages for you"),
    "/requests": ("诉求的受理情况", "What was asked for, and how it goes"),
    "/wishes": ("许个心愿，或为邻居圆一个", "Make a wish, or fulfil a neighbour's"),
    "/hall": ("办事要带什么、申请、预约", "What to bring, applying, booking a window"),
    "/claims": ("党员和志愿者认领身边的事", "What party members and volunteers take on"),
    "/residents": ("居民登记册", "The register of residents"),
    "/partners": ("单位、意向书与贡献", "Organisations, agreements, contributions"),
    "/notices": ("已发出的通知", "Notices that went out"),
    "/accounts": ("谁可以登录", "Who may sign in"),
}


def register_sign_in_pages(app: Flask, sessions: Sessions, index: BlindIndex) -> None:
    """/sign-in and /sign-out, checked against intake's accounts."""

    def verify(login: str, password: str, address: str) -> auth.Account:
        found = accounts.sign_in(sessions, index, login=login, password=password, address=address)
        return auth.Account(
            account_no=found.account_no,
            role=found.role,
            subject=found.subject,
            name=found.display_name,
        )

    register_sign_in(app, verify)


def make_home() -> Blueprint:
    """`/`: where each role goes from here."""
    blueprint = Blueprint("home", __name__)

    @blueprint.get("/")
    @public
    def home() -> str:
        account = auth.current_account()
        places = [(link.label, link.href, _lead(link.href)) for link in nav_items()]
        if account is not None and account.role == "resident":
            places.append((t("领单", "Claims"), "/claims", _lead("/claims")))
        return render_template(
            "home.html",
            account=account,
            role=word("role", account.role) if account else "",
            places=places if account else [],
        )

    return blueprint


def _lead(href: str) -> str:
    first = "/" + href.lstrip("/").split("/", 1)[0]
    return t(*_LEADS.get(first, ("", "")))
