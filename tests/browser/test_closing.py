"""Handling with photos, the verdict by one press, call-backs: in a browser, without scripts too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, expect
from playwright.sync_api import Page as Tab

from services.intake.actions import photos
from services.intake.actions.opening import Opened
from services.intake.actions.steps import Step
from services.intake.rules.states import Action, Actor
from shared.messaging.transaction import transaction
from tests.browser.looks import LOOKS, PICTURED
from tests.browser.visiting import DESK, PATIENCE_MS, PHONE, serving, sign_in
from tests.integration.intake.conftest import (  # noqa: F401 - fixtures
    PASSWORD,
    Intake,
    emptier,
    intake,
    intake_of_module,
    later,
)
from tests.integration.intake.handling import dispatched, moved, staffed, state_of
from tests.integration.intake.test_verdicts import approved, path, swept
from tests.unit.intake.camera import photo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

_PICTURES = Path(__file__).parent / "screenshots"
_AXE = {"resultTypes": ["violations"], "preload": False, "iframes": False}
_WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def site(intake: Intake) -> Iterator[str]:  # noqa: F811 - the fixture
    with serving(intake.app) as address:
        yield address


class Windows:
    """Windows of their own for each who looks."""

    def __init__(self, browser: Browser, site: str) -> None:
        self.browser, self.site = browser, site
        self.contexts: list[BrowserContext] = []

    def of(self, login: str = "", *, scripts: bool = False) -> Tab:
        context = self.browser.new_context(
            base_url=self.site,
            viewport=PHONE,
            java_script_enabled=scripts,
            locale="zh-CN",
        )
        context.set_default_timeout(PATIENCE_MS)
        self.contexts.append(context)
        tab = context.new_page()
        if login:
            sign_in(tab, login, PASSWORD)
        return tab


@pytest.fixture
def windows(browser: Browser, site: str) -> Iterator[Windows]:
    made = Windows(browser, site)
    yield made
    for context in made.contexts:
        context.close()


def in_every_look(tab: Tab, name: str, address: str) -> None:
    """Nothing wrong with it in either language, usual or elder, on a phone or a desk."""
    for language, elder in LOOKS:
        tab.context.add_cookies(
            [
                {"name": "lang", "value": language, "url": tab.url},
                {"name": "elder", "value": elder, "url": tab.url},
            ]
        )
        answer = tab.goto(address)
        assert answer
        assert answer.status == 200
        for size in (DESK, PHONE):
            tab.set_viewport_size(size)
            look = f"{name}-{language}-{'elder' if elder == '1' else 'usual'}-{size['width']}"
            if (language, elder, size["width"]) in PICTURED:
                tab.screenshot(path=_PICTURES / f"{look}.png", full_page=True)
            assert not tab.evaluate(_WIDER), look
            results = Axe().run(tab, options=_AXE)
            assert results.violations_count == 0, f"{look}: {results.generate_report()}"


def shown(one: Opened, intake: Intake, *kinds: str) -> None:  # noqa: F811
    with transaction(intake.sessions) as tx:
        for seed, kind in enumerate(kinds, 1):
            photos.keep(tx, one.id, kind, photo(seed), by=Actor("account", "A-1"))


def test_pages_of_handling_and_closing(intake: Intake, windows: Windows) -> None:  # noqa: F811
    people = staffed(intake)
    asker = intake.account("resident", "R000001")
    one = dispatched(intake)
    shown(one, intake, "before", "after")
    moved(
        intake,
        Step(request_id=one.id, action=Action.ACCEPT),
        Step(request_id=one.id, action=Action.CONTACT, note="已电话联系"),
    )
    handler = windows.of(people["handler"], scripts=True)
    in_every_look(handler, "request-handled", f"/requests/{one.request_no}")
    in_every_look(windows.of(scripts=True), "tracking", _at(windows, f"/t/{one.public_code}"))
    judged = approved(intake)
    resident = windows.of(asker, scripts=True)
    in_every_look(resident, "request-own", f"/requests/{judged.request_no}")
    in_every_look(windows.of(scripts=True), "verdict-link", _at(windows, path(intake)))
    approved(intake, nature="complaint")
    later(days=7)
    swept(intake)
    clerk = windows.of(people["clerk"], scripts=True)
    in_every_look(clerk, "call-backs", "/desk/call-backs")


def _at(windows: Windows, address: str) -> str:
    windows.contexts[-1].pages[0].goto(address)
    return address


def test_a_request_is_handled_without_scripts(
    intake: Intake,  # noqa: F811
    windows: Windows,
    tmp_path: Path,
) -> None:
    people = staffed(intake)
    one = dispatched(intake)
    shown(one, intake, "before")
    after = tmp_path / "after.jpg"
    after.write_bytes(photo(7))
    address = f"/requests/{one.request_no}"
    handler = windows.of(people["handler"])
    handler.goto(address)
    press(handler, "接单")
    handler.locator("summary", has_text="添加照片或文件").click()
    handler.select_option("#photos [name=kind]", "after")
    handler.set_input_files("#photos [name=photo]", after)
    handler.click("text=上传照片")
    expect(handler.locator("#photos img")).to_have_count(2)
    open_form(handler, "办结")
    handler.fill("[name=resolve_note]", "已疏通")
    handler.select_option("[name=outcome]", "resolved")
    press(handler, "办结")
    expect(handler.locator(".flashes .tone-ok")).to_be_visible()
    checker = windows.of(people["checker"])
    checker.goto(address)
    press(checker, "核查通过")
    assert state_of(intake, one) == "rating"
    resident = windows.of()
    resident.goto(path(intake))
    resident.click("text=没解决")
    expect(resident.locator(".notice.tone-ok")).to_contain_text("重新办理")
    assert state_of(intake, one) == "in_progress"


def open_form(tab: Tab, name: str) -> None:
    step = tab.locator("#handling details", has=tab.locator(f"summary:text-is('{name}')"))
    if step.get_attribute("open") is None:
        step.locator("summary").click()


def press(tab: Tab, name: str) -> None:
    open_form(tab, name)
    tab.locator("#handling details", has=tab.locator(f"summary:text-is('{name}')")).locator(
        "button"
    ).click()
    expect(tab.locator(".flashes")).to_be_visible()


def test_the_three_buttons_are_large(intake: Intake, windows: Windows) -> None:  # noqa: F811
    approved(intake)
    tab = windows.of(scripts=True)
    for elder, least in (("0", 44), ("1", 60)):
        tab.context.add_cookies([{"name": "elder", "value": elder, "url": windows.site}])
        tab.goto(path(intake))
        heights = tab.eval_on_selector_all(
            ".verdict-buttons button", "all => all.map(e => e.offsetHeight)"
        )
        assert len(heights) == 3
        assert min(heights) >= least
