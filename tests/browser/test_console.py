"""Every page in a real browser: in both languages, for every eye, on a phone, without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Request,
    Route,
    expect,
)
from playwright.sync_api import Page as Tab

from tests.browser import visiting
from tests.browser.console import LETTERS, NOT_FOUND, PAGES, PASSWORD, Console, Page, lived_in
from tests.browser.looks import EXAMINED, LOOKS, PICTURED
from tests.browser.visiting import DESK, PATIENCE_MS, PHONE

# The first test pays for the district, and for a browser where there is none yet.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

_PICTURES = Path(__file__).parent / "screenshots"
_LEFT = "net::ERR_ABORTED"
_AXE = {"resultTypes": ["violations"], "preload": False, "iframes": False}
_OVERFLOW = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  return [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > root.clientWidth + 1)
    .map(e => e.outerHTML.slice(0, 120)).slice(-3).concat("wider than the window");
}"""
# Text may not run out of what holds it either, as a label does out of a narrow button.
_SPILT = """() => [...document.querySelectorAll("button, .button, .chip, .stat, th, td, dd")]
  .filter(e => e.clientWidth && !e.closest(".unseen, .cards thead, .passbook-table thead"))
  .filter(e => e.scrollWidth > e.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 160)).slice(0, 3)"""

Open = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def console(
    browser: Browser, service_stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    with lived_in(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture(scope="module")
def cookies(browser: Browser, console: Console) -> Callable[[str], Any]:
    """The cookies of somebody of a role who signed in; of a visitor there are none."""
    known: dict[str, Any] = {"": None}

    def of(role: str) -> Any:
        if role not in known:
            context = browser.new_context()
            sign_in(context.new_page(), console, role)
            known[role] = context.storage_state()
            context.close()
        return known[role]

    return of


@pytest.fixture
def opened(browser: Browser, cookies: Callable[[str], Any]) -> Iterator[Open]:
    """Opens windows of their own, and closes them."""
    contexts = []

    def open_one(role: str = "", **options: Any) -> BrowserContext:
        contexts.append(window_of(browser, cookies(role), **options))
        return contexts[-1]

    yield open_one
    for context in contexts:
        context.close()


def sign_in(tab: Tab, console: Console, role: str) -> None:
    """Through the page, as a person does."""
    visiting.sign_in(tab, console.login(role), PASSWORD, site=console.url)


@pytest.fixture(scope="module")
def window(browser: Browser, cookies: Callable[[str], Any]) -> Iterator[Callable[[str], Tab]]:
    """A role's one window, in which page after page is looked at: a new one costs a process."""
    known: dict[str, Tab] = {}

    def of(role: str) -> Tab:
        if role not in known:
            known[role] = window_of(browser, cookies(role)).new_page()
        return known[role]

    yield of
    for tab in known.values():
        tab.context.close()


def window_of(browser: Browser, cookies: Any, **options: Any) -> BrowserContext:
    context = browser.new_context(
        storage_state=cookies, locale="zh-CN", timezone_id="Asia/Shanghai", **options
    )
    context.set_default_timeout(PATIENCE_MS)
    return context


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_in_every_look(page: Page, console: Console, window: Callable[[str], Tab]) -> None:
    tab = window(page.role)
    context = tab.context
    complaints = listen(tab)
    for language, elder in LOOKS:
        chosen = {"lang": language, "elder": elder}
        context.add_cookies(
            [{"name": name, "value": value, "url": console.url} for name, value in chosen.items()]
        )
        answer = tab.goto(console.address(page))
        assert answer
        assert answer.status == (404 if page.name == NOT_FOUND else 200)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        for size in (DESK, PHONE):
            tab.set_viewport_size(size)
            look(tab, page, (language, elder, size["width"]))
    assert [each for each in complaints if page.name != NOT_FOUND or "404" not in each] == []


def listen(tab: Tab) -> list[str]:
    """What the browser complains of from now on: violations of the CSP, errors, lost files.

    Not of a file that it no longer wanted, because we went on to the next page before it came.
    """
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def fail(request: Request) -> None:
        if request.failure != _LEFT:
            complaints.append(f"{request.url}: {request.failure}")

    tab.on("console", hear)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("requestfailed", fail)
    return complaints


def look(tab: Tab, page: Page, as_seen: tuple[str, str, int]) -> None:
    """A picture of it, and nothing wrong with it."""
    name = "{}-{}-{}-{}".format(page.name, as_seen[0], "elder" if as_seen[1] == "1" else "usual",
                                as_seen[2])  # fmt: skip
    if as_seen in PICTURED:
        tab.screenshot(path=_PICTURES / f"{name}.png", full_page=True)
    assert tab.evaluate(_OVERFLOW) == [], name
    assert tab.evaluate(_SPILT) == [], name
    if as_seen in EXAMINED:
        results = Axe().run(tab, options=_AXE)
        assert results.violations_count == 0, f"{name}: {results.generate_report()}"


def test_what_the_policy_forbids_would_be_noticed(console: Console, opened: Open) -> None:
    tab = opened().new_page()
    complaints = listen(tab)
    tab.goto(f"{console.url}/sign-in")
    tab.evaluate("document.body.append(document.createElement('style'))")
    tab.evaluate("document.querySelector('style').textContent = 'p { color: red }'")
    tab.evaluate("document.querySelector('main').style.minWidth = '3000px'")
    assert any("Content Security Policy" in each for each in complaints)
    assert tab.evaluate(_OVERFLOW) != []


def test_a_file_that_is_lost_would_be_noticed(console: Console, opened: Open) -> None:
    tab = opened().new_page()
    lost = {"missing": 404, "refused": "connectionrefused", "cut": "connectionreset"}

    def answer(route: Route) -> None:
        how = lost[route.request.url.rpartition("/")[2]]
        if isinstance(how, int):
            route.fulfill(status=how)
        else:
            route.abort(how)

    complaints = listen(tab)
    tab.route("**/static/lost/*", answer)
    tab.goto(f"{console.url}/sign-in")
    assert complaints == []
    for name in lost:
        with tab.expect_event("console"):
            tab.evaluate("url => { new Image().src = url }", f"/static/lost/{name}")
    assert any("404" in each for each in complaints)
    for name, said in (("refused", "CONNECTION_REFUSED"), ("cut", "CONNECTION_RESET")):
        assert f"{console.url}/static/lost/{name}: net::ERR_{said}" in complaints


def test_a_file_is_not_lost_when_we_go_on_before_it_comes(console: Console, opened: Open) -> None:
    tab = opened().new_page()
    given_up: list[str] = []
    tab.on("requestfailed", lambda request: given_up.append(request.url))
    complaints = listen(tab)
    tab.route("**/static/late", lambda _route: None)  # never answered
    tab.goto(f"{console.url}/sign-in")
    with tab.expect_request("**/static/late"):
        tab.evaluate("() => { new Image().src = '/static/late' }")
    late = f"{console.url}/static/late"
    with tab.expect_event("requestfailed", lambda request: request.url == late):
        tab.goto(f"{console.url}/sign-in?again")
    assert late in given_up  # and maybe others that had not come yet, as the icon
    assert complaints == []


def test_a_visitor_is_sent_to_sign_in_and_brought_back(console: Console, opened: Open) -> None:
    tab = opened().new_page()
    tab.goto(f"{console.url}/notices")
    assert "/sign-in" in tab.url
    tab.fill("[name=login]", "staff")
    tab.fill("[name=password]", PASSWORD)
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"{console.url}/notices")


def test_a_wrong_password_is_told_at_once(console: Console, opened: Open) -> None:
    tab = opened().new_page()
    tab.goto(f"{console.url}/sign-in")
    tab.fill("[name=login]", "nobody-here")
    tab.fill("[name=password]", "wrong")
    tab.click("main form button")
    expect(tab.locator(".notice.tone-bad")).to_be_visible()
    assert tab.input_value("[name=login]") == "nobody-here"
    assert tab.input_value("[name=password]") == ""


def test_a_page_is_used_from_the_keyboard(console: Console, opened: Open) -> None:
    tab = opened("operator").new_page()
    tab.goto(f"{console.url}/overview")
    tab.keyboard.press("Tab")
    expect(tab.locator("a.skip")).to_be_focused()
    expect(tab.locator("a.skip")).to_be_in_viewport()
    tab.keyboard.press("Enter")
    expect(tab.locator("main")).to_be_focused()


def test_what_a_finger_must_hit_is_large_enough(console: Console, opened: Open) -> None:
    for elder, least in (("0", 44), ("1", 60)):
        context = opened("operator", viewport=PHONE, has_touch=True)
        context.add_cookies([{"name": "elder", "value": elder, "url": console.url}])
        tab = context.new_page()
        tab.goto(f"{console.url}/points/dead-letters")
        heights = tab.eval_on_selector_all(
            "header button, header nav a, main .button, main input:not([type=hidden]), main select",
            "all => all.filter(e => e.offsetHeight).map(e => e.offsetHeight)",
        )
        assert heights
        assert min(heights) >= least


def test_a_reward_is_redeemed_and_its_code_confirmed(console: Console, opened: Open) -> None:
    tab = opened("resident", java_script_enabled=False, viewport=PHONE).new_page()
    tab.goto(f"{console.url}/points/rewards/{console.seeded['reward']}")
    tab.click("main form.form button")
    tab.click("main form.form button")
    code = tab.locator(".pickup-code").inner_text()
    expect(tab.locator(".pickup svg")).to_be_visible()
    # Looked at with scripts, because axe is one; confirmed without.
    looked_at = _at_counter(opened("partner", viewport=PHONE).new_page(), console, code)
    looked_at.screenshot(path=_PICTURES / "counter-confirm-zh-usual-390.png", full_page=True)
    assert looked_at.evaluate(_OVERFLOW) == []
    assert Axe().run(looked_at, options=_AXE).violations_count == 0
    unscripted = opened("partner", java_script_enabled=False, viewport=PHONE).new_page()
    till = _at_counter(unscripted, console, code.lower())
    till.click("main form.form button")
    expect(till.locator(".notice.tone-ok")).to_be_visible()
    tab.reload()
    expect(tab.locator(".pickup")).to_have_count(0)
    till.fill("[name=code]", code)
    till.click("main form.form button")
    expect(till.locator(".field .error")).to_be_visible()


def _at_counter(till: Tab, console: Console, code: str) -> Tab:
    """The counter's page that asks whether to confirm a code."""
    till.goto(f"{console.url}/points/counter")
    till.fill("[name=code]", code)
    till.click("main form.form button")
    return till


class TestWithoutScripts:
    """All that a person does works with JavaScript switched off."""

    @pytest.fixture
    def tab(self, console: Console, opened: Open) -> Tab:
        tab = opened(java_script_enabled=False, viewport=PHONE).new_page()
        sign_in(tab, console, "operator")
        return tab

    def test_sign_in_and_out(self, tab: Tab, console: Console) -> None:
        assert tab.url == f"{console.url}/overview"
        tab.click("form.who button")
        expect(tab.locator(".notice.tone-ok")).to_be_visible()
        tab.goto(f"{console.url}/overview")
        assert "/sign-in" in tab.url

    def test_elder_mode_and_language_are_kept_and_undone(self, tab: Tab, console: Console) -> None:
        tab.goto(f"{console.url}/requests?urgency=urgent")
        root = tab.locator("html")
        tab.click("button[name=elder]")
        expect(root).to_have_class("elder")
        assert tab.url == f"{console.url}/requests?urgency=urgent"
        assert root.evaluate("e => getComputedStyle(e).fontSize") == "24px"
        tab.click("button[name=lang]")
        expect(root).to_have_attribute("lang", "en")
        expect(root).to_have_class("elder")
        tab.click("nav details summary")
        expect(tab.locator("nav details a").first).to_be_visible()
        tab.click("button[name=elder]")
        expect(root).not_to_have_class("elder")

    def test_a_list_is_filtered(self, tab: Tab, console: Console) -> None:
        tab.goto(f"{console.url}/partners")
        rows = tab.locator("main tbody tr")
        everybody = rows.count()
        tab.fill("[name=q]", console.partner)
        tab.click("form[role=search] button")
        expect(rows).to_have_count(1)
        assert everybody > 1
        assert f"q={console.partner}" in tab.url
        assert tab.input_value("[name=q]") == console.partner

    def test_a_dead_letter_is_replayed(self, tab: Tab, console: Console) -> None:
        tab.goto(f"{console.url}/points/dead-letters?reason=handler_failed")
        tab.locator("form[action$='/replay']").last.locator("button").click()
        expect(tab.locator(".notice.tone-ok")).to_contain_text("1")
        tab.goto(f"{console.url}/points/dead-letters?closed=1")
        ((count,),) = console.district.rows(
            "points", "SELECT count(*) FROM dead_letters WHERE event_type <> ''"
        )
        assert count == LETTERS  # it is the same row, whatever became of it since

    def test_what_cannot_be_replayed_says_so(self, tab: Tab, console: Console) -> None:
        tab.goto(f"{console.url}/points/dead-letters?reason=undecodable")
        tab.locator("form[action$='/replay']").last.locator("button").click()
        expect(tab.locator(".notice.tone-bad")).to_be_visible()

    def test_a_rejected_event_is_judged_again(self, tab: Tab, console: Console) -> None:
        tab.goto(f"{console.url}/intake/rejected")
        row = tab.locator("main tbody tr").last
        place = re.search(r"#\d+", row.inner_text())
        assert place
        numbers = tab.locator("main tbody tr [name=seq]")
        judged = (row.locator("[name=partner]").input_value(), numbers.last.input_value())
        row.locator("button").click()
        expect(tab.locator(".flashes .notice").first).to_be_visible()
        ((again,),) = console.district.rows(
            "intake",
            "SELECT count(*) FROM rejected_bodies WHERE partner = %s AND seq = %s"
            " AND redriven_at IS NOT NULL",
            *judged,
        )
        assert again == 1
