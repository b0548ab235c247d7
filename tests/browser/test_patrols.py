"""Patrols without network and without scripts, the sheet read back, wishes and drives looked at."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect

from services.intake.actions.opening import Seals
from shared import clock
from shared.messaging.transaction import transaction
from tests.browser import seed_patrols
from tests.browser.console import Page
from tests.browser.looks import LOOKS
from tests.browser.test_console import listen, look
from tests.browser.visiting import DESK, PATIENCE_MS, PHONE, serving, sign_in
from tests.integration.intake.conftest import (  # noqa: F401 - fixtures
    PASSWORD,
    Intake,
    emptier,
    intake,
    intake_of_module,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


PAGES = (
    Page("patrol", "staff", "/patrol"),
    Page("patrol-route", "manager", "/patrol/routes/R-1"),
    Page("patrol-sheet", "staff", "/patrol/routes/R-1/sheet"),
    Page("patrol-spot", "manager", "/patrol/spots/S1"),
    Page("patrol-visit", "staff", "/patrol/spots/S1/visit"),
    Page("patrol-level", "manager", "/patrol/level"),
    Page("patrol-alarms", "staff", "/patrol/alarms"),
    Page("patrol-shifts", "staff", "/patrol/shifts"),
    Page("patrol-shifts-planned", "manager", "/patrol/shifts"),
    Page("intake-desk", "staff", "/desk"),
    Page("wishes", "", "/wishes"),
    Page("wishes-had", "", "/wishes?shown=had"),
    Page("wish", "resident", "/wishes/{wish}"),
    Page("wish-claimed", "staff", "/wishes/{claimed}"),
    Page("wish-thanked", "staff", "/wishes/{thanked}"),
    Page("wish-waiting", "staff", "/wishes/{waiting_wish}"),
    Page("wish-new", "resident", "/wishes/new"),
    Page("wishes-mine", "resident", "/wishes/mine"),
    Page("wishes-desk", "staff", "/wishes/desk?state=published"),
    Page("rectifications", "staff", "/rectification"),
    Page("rectification", "staff", "/rectification/{drive}"),
    Page("rectification-report", "auditor", "/rectification/{drive}/report"),
    Page("rectification-item", "staff", "/rectification/items/{item}"),
    Page("rectification-item-fixed", "staff", "/rectification/items/{fixed_item}"),
)

_PARTS = 4  # none takes long, also on a busy machine
Opens = Callable[..., BrowserContext]


@pytest.fixture
def site(intake: Intake) -> Iterator[str]:  # noqa: F811 - the fixture
    clock.freeze(None)  # phones have clocks of their own
    with serving(intake.app) as address:
        yield address


@pytest.fixture
def logins(intake: Intake) -> dict[str, str]:  # noqa: F811
    roles = ("staff", "manager", "auditor")
    return {
        **{role: intake.account(role) for role in roles},
        "resident": intake.account("resident", "R000002"),
    }


@pytest.fixture
def seeded(site: str, intake: Intake, logins: dict[str, str]) -> dict[str, str]:  # noqa: F811
    """After `site`, which lets the clock run."""
    head = intake.one("SELECT account_no FROM accounts WHERE login = :login", login=logins["staff"])
    with transaction(intake.sessions) as tx:
        seals = Seals(intake.cipher, intake.index)
        return seed_patrols.rained(tx, "R000001", seals, str(head))


@pytest.fixture
def opens(browser: Browser, site: str, logins: dict[str, str]) -> Iterator[Opens]:
    """Windows of somebody who signed in through the page; "" is a visitor."""
    contexts = []

    def open_one(role: str = "", **options: Any) -> BrowserContext:
        options.setdefault("viewport", DESK)
        context = browser.new_context(base_url=site, locale="zh-CN", **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        tab = context.new_page()
        if role:
            sign_in(tab, logins[role], PASSWORD)
        return context

    yield open_one
    for context in contexts:
        context.close()


@pytest.mark.parametrize("part", range(_PARTS))
def test_every_page_in_every_look(
    part: int, opens: Opens, site: str, seeded: dict[str, str]
) -> None:
    tabs: dict[str, BrowserContext] = {}
    for page in PAGES[part::_PARTS]:
        if page.role not in tabs:
            tabs[page.role] = opens(page.role)
        context = tabs[page.role]
        tab = context.pages[0]
        complaints = listen(tab)
        for language, elder in LOOKS:
            chosen = {"lang": language, "elder": elder}
            context.add_cookies(
                [{"name": name, "value": value, "url": site} for name, value in chosen.items()]
            )
            answer = tab.goto(page.path.format(**seeded))
            assert answer
            assert answer.status == 200, page.name
            for size in (DESK, PHONE):
                tab.set_viewport_size(size)
                look(tab, page, (language, elder, size["width"]))
        assert complaints == [], page.name


def test_visits_without_network_outlive_their_tab_and_come_once(
    opens: Opens,
    intake: Intake,  # noqa: F811
    seeded: dict[str, str],
) -> None:
    phone = opens("staff", viewport=PHONE)
    tab = phone.pages[0]
    tab.goto("/patrol")
    # The list and a form for each of four spots are held, while there is a network.
    expect(tab.locator("[data-offline-held]")).to_have_attribute("data-held", "5/5")
    tab.wait_for_function("navigator.serviceWorker.controller !== null")
    before = intake.one("SELECT count(*) FROM patrol_visits")
    phone.set_offline(True)
    for number, spot in enumerate(("S2", "S3"), 1):
        tab.click(f"a[href='/patrol/spots/{spot}/visit']")
        tab.locator("[type=checkbox]").first.check()
        tab.locator("input[inputmode=numeric]").fill("7" if spot == "S2" else "210")
        tab.click("form[data-visit] button.wide")
        tab.wait_for_url("**/patrol")
        expect(tab.locator("[data-offline-count]")).to_have_text(str(number))
    tab.close(run_before_unload=False)
    assert intake.one("SELECT count(*) FROM patrol_visits") == before

    tab = phone.new_page()
    phone.set_offline(False)
    tab.goto("/patrol")
    expect(tab.locator("[data-offline-count]")).to_have_text("0")
    tab.reload()
    expect(tab.locator("[data-offline-count]")).to_have_text("0")
    rows = intake.rows(
        "SELECT spot_code, readings, request_id IS NOT NULL AS asked FROM patrol_visits"
        " WHERE client_id NOT LIKE 'seed-%' ORDER BY spot_code"
    )
    assert rows == [
        {"spot_code": "S2", "readings": {"water_depth": 7}, "asked": False},
        {"spot_code": "S3", "readings": {"water_level": 210}, "asked": True},
    ]


def test_a_photo_waits_on_the_phone_with_its_visit(
    opens: Opens,
    intake: Intake,  # noqa: F811
    seeded: dict[str, str],
) -> None:
    phone = opens("staff", viewport=PHONE)
    tab = phone.pages[0]
    tab.goto("/patrol/spots/S3/visit")
    file = {"name": "a.png", "mimeType": "image/png", "buffer": tab.screenshot()}
    tab.set_input_files("input[type=file]", file)  # type: ignore[arg-type]
    expect(tab.locator("[data-photo-told]")).to_contain_text("照片已附上")
    tab.fill("[name=note]", "护栏断了一截")
    tab.check("[name=needs_work]")
    tab.click("form[data-visit] button.wide")
    tab.wait_for_url("**/patrol")
    expect(tab.locator("[data-offline-count]")).to_have_text("0")
    assert intake.one("SELECT count(*) FROM photos") == 1


def test_a_visit_without_scripts(
    opens: Opens,
    intake: Intake,  # noqa: F811
    seeded: dict[str, str],
) -> None:
    tab = opens("staff", viewport=PHONE, java_script_enabled=False).pages[0]
    tab.goto("/patrol/spots/S3/visit")
    tab.locator("input[inputmode=numeric]").fill("12")
    tab.click("form[data-visit] button.wide")
    expect(tab.locator(".notice.tone-ok").first).to_be_visible()
    assert intake.one("SELECT count(*) FROM patrol_visits WHERE spot_code = 'S3'") == 1


def test_the_codes_of_the_printed_sheet_open_the_visit(
    opens: Opens, site: str, seeded: dict[str, str]
) -> None:
    tab = opens("staff", device_scale_factor=2).pages[0]
    tab.set_viewport_size({"width": 794, "height": 1123})  # A4
    tab.goto("/patrol/routes/R-1/sheet")
    tab.emulate_media(media="print")
    read = set()
    for code in tab.locator(".sheet-qr").all():
        with Image.open(io.BytesIO(code.screenshot())) as picture:
            read |= {one.text for one in zxingcpp.read_barcodes(picture.convert("L"))}
    assert read == {f"{site}/patrol/spots/S{n}/visit" for n in range(1, 5)}
    tab.emulate_media(media="screen")
    tab.goto(min(read))
    expect(tab.locator("form[data-visit]")).to_be_visible()


def test_what_a_wet_finger_must_hit_is_large(opens: Opens, seeded: dict[str, str]) -> None:
    tab = opens("staff", viewport=PHONE, has_touch=True).pages[0]
    for path in ("/patrol", "/patrol/spots/S1/visit"):
        tab.goto(path)
        heights = tab.eval_on_selector_all(
            "main .button, main input:not([type=hidden], [type=checkbox]), main .choice",
            "all => all.filter(e => e.offsetHeight).map(e => e.offsetHeight)",
        )
        assert heights
        assert min(heights) >= 44


def test_a_neighbour_claims_a_wish_without_scripts(
    opens: Opens,
    intake: Intake,  # noqa: F811
    seeded: dict[str, str],
) -> None:
    tab = opens("resident", viewport=PHONE, java_script_enabled=False).pages[0]
    tab.goto("/wishes")
    expect(tab.locator(".wish h2").first).to_have_text("出院回家急需一辆轮椅")  # urgent ones first
    tab.locator(".wish a.button").first.click()
    tab.click("main form.inline button")
    expect(tab.locator(".notice.tone-ok")).to_be_visible()
    expect(tab.locator("[name=picture]")).to_be_visible()
    rows = intake.rows("SELECT giver FROM wish_claims WHERE giver_kind = 'resident'")
    assert rows == [{"giver": "R000002"}]
