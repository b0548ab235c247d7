"""入户摸底 on a phone whose network goes and comes: nothing is lost, nothing is written twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from playwright.sync_api import Page as Tab

from services.intake.actions import buildings
from services.intake.rules.homes import BuildingRow, HomeRow, RoomRow
from shared.messaging.transaction import transaction
from tests.browser.visiting import PATIENCE_MS, PHONE, serving, sign_in
from tests.integration.intake.conftest import (  # noqa: F401 - fixtures
    GRID,
    PASSWORD,
    Intake,
    emptier,
    intake,
    intake_of_module,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

BUILDING = GRID + "00003"
DOORS = f"/census/{BUILDING}"
FORM = f"{DOORS}/1/502/H00001"
EMPTY = f"{DOORS}/1/503/new"


@pytest.fixture
def site(intake: Intake) -> Iterator[str]:  # noqa: F811 - the fixture
    """R000001 and R000002 behind 3-1-502, nobody behind 3-1-503, and a server before them."""
    with transaction(intake.sessions) as tx:
        row = BuildingRow(GRID, "00003", "3", "dwelling", "合心路 8 号", None, None, None)
        buildings.put_buildings(tx, [row])
        rooms = [RoomRow(BUILDING, "1", room, "lived_in") for room in ("502", "503")]
        buildings.put_rooms(tx, rooms)
        buildings.put_homes(tx, [HomeRow("H00001", BUILDING, "1", "502", None, None)])
    with serving(intake.app) as address:
        yield address


@pytest.fixture
def phone(browser: Browser, site: str, intake: Intake) -> Iterator[BrowserContext]:  # noqa: F811
    """Signed in as staff, with the building opened once while there was a network."""
    context = browser.new_context(base_url=site, viewport=PHONE)
    context.set_default_timeout(PATIENCE_MS)
    tab = context.new_page()
    sign_in(tab, intake.account("staff"), PASSWORD)
    tab.goto(DOORS)
    held(tab)
    yield context
    context.close()


def held(tab: Tab) -> None:
    """Wait until every door's form can be opened without network."""
    place = tab.locator("[data-offline-held]")
    expect(place).to_have_attribute("data-held", "5/5")
    tab.wait_for_function("navigator.serviceWorker.controller !== null")


def unsent(tab: Tab, number: int) -> None:
    expect(tab.locator("[data-offline-count]")).to_have_text(str(number))


def fill_newcomer(tab: Tab, name: str = "王秀英", phone: str = "13512345678") -> None:
    tab.fill("#m1-name", name)
    tab.fill("#m1-phone", phone)
    tab.fill("#m1-year", "1950")


def count(intake: Intake, name: str) -> int:  # noqa: F811
    return int(intake.one(f"SELECT count(*) FROM {name}"))


def until(tab: Tab, intake: Intake, name: str, number: int) -> None:  # noqa: F811
    for _ in range(600):
        if count(intake, name) == number:
            return
        tab.wait_for_timeout(100)
    assert count(intake, name) == number


def test_entries_survive_a_dead_tab_and_are_sent_once_when_the_network_is_back(
    phone: BrowserContext,
    intake: Intake,  # noqa: F811
) -> None:
    phone.set_offline(True)
    tab = phone.pages[0]
    tab.goto(EMPTY)
    fill_newcomer(tab)
    tab.click("main form.form button.button")
    tab.wait_for_url("**" + DOORS)
    unsent(tab, 1)
    # A second one, half typed when the tab dies.
    tab.goto(FORM)
    expect(tab.locator("#m1-name")).to_have_value("欧***")
    tab.select_option("[name=residence]", "apart")
    tab.fill("#m3-name", "李小龙")
    tab.wait_for_function(_DRAFTS)
    tab.close(run_before_unload=False)

    tab = phone.new_page()
    tab.goto(FORM)
    expect(tab.locator("#m3-name")).to_have_value("李小龙")
    expect(tab.locator("[name=residence]")).to_have_value("apart")
    unsent(tab, 1)
    tab.click("main form.form button.button")
    tab.wait_for_url("**" + DOORS)
    unsent(tab, 2)
    assert count(intake, "census_entries") == 0

    phone.set_offline(False)
    unsent(tab, 0)
    assert count(intake, "census_entries") == 2
    assert count(intake, "residents") == 4
    assert intake.one("SELECT residence FROM households WHERE household_no = 'H00001'") == "apart"
    tab.reload()
    unsent(tab, 0)
    assert count(intake, "census_entries") == 2


_DRAFTS = """async () => {
  const db = await new Promise((ok) => {
    const asked = indexedDB.open("linli-offline");
    asked.onsuccess = () => ok(asked.result);
  });
  const all = await new Promise((ok) => {
    const asked = db.transaction("drafts").objectStore("drafts").getAll();
    asked.onsuccess = () => ok(asked.result);
  });
  db.close();
  return all.some((one) => JSON.stringify(one.fields).includes("李小龙"));
}"""


