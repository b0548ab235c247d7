"""The counter by keyboard, the tea stall without network, paper read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect
from playwright.sync_api import Page as Tab

from services.intake.actions.opening import Seals
from services.intake.rules.paper import Code, read_sheet
from shared.messaging.transaction import transaction
from tests.browser import seed_counter
from tests.browser.test_console import listen
from tests.browser.visiting import DESK, PATIENCE_MS, PHONE, serving, sign_in
from tests.integration.intake.conftest import (  # noqa: F401 - fixtures
    PASSWORD,
    Intake,
    emptier,
    intake,
    intake_of_module,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

_LINES = 60
_KEYSTROKES_MAX = 12
# Keys pressed anywhere but for the text itself.
_COUNT = """addEventListener("keydown", e => {
  if (e.target.name !== "text" || e.key === "Enter" || e.key === "Control")
    sessionStorage.keys = Number(sessionStorage.keys || 0) + 1;
}, true)"""
_WIDTH = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

Opens = Callable[..., BrowserContext]


@pytest.fixture
def site(intake: Intake) -> Iterator[str]:  # noqa: F811 - the fixture
    with serving(intake.app) as address:
        yield address


@pytest.fixture
def seeded(intake: Intake) -> dict[str, str]:  # noqa: F811
    with transaction(intake.sessions) as tx:
        return seed_counter.entered(tx, "R000001", Seals(intake.cipher, intake.index))


@pytest.fixture
def opens(browser: Browser, site: str, intake: Intake) -> Iterator[Opens]:  # noqa: F811
    """Windows of somebody who signed in through the page; "" is a visitor."""
    contexts = []

    def open_one(role: str = "", **options: Any) -> BrowserContext:
        options.setdefault("viewport", DESK)
        context = browser.new_context(base_url=site, locale="zh-CN", **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        tab = context.new_page()
        if role:
            login = intake.account(role, "R000001" if role == "resident" else None)
            sign_in(tab, login, PASSWORD)
        return context

    yield open_one
    for context in contexts:
        context.close()


def keys(tab: Tab) -> int:
    return int(tab.evaluate("Number(sessionStorage.keys || 0)"))


def asked(intake: Intake) -> list[dict[str, Any]]:  # noqa: F811
    return intake.rows(
        "SELECT request_no, public_code, resident_no, category, grid_code, title, address"
        " FROM requests ORDER BY id"
    )


def test_a_request_takes_twelve_keystrokes_and_no_mouse(
    opens: Opens,
    intake: Intake,  # noqa: F811
) -> None:
    tab = opens("staff").pages[0]
    tab.add_init_script(_COUNT)
    tab.goto("/counter/requests")
    complaints = listen(tab)
    for number, initials in enumerate(("oyrl", "stx"), 1):
        expect(tab.locator("#f-q")).to_be_focused()
        tab.evaluate("sessionStorage.keys = 0")
        tab.keyboard.type(initials)
        tab.keyboard.press("Enter")
        expect(tab.locator("#f-category")).to_be_focused()
        tab.keyboard.type("bllj")
        tab.keyboard.press("Enter")
        expect(tab.locator("#f-text")).to_be_focused()
        tab.keyboard.insert_text("三单元门口垃圾成堆")
        pressed = keys(tab)
        tab.keyboard.press("Control+Enter")
        expect(tab.locator("[data-saved]")).to_be_visible()
        expect(tab.locator("#f-text")).to_have_value("")
        assert pressed + 2 <= _KEYSTROKES_MAX
        assert len(asked(intake)) == number
    assert [row["resident_no"] for row in asked(intake)] == ["R000001", "R000002"]
    assert {row["category"] for row in asked(intake)} == {"0102"}
    assert complaints == []


def test_enter_walks_every_field_and_a_stranger_gives_name_and_phone(
    opens: Opens,
    intake: Intake,  # noqa: F811
) -> None:
    tab = opens("staff").pages[0]
    tab.goto("/counter/requests")
    expect(tab.locator("#f-q")).to_be_focused()
    for field, typed in (("q", ""), ("name", "过路人"), ("phone", "13655556666"), ("category", ""),
                         ("text", "想问老年证怎么办"), ("address", "")):  # fmt: skip
        expect(tab.locator(f"#f-{field}")).to_be_focused()
        if typed:
            tab.keyboard.insert_text(typed)
        tab.keyboard.press("Enter")
    expect(tab.locator("#f-grid_code")).to_be_focused()
    tab.select_option("#f-grid_code", index=1)
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("[data-saved]")).to_be_visible()
    # The grid is kept for the next one, the person is not.
    assert tab.input_value("#f-grid_code") == asked(intake)[0]["grid_code"]
    expect(tab.locator("#f-name")).to_have_value("")
    assert intake.one("SELECT count(*) FROM request_contacts") == 1


def test_without_scripts_a_clerk_registers_all_the_same(
    opens: Opens,
    intake: Intake,  # noqa: F811
) -> None:
    tab = opens("staff", java_script_enabled=False).pages[0]
    tab.goto("/counter/requests")
    tab.fill("[name=q]", "oyrl")
    tab.fill("[name=category]", "bllj")
    tab.fill("[name=text]", "垃圾成堆")
    tab.click("button[value=next]")
    expect(tab.locator("[type=radio][name=resident_no]")).to_be_checked()
    tab.click("button[value=receipt]")
    expect(tab.locator(".receipt")).to_be_visible()
    (row,) = asked(intake)
    assert (row["resident_no"], row["category"]) == ("R000001", "0102")


def test_what_is_printed_is_read_back(opens: Opens, intake: Intake) -> None:  # noqa: F811
    tab = opens("staff").pages[0]
    tab.goto("/counter/requests")
    tab.fill("[name=text]", "路灯不亮")
    tab.select_option("#f-grid_code", index=1)
    tab.click("button[value=receipt]")
    expect(tab.locator(".receipt")).to_be_visible()
    code = Code("request", asked(intake)[0]["public_code"])
    for paper in ({"width": 302, "height": 700}, {"width": 794, "height": 1123}):  # 80 mm, A4
        tab.set_viewport_size(paper)  # type: ignore[arg-type]
        tab.emulate_media(media="print")
        assert tab.evaluate(_WIDTH) <= 0
        assert read_sheet(tab.screenshot(full_page=True)) == [code]
    tab.emulate_media(media="screen")
    tab.set_viewport_size(DESK)
    tab.goto("/paper")
    tab.fill("[name=count]", "3")
    tab.click("button[value=page]")
    expect(tab.locator(".sheet")).to_have_count(3)
    numbers = {row["form_no"] for row in intake.rows("SELECT form_no FROM paper_forms")}
    tab.emulate_media(media="print")
    assert {one.code for one in read_sheet(tab.screenshot(full_page=True))} == numbers


def open_sitting(tab: Tab) -> str:
    tab.goto("/tea-stall")
    tab.fill("[name=place]", "鹊舞广场")
    tab.click("main form.form button")
    tab.wait_for_url("**/tea-stall/T*")
    return tab.url


def write_down(tab: Tab, number: int) -> None:
    tab.fill("[name=text]", f"第{number}件：停车位太少")
    tab.fill("[name=who]", "R000002" if number % 2 else "")
    tab.click("form[data-offline-form] button.wide")
    expect(tab.locator("[data-offline-count]")).to_have_text(str(number))
    expect(tab.locator("[name=text]")).to_have_value("")


def test_sixty_lines_without_network_outlive_their_tab_and_come_once(
    opens: Opens,
    intake: Intake,  # noqa: F811
) -> None:
    phone = opens("staff", viewport=PHONE)
    tab = phone.pages[0]
    stall = open_sitting(tab)
    expect(tab.locator("[data-offline-held]")).to_have_attribute("data-held", "1/1")
    tab.wait_for_function("navigator.serviceWorker.controller !== null")
    phone.set_offline(True)
    for number in range(1, _LINES + 1):
        write_down(tab, number)
    tab.fill("[name=text]", "没写完的一条")
    tab.wait_for_function(_HAS_DRAFT)
    tab.close(run_before_unload=False)

    tab = phone.new_page()
    tab.goto(stall)
    expect(tab.locator("[data-offline-count]")).to_have_text(str(_LINES))
    expect(tab.locator("[name=text]")).to_have_value("没写完的一条")
    assert asked(intake) == []

    # The first answer is lost on its way back: all that was in it is sent again.
    lost: list[int] = []

    def lose(route: Route) -> None:
        answer = route.fetch()
        lost.append(answer.status)
        route.abort("connectionreset")

    phone.route("**/entries", lose, times=1)
    phone.set_offline(False)
    tab.wait_for_function("document.querySelector('[data-offline-count]').textContent !== ''")
    for _ in range(600):
        if lost:
            break
        tab.wait_for_timeout(100)
    assert lost == [200]
    tab.click("[data-offline-send]")
    expect(tab.locator("[data-offline-count]")).to_have_text("0")
    assert len({row["title"] for row in asked(intake)}) == len(asked(intake)) == _LINES
    tab.reload()
    expect(tab.locator("[data-offline-count]")).to_have_text("0")
    assert len(asked(intake)) == _LINES
    assert intake.one("SELECT count(*) FROM tea_stall_requests") == _LINES


_HAS_DRAFT = """() => new Promise(resolve => {
  const asked = indexedDB.open("linli-offline");
  asked.onsuccess = () => {
    const all = asked.result.transaction("drafts").objectStore("drafts").getAll();
    all.onsuccess = () => resolve(all.result.some(one => JSON.stringify(one).includes("没写完")));
  };
})"""


def test_a_photo_waits_on_the_phone_with_its_line(
    opens: Opens,
    intake: Intake,  # noqa: F811
) -> None:
    phone = opens("staff", viewport=PHONE)
    tab = phone.pages[0]
    open_sitting(tab)
    picture = tab.screenshot()
    phone.set_offline(True)
    file = {"name": "a.png", "mimeType": "image/png", "buffer": picture}
    tab.set_input_files("input[type=file]", file)  # type: ignore[arg-type]
    expect(tab.locator("[data-photo-told]")).to_contain_text("照片已附上")
    write_down(tab, 1)
    phone.set_offline(False)
    expect(tab.locator("[data-offline-count]")).to_have_text("0")
    assert intake.one("SELECT count(*) FROM photos") == 1


def test_alike_lines_are_grouped_without_scripts(
    opens: Opens,
    intake: Intake,  # noqa: F811
    seeded: dict[str, str],
) -> None:
    tab = opens("staff", java_script_enabled=False, viewport=PHONE).pages[0]
    tab.goto(f"/tea-stall/{seeded['stall']}")
    tab.fill("[name=text]", "停车位太少")
    tab.click("main form.form button.wide")
    expect(tab.locator(".notice.tone-ok").first).to_be_visible()
    tab.goto(f"/tea-stall/{seeded['stall']}/groups")
    tab.fill("[name=title]", "停车难专项")
    tab.click("main form.form button")
    expect(tab.locator("main")).to_contain_text("停车难专项")
    merged = intake.one("SELECT count(*) FROM requests WHERE state = 'merged'")
    assert merged == 4


def test_a_resident_applies_without_scripts_and_types_nothing_twice(opens: Opens) -> None:
    tab = opens("resident", java_script_enabled=False, viewport=PHONE).pages[0]
    for code, typed in (("elder-card", {"home_address": "合心路 8 号"}), ("pension-check", {})):
        tab.goto(f"/hall/matters/{code}/apply")
        for name, value in typed.items():
            tab.fill(f"[name={name}]", value)
        if code == "pension-check":
            expect(tab.locator("[name=home_address], [name=phone], [name=name]")).to_have_count(0)
            tab.fill("[name=emergency_name]", "欧阳小兰")
            tab.fill("[name=emergency_phone]", "13600009999")
        tab.click("main form.form button")
        expect(tab.locator("main")).to_contain_text("已收件")
