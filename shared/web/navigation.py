"""The menu: one for all four services, by role."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, request

from shared.web.auth import SIGN_IN_PATH, current_account
from shared.web.i18n import t

ELDER_ITEMS_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A place in the menu; `path` may hold {subject} of the signed-in account."""

    path: str
    zh: str
    en: str
    roles: frozenset[str]


def _item(path: str, zh: str, en: str, roles: str) -> Item:
    return Item(path=path, zh=zh, en=en, roles=frozenset(roles.split()))


ITEMS = (
    _item("/overview", "总览", "Overview", "operator auditor"),
    _item("/passbooks/{subject}", "我的存折", "My passbook", "resident"),
    _item("/inbox", "我的消息", "My messages", "resident"),
    _item("/requests", "我的诉求", "My requests", "resident"),
    _item("/hall", "一站式大厅", "One-stop hall", "resident"),
    _item("/wishes", "心愿墙", "Wishes", "resident partner"),
    _item("/requests", "诉求", "Requests", "staff operator auditor"),
    _item("/desk", "受理工作台", "Intake desk", "staff manager operator auditor"),
    _item("/residents", "居民", "Residents", "staff operator"),
    _item("/passbooks", "存折", "Passbooks", "staff manager operator auditor"),
    _item("/points/desk", "积分工作台", "Points desk", "staff manager auditor"),
    _item("/partners/{subject}", "我的单位", "My organisation", "partner"),
    _item("/partners", "合伙人", "Partners", "staff operator auditor"),
    _item("/notices", "通知", "Notices", "staff operator auditor"),
    _item("/accounts", "账号", "Accounts", "operator"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A menu entry as it is shown."""

    href: str
    label: str
    current: bool


def nav_items() -> list[Link]:
    """The menu of whoever is signed in; only the sign-in page for a visitor."""
    account = current_account()
    if account is None:
        return [_link(SIGN_IN_PATH, t("登录", "Sign in"))]
    return [
        _link(item.path.format(subject=account.subject), t(item.zh, item.en))
        for item in ITEMS
        if account.role in item.roles and (account.subject or "{" not in item.path)
    ]


def _link(href: str, label: str) -> Link:
    inside = request.path == href or request.path.startswith(href + "/")
    return Link(href=href, label=label, current=inside)


def install(app: Flask) -> None:
    """Give templates the menu and the account."""
    app.jinja_env.globals.update(
        nav_items=nav_items, current_account=current_account, ELDER_ITEMS_MAX=ELDER_ITEMS_MAX
    )