def test_an_answer_that_was_lost_makes_nothing_twice(
    phone: BrowserContext,
    intake: Intake,  # noqa: F811
) -> None:
    tab = phone.pages[0]
    tab.goto(EMPTY)
    lost: list[Any] = []

    def lose(route: Any) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch())  # the server has it; the phone never hears
        route.abort("connectionreset")

    phone.route("**/api/v1/census/entries", lose)
    fill_newcomer(tab)
    tab.click("main form.form button.button")
    tab.wait_for_url("**" + DOORS)
    until(tab, intake, "census_entries", 1)
    expect(tab.locator("[data-offline-send]")).to_be_visible()
    unsent(tab, 1)
    tab.click("[data-offline-send]")
    unsent(tab, 0)
    assert lost
    assert count(intake, "census_entries") == 1
    assert count(intake, "residents") == 3


def test_somebody_elses_change_is_shown_and_not_overwritten(
    phone: BrowserContext,
    intake: Intake,  # noqa: F811
) -> None:
    phone.set_offline(True)
    tab = phone.pages[0]
    tab.goto(FORM)
    tab.select_option("[name=origin]", "floating")
    tab.click("main form.form button.button")
    tab.wait_for_url("**" + DOORS)
    with transaction(intake.sessions) as tx:
        home = HomeRow("H00001", BUILDING, "1", "502", "on_paper", "overseas")
        buildings.put_homes(tx, [home])
    phone.set_offline(False)
    conflict = tab.locator("[data-offline-list] li[data-state=conflict]")
    expect(conflict).to_contain_text("别人已修改了这一户")
    assert intake.one("SELECT origin FROM households WHERE household_no = 'H00001'") == "overseas"
    conflict.locator("a").click()
    # What was entered is there, and beside it what the register says now.
    expect(tab.locator("[name=origin]")).to_have_value("floating")
    expect(tab.locator("[data-offline-differs=origin]")).to_contain_text("境外")
    expect(tab.locator("[data-offline-differs=residence]")).to_contain_text("空挂")
    tab.click("main form.form button.button")
    tab.wait_for_url("**" + DOORS)
    unsent(tab, 0)
    assert intake.one("SELECT origin FROM households WHERE household_no = 'H00001'") == "floating"


def test_after_the_session_has_ended_the_entries_wait_for_signing_in(
    phone: BrowserContext,
    intake: Intake,  # noqa: F811
) -> None:
    phone.set_offline(True)
    tab = phone.pages[0]
    tab.goto(EMPTY)
    fill_newcomer(tab)
    tab.click("main form.form button.button")
    tab.wait_for_url("**" + DOORS)
    expect(tab.locator("[data-offline-sign-in]")).to_be_hidden()
    phone.clear_cookies()
    phone.set_offline(False)
    expect(tab.locator("[data-offline-sign-in]")).to_be_visible()
    unsent(tab, 1)
    tab.click("[data-offline-sign-in]")
    login = intake.one("SELECT login FROM accounts WHERE role = 'staff'")
    tab.fill("[name=login]", login)
    tab.fill("[name=password]", PASSWORD)
    tab.click("main form button")
    tab.wait_for_url("**" + DOORS)
    unsent(tab, 0)
    assert count(intake, "census_entries") == 1


def test_another_person_on_the_same_phone_neither_sees_nor_sends_them(
    phone: BrowserContext,
    intake: Intake,  # noqa: F811
) -> None:
    phone.set_offline(True)
    tab = phone.pages[0]
    tab.goto(EMPTY)
    fill_newcomer(tab)
    tab.click("main form.form button.button")
    tab.wait_for_url("**" + DOORS)
    unsent(tab, 1)
    expect(tab.locator("[data-offline-sign-in]")).to_be_hidden()
    phone.clear_cookies()
    phone.set_offline(False)
    expect(tab.locator("[data-offline-sign-in]")).to_be_visible()
    sign_in(tab, intake.account("staff"), PASSWORD)
    tab.goto(DOORS)
    held(tab)
    unsent(tab, 0)
    assert "王秀英" not in tab.content()
    assert count(intake, "census_entries") == 0


def test_without_scripts_a_household_is_registered_found_and_seen_for_a_reason(
    browser: Browser,
    site: str,
    intake: Intake,  # noqa: F811
) -> None:
    context = browser.new_context(base_url=site, java_script_enabled=False, viewport=PHONE)
    context.set_default_timeout(PATIENCE_MS)
    tab = context.new_page()
    sign_in(tab, intake.account("staff"), PASSWORD)
    tab.goto(DOORS)
    expect(tab.locator("[data-offline-queue]")).to_be_hidden()
    tab.click(f"a[href='{EMPTY}']")
    fill_newcomer(tab)
    tab.click("main form.form button.button")
    expect(tab.locator(".notice.tone-ok")).to_be_visible()
    tab.goto("/residents")
    tab.fill("[name=typed]", "wxy")
    tab.click("form[method=post].filters button")
    expect(tab.locator("main table tbody tr")).to_have_count(1)
    tab.click("main table tbody a")
    expect(tab.locator("main")).not_to_contain_text("13512345678")
    tab.fill("[name=reason]", "漏水急修，须电话联系")
    tab.click("form[action$=unmask] button")
    expect(tab.locator("main")).to_contain_text("13512345678")
    assert count(intake, "unmaskings") == 1
    context.close()
