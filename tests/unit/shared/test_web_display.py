"""Languages, elder mode, how values are written, charts, the OpenAPI page."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask

from shared.web import charts, display, i18n
from shared.web.i18n import catalogue
from tests.unit.shared.test_web_gallery import gallery

WEB = Path(i18n.__file__).parent
PO = WEB / "translations/en/LC_MESSAGES/messages.po"


def in_language(app: Flask, lang: str) -> object:
    return app.test_request_context(headers={"Cookie": f"lang={lang}"})


def test_chinese_is_first_and_english_a_choice_that_lasts() -> None:
    client = gallery().test_client()
    assert 'lang="zh-CN"' in client.get("/sign-in").text
    answer = client.get("/preferences?lang=en&next=/sign-in")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    page = client.get("/sign-in").text
    assert '<html lang="en">' in page
    assert "Sign in" in page
    assert "密码" not in page
    client.get("/preferences?lang=zh")
    assert "密码" in client.get("/sign-in").text


def test_elder_mode_is_a_choice_that_lasts() -> None:
    client = gallery().test_client()
    assert 'class="elder"' not in client.get("/overview").text
    assert client.get("/preferences?elder=1&next=/overview").status_code == 303
    assert 'class="elder"' in client.get("/overview").text
    client.get("/preferences?elder=0")
    assert 'class="elder"' not in client.get("/overview").text


@pytest.mark.parametrize("query", ["lang=fr&elder=2", "lang=&elder=", "lang=en%00", "x=1"])
def test_odd_preferences_change_nothing(query: str) -> None:
    answer = gallery().test_client().get(f"/preferences?{query}")
    assert answer.status_code in {303, 400}
    assert "Set-Cookie" not in answer.headers


def test_odd_cookies_are_the_defaults() -> None:
    client = gallery().test_client()
    for name in ("lang", "elder", "linli_session"):
        client.set_cookie(name, "../../x")
    page = client.get("/overview")
    assert page.status_code == 200
    assert '<html lang="zh-CN">' in page.text


def test_every_word_of_the_layout_has_its_english() -> None:
    used = {
        message if isinstance(message, str) else message[0]
        for _, _, message, _, _ in extract_from_dir(
            str(WEB), method_map=[("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
        )
    }
    with PO.open("rb") as source:
        told = {m.id: m.string for m in read_po(source, locale="en") if m.id}
    assert set(told) == used
    assert all(told.values())
    assert not [word for word in told.values() if re.search(r"[\u4e00-\u9fff]", str(word))]


def test_a_services_own_catalogue_is_added(tmp_path: Path) -> None:
    own = tmp_path / "messages.po"
    own.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "存折"\nmsgstr "Passbook"\n',
        encoding="utf-8",
    )
    words = catalogue(PO, own)
    assert words.gettext("存折") == "Passbook"
    assert words.gettext("登录") == "Sign in"
    assert words.gettext("没有的") == "没有的"


def test_values_are_written_for_people() -> None:
    at = datetime(2026, 3, 1, 17, 5, tzinfo=UTC)
    app = gallery()
    with in_language(app, "zh"):  # type: ignore[attr-defined]
        assert display.local_day(at) == "2026年3月2日"
        assert display.minutes(125) == "2 小时 5 分"
    with in_language(app, "en"):  # type: ignore[attr-defined]
        assert display.local_day(at) == "2026-03-02"
        assert [display.minutes(n) for n in (0, 60, 61)] == ["0 min", "1 h", "1 h 1 min"]
    assert display.local_time(at) == "2026-03-02 01:05"
    assert [display.signed(n) for n in (5, 0, -5)] == ["+5", "0", "−5"]
    assert [display.fen(n) for n in (5, 123456, -250)] == ["¥0.05", "¥1,234.56", "−¥2.50"]
    for write in (display.local_time, display.local_day, display.number, display.signed):
        assert write(None) == display.NOTHING
    assert display.fen(None) == display.minutes(None) == display.or_dash("") == display.NOTHING
    assert display.or_dash(0) == 0


def test_page_links_keep_the_other_parameters() -> None:
    with gallery().test_request_context("/requests?state=open&after=a%26b"):
        assert display.url_with(after="x y") == "/requests?state=open&after=x+y"
        assert display.url_with(after=None) == "/requests?state=open"
        assert display.url_with(after=None, state=None) == "/requests"


def test_assets_change_address_with_their_content() -> None:
    page = gallery().test_client().get("/sign-in").text
    assert re.search(r"/static/linli\.css\?v=[0-9a-f]{12}", page)


def test_charts_stay_inside_their_frame() -> None:
    drawn = charts.columns([0, 5, 10, -3])
    assert [c.height for c in drawn] == [0, 60, 120, 0]
    assert all(c.x >= 0 and c.x + c.width <= 600 and c.y + c.height == 120 for c in drawn)
    assert charts.columns([]) == []
    assert charts.columns([0, 0])[0].height == 0
    assert len(charts.columns(range(5000))) == charts.POINTS_MAX
    assert charts.line([]) == ""
    assert charts.line([7]) == "0.0,2.0 120.0,2.0"
    assert [charts.share(*pair) for pair in ((1, 4), (9, 4), (-1, 4), (1, 0))] == [25, 100, 0, 0]


def test_the_openapi_document_tells_access_and_problems() -> None:
    document = json.loads(gallery().test_client().get("/gallery/openapi.json").data)
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    assert paths["/gallery/things"]["post"]["security"] == [{"session": []}]
    assert paths["/gallery/things"]["post"]["x-roles"] == ["operator", "staff"]
    assert paths["/gallery/events"]["post"]["security"] == [{"bearer": []}]
    assert paths["/gallery/things/{rest}"]["get"]["security"] == []
    errors = document["components"]["responses"]["DEFAULT_ERROR"]["content"]
    assert list(errors) == ["application/problem+json"]


def test_the_openapi_page_needs_no_script_and_nothing_from_elsewhere() -> None:
    page = gallery().test_client().get("/gallery/docs").text
    for piece in ("/gallery/things/{rest}", "minimum: 1", "application/problem+json", "Bearer"):
        assert piece in page
    assert "http://" not in page
    assert "https://" not in page
