"""Every piece of the layout on one page: rendered by tests, and by hand to be looked at.

`python -m tests.unit.shared.test_web_gallery PORT` serves it for a browser; sign-in takes anything.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser

import pytest
from flask import Flask, render_template_string
from marshmallow import Schema, fields, validate

from shared.errors import Unauthenticated
from shared.web.access import bearer_door, public, require_role
from shared.web.app import create_base_app
from shared.web.auth import ROLES, Account
from shared.web.openapi import ApiBlueprint, create_api
from shared.web.settings import WebSettings
from shared.web.sign_in import register_sign_in

KEY = "k" * 40

OVERVIEW = """
{% extends "base.html" %}{% import "_macros.html" as ui %}
{% block title %}总览{% endblock %}
{% block body_attributes %} data-refresh="15"{% endblock %}
{% block content %}
{% set per_minute = t("每分钟事件", "Events per minute") %}
{% call ui.page_header(t("总览", "Overview"),
    t("过去一小时，全部合伙人系统。", "The last hour, all partner systems."),
    eyebrow=t("示范区", "Demonstration district")) %}
  <a class="button quiet" href="/overview">{{ t("刷新", "Reload") }}</a>
  {{ ui.post_button("/replay", t("全部重放", "Replay all"), {"of": "all"}, "") }}
{% endcall %}
{{ ui.notice(t("短信网关连续失败 3 次，正在重试。", "The SMS gateway failed three times."),
    "warn", t("请留意", "Please note")) }}
{% call ui.stats() %}
{{ ui.stat(t("已接收", "Accepted"), 12840|number, t("今日", "today"), "ok", "/x") }}
{{ ui.stat(t("已拒绝", "Rejected"), 37|number, t("较昨日 +4", "+4 on yesterday"), "warn") }}
{{ ui.stat(t("待发送", "Outbox"), 0, t("最久 0 秒", "oldest 0 s"), "ok") }}
{{ ui.stat(t("死信", "Dead letters"), 2, t("等人处理", "wait for a person"), "bad", "/x") }}
{{ ui.stat(t("账不平", "Imbalance"), None, unit=t("分", "points")) }}
{% endcall %}
{% call ui.panel(per_minute) %}
{{ ui.column_chart(per_minute, series, labels, show_title=False) }}
{% endcall %}
<div class="columns">
{% call ui.panel(t("按原因", "By reason"), t("每一条都有结论。", "Each has a verdict.")) %}
{{ ui.bars([("unknown_resident", 18, "/x"), ("schema", 11), ("in_future", 2), ("other", 0)]) }}
{% endcall %}
{% call ui.panel(t("队列", "Queues"), extra=True) %}
{{ ui.definitions([("intake.events", 12), (t("最近一次重启", "Last restart"), None),
    (t("走势", "Trend"), ui.sparkline(series, t("走势", "Trend")))]) }}
{% endcall %}
</div>
{% call ui.panel(t("空的表", "An empty table")) %}
{{ ui.table([], ["a"], "x") }}{{ ui.column_chart("空", []) }}{{ ui.bars([]) }}
{% endcall %}
{% endblock %}
"""

PASSBOOK = """
{% extends "base.html" %}{% import "_macros.html" as ui %}
{% block title %}存折{% endblock %}
{% block content %}
{% set no, day, why = t("序号", "No."), t("日期", "Day"), t("事由", "For") %}
{% set points, balance, state = t("积分", "Points"), t("余额", "Balance"), t("状态", "State") %}
{{ ui.page_header(t("理想银行存折", "Passbook"), "R-000123 · 张**") }}
{% call ui.stats() %}
{{ ui.stat(points, 1260|number, unit=t("分", "points")) }}
{{ ui.stat(t("服务时长", "Service time"), 3725|minutes) }}
{{ ui.stat(t("本月", "This month"), 45|signed) }}
{% endcall %}
{% call ui.panel(t("流水", "Entries")) %}
{% call(row) ui.table(rows, [no, day, why, (points, "num"), (balance, "num"), state],
    t("流水，新的在前", "Entries, newest first")) %}
{{ ui.td(no, row.no, mono=True, head=True) }}{{ ui.td(day, row.at|local_day, short=True) }}
{{ ui.td(why, row.why) }}{{ ui.td(points, row.points|signed, num=True) }}
{{ ui.td(balance, row.balance|number, num=True) }}
{% call ui.td(state) %}{{ ui.chip(row.state, row.tone) }}{% endcall %}
{% endcall %}
{{ ui.pagination(url_with(before="a"), url_with(after="b")) }}
{% endcall %}
<p>{{ ui.bilingual("积分只奖不罚", "Points only reward") }} {{ 123456|fen }}
{% for text, tone in [("已接收", "ok"), ("处理中", "wait"), ("临期", "warn"), ("已拒绝", "bad"),
    ("说明", "info"), ("停用", "off")] %}{{ ui.chip(text, tone) }} {% endfor %}</p>
{% endblock %}
"""

FORM = """
{% extends "base.html" %}{% import "_macros.html" as ui %}
{% block content %}
{{ ui.page_header(t("登记合伙人", "Register a partner")) }}
{% call ui.filters() %}
{{ ui.field("q", t("名称", "Name"), required=False) }}
{{ ui.select("s", t("状态", "State"), [("", t("全部", "All")), ("a", "a")], required=False) }}
{% endcall %}
<form class="panel form" method="post">{{ csrf_field() }}
{{ ui.field("name", t("单位名称", "Name"), "绿色<家园>",
    hint=t("与营业执照一致。", "As on the licence.")) }}
{{ ui.field("phone", t("电话", "Telephone"), "12", inputmode="tel",
    error=t("电话应为 11 位数字，请补全。", "Give all 11 digits.")) }}
{{ ui.select("kind", t("类别", "Kind"), [("a", "自治"), ("b", "公益")], "b") }}
{{ ui.text_area("note", t("备注", "Note"), required=False) }}
{{ ui.submit(t("保存", "Save")) }} {{ ui.submit(t("撤销合作", "Revoke"), "danger") }}
</form>
{% endblock %}
"""


class ThingSchema(Schema):
    n = fields.Integer(required=True, validate=validate.Range(min=1, max=5))
    at = fields.AwareDateTime()
    colour = fields.String(validate=validate.OneOf(["red", "blue"]))


def verify(login: str, password: str, _address: str) -> Account:
    """Signs in `<role>` as that role with any password but `wrong`."""
    if password == "wrong" or login not in ROLES:
        raise Unauthenticated("bad_credentials", "账号或密码不对。", "Wrong name or password.")
    return Account(account_no="A1", role=login, subject="R-000123", name="张**")


@cache
def gallery(**changes: object) -> Flask:
    """An app with every macro and a small API."""
    settings = WebSettings(session_key=KEY, **changes)  # type: ignore[arg-type]
    app = create_base_app(
        "gallery", settings=settings, ready=lambda: {"database": None}, import_name="shared.web"
    )
    register_sign_in(app, verify)
    series = [0, 3, 8, 21, 34, 30, 55, 62, 48, 51, 70, 66, 40, 22, 18, 30] * 3
    labels = [f"{10 + i // 60:02d}:{i % 60:02d}" for i in range(len(series))]
    at = datetime(2026, 3, 4, 20, 0, tzinfo=UTC)
    rows = [
        {"no": n, "at": at, "why": why, "points": p, "balance": 1260, "state": s, "tone": tone}
        for n, why, p, s, tone in (
            (31, "扶老帮困：陪同王奶奶就诊，往返社区卫生服务中心", 45, "已入账", "ok"),
            (30, "兑换：公共活动室两小时", -60, "处理中", "wait"),
            (29, "补录签到，只计时长", 0, "只计时长", "info"),
        )
    ]
    for path, text in (("/overview", OVERVIEW), ("/passbooks/x", PASSBOOK), ("/form", FORM)):

        @public
        def page(text: str = text) -> str:
            return render_template_string(text, series=series, labels=labels, rows=rows)

        app.add_url_rule(path, path, page)
    _add_api(app)
    return app


def _add_api(app: Flask) -> None:
    api = create_api(app, "gallery", title="示例接口 Gallery API")
    things = ApiBlueprint("things", __name__)

    @things.get("/gallery/things/<rest:rest>")
    @public
    @things.arguments(ThingSchema, location="query")
    @things.response(200, ThingSchema)
    def read(args: dict[str, object], rest: str) -> dict[str, object]:
        """One thing.

        With a rest of path."""
        return args | {"colour": rest}

    @things.post("/gallery/things")
    @things.arguments(ThingSchema)
    @things.response(201, ThingSchema)
    @require_role("staff", "operator")
    def write(args: dict[str, object]) -> dict[str, object]:
        """Make a thing."""
        return args

    @things.post("/gallery/events")
    @bearer_door
    @things.response(202)
    def events() -> dict[str, object]:
        """Take events."""
        return {}

    api.register_blueprint(things)


class _Checker(HTMLParser):
    """Finds what the policy or a screen reader would trip over."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.inputs: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.wrong += [f"<{tag} {name}>" for name in given if name == "style" or name[:2] == "on"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.wrong.append(f"inline <{tag}>")
        for name in ("src", "href", "action"):
            if re.match(r"(https?:)?//", given.get(name) or ""):
                self.wrong.append(f"{name}={given[name]}")
        if identity := given.get("id"):
            self.ids.append(identity)
        if tag == "label":
            self.labels.add(given.get("for") or "")
        if tag in {"input", "select", "textarea"} and given.get("type") != "hidden":
            self.inputs.add(given.get("id") or f"<{tag} without id>")
        if tag not in {"meta", "link", "input", "br", "hr", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.wrong += [f"<{tag} {name}>" for name, _ in attrs if name == "style"]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> out of place")


PAGES = ("/overview", "/passbooks/x", "/form", "/sign-in", "/gallery/docs", "/nowhere")


@pytest.mark.parametrize("role", ["", *ROLES])
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("elder", ["0", "1"])
def test_every_piece_renders_well_formed_in_every_mode(role: str, lang: str, elder: str) -> None:
    client = gallery().test_client()
    if role:
        form = client.get("/sign-in").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', form)
        assert token is not None
        sent = {"login": role, "password": "x", "csrf_token": token[1]}
        assert client.post("/sign-in", data=sent).status_code == 303
    client.set_cookie("lang", lang)
    client.set_cookie("elder", elder)
    for path in PAGES:
        if role and path == "/sign-in":
            continue
        html = client.get(path, headers={"Accept": "text/html"}).text
        checker = _Checker()
        checker.feed(html)
        assert checker.wrong == [], path
        assert checker.open == [], path
        assert len(checker.ids) == len(set(checker.ids)), path
        assert checker.inputs <= checker.labels, path
        assert html.count("<h1") == 1, path
        assert f'lang="{"en" if lang == "en" else "zh-CN"}"' in html
        assert ('class="elder"' in html) == (elder == "1")


def test_what_people_typed_is_shown_escaped() -> None:
    assert "绿色&lt;家园&gt;" in gallery().test_client().get("/form").text


def test_nothing_is_shown_as_a_dash_and_empty_lists_say_so() -> None:
    html = gallery().test_client().get("/overview").text
    assert '<span class="stat-value">—</span>' in html
    assert html.count("暂无") >= 3


if __name__ == "__main__":
    gallery().run(port=int(sys.argv[1]))
