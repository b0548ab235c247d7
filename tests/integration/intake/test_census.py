"""入户摸底: entries of the form and of the off-line queue, each once and none over another's."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.intake.actions import buildings
from services.intake.rules.homes import BuildingRow, HomeRow, RoomRow
from shared.messaging.transaction import transaction
from shared.schemas.intake import RESIDENT_REGISTERED
from tests.integration.intake.conftest import GRID, RESIDENTS, Browser, Intake

BUILDING = GRID + "00003"
ENTRIES = "/api/v1/census/entries"
FORM = f"/census/{BUILDING}/1/502/H00001"


@pytest.fixture
def home(intake: Intake) -> Intake:
    """R000001 and R000002 live behind 3-1-502; 3-1-503 is empty."""
    with transaction(intake.sessions) as tx:
        row = BuildingRow(GRID, "00003", "3", "dwelling", "合心路 8 号", 30.1, 120.2, None)
        buildings.put_buildings(tx, [row])
        rooms = [RoomRow(BUILDING, "1", room, "lived_in") for room in ("502", "503")]
        buildings.put_rooms(tx, rooms)
        buildings.put_homes(tx, [HomeRow("H00001", BUILDING, "1", "502", None, None)])
    return intake


def visit(intake: Intake, **changes: Any) -> dict[str, Any]:
    """What the form of H00001 sends when nothing was changed."""
    revision = intake.one("SELECT revision FROM households WHERE household_no = 'H00001'")
    return {
        "building_no": BUILDING,
        "unit": "1",
        "room": "502",
        "household_no": "H00001",
        "revision": str(revision),
        "seen": "H00001",
        "usage": "lived_in",
        "residence": "together",
        "origin": "registered",
        "member_resident_no": ["R000001", "R000002", ""],
        "member_name": ["欧***", "司**", ""],
        "member_phone": ["139****2222", "137****4444", ""],
        "member_birth_year": ["1985", "2001", ""],
        "member_whereabouts": ["here", "here", "here"],
        **changes,
    }


def newcomer(name: str = "王秀英", **changes: Any) -> dict[str, Any]:
    """A household that moved into 3-1-503."""
    return {
        "building_no": BUILDING,
        "unit": "1",
        "room": "503",
        "revision": "0",
        "residence": "apart",
        "origin": "floating",
        "consent": "1",
        "member_name": [name],
        "member_phone": ["13512345678"],
        "member_birth_year": ["1950"],
        **changes,
    }


def send(browser: Browser, *entries: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    answer = browser.client.post(
        ENTRIES,
        json={"entries": [{"client_id": key, "body": body} for key, body in entries]},
        headers={"X-CSRF-Token": browser.token()},
    )
    assert answer.status_code == 200, answer.text
    verdicts: list[dict[str, Any]] = json.loads(answer.text)["verdicts"]
    return verdicts


def key() -> str:
    return str(uuid.uuid4())


def test_a_new_household_is_registered_found_and_told_once(home: Intake) -> None:
    staff, entry = home.signed_in("staff"), (key(), newcomer())
    (first,) = send(staff, entry)
    (again,) = send(staff, entry)
    assert (first["verdict"], again["verdict"]) == ("accepted", "duplicate")
    (row,) = home.rows(
        "SELECT h.*, r.resident_no, r.grid_code AS lives_in FROM households h JOIN residents r"
        " USING (household_no) WHERE h.room = '503'"
    )
    assert (row["residence"], row["origin"], row["lives_in"]) == ("apart", "floating", GRID)
    assert row["visited_by"] == home.one("SELECT account_no FROM accounts WHERE role = 'staff'")
    told = [event["data"]["resident_no"] for event in home.said(RESIDENT_REGISTERED)]
    assert told.count(row["resident_no"]) == 1
    consent = home.rows("SELECT purpose, how, given_by FROM consents")
    assert consent == [{"purpose": "register", "how": "spoken", "given_by": row["visited_by"]}]
    found = staff.client.post(
        "/api/v1/residents/find", json={"typed": "wxy"}, headers={"X-CSRF-Token": staff.token()}
    )
    assert [one["resident_no"] for one in found.json["residents"]] == [row["resident_no"]]


def test_what_is_masked_stays_as_it_is(home: Intake) -> None:
    before = home.rows("SELECT name_sealed, phone_sealed FROM residents ORDER BY resident_no")
    (taken,) = send(home.signed_in("staff"), (key(), visit(home)))
    assert taken["verdict"] == "accepted"
    assert (
        home.rows("SELECT name_sealed, phone_sealed FROM residents ORDER BY resident_no") == before
    )
    assert len(home.said(RESIDENT_REGISTERED)) == 2


def test_an_older_copy_never_overwrites_a_newer_one(home: Intake) -> None:
    staff, other = home.signed_in("staff"), home.signed_in("staff")
    mine, theirs = visit(home, residence="apart"), visit(home, residence="on_paper")
    assert send(other, (key(), theirs))[0]["verdict"] == "accepted"
    entry = key()
    (verdict,) = send(staff, (entry, mine))
    assert verdict["verdict"] == "conflict"
    assert verdict["path"] == f"{FORM}#entry={entry}"
    assert home.one("SELECT residence FROM households WHERE household_no = 'H00001'") == "on_paper"
    (mended,) = send(staff, (key(), visit(home, residence="apart")))
    assert mended["verdict"] == "accepted"


def test_a_change_of_the_people_elsewhere_is_a_conflict_too(home: Intake) -> None:
    mine = visit(home)
    home.load([{**row, "language": "zh"} for row in RESIDENTS])
    assert send(home.signed_in("staff"), (key(), mine))[0]["verdict"] == "conflict"


def test_two_who_register_the_same_empty_room_do_not_both_win(home: Intake) -> None:
    browsers = [home.signed_in("staff") for _ in range(2)]
    entries = [(key(), newcomer("王秀英")), (key(), newcomer("李建国"))]
    with ThreadPoolExecutor(2) as pool:
        verdicts = list(
            pool.map(lambda pair: send(*pair)[0]["verdict"], zip(browsers, entries, strict=True))
        )
    assert sorted(verdicts) == ["accepted", "conflict"]
    assert home.one("SELECT count(*) FROM households WHERE room = '503'") == 1


def test_one_entry_sent_by_many_at_once_is_one_household(home: Intake) -> None:
    browsers, entry = [home.signed_in("staff") for _ in range(6)], (key(), newcomer())
    with ThreadPoolExecutor(6) as pool:
        verdicts = list(pool.map(lambda browser: send(browser, entry)[0]["verdict"], browsers))
    assert sorted(verdicts) == ["accepted"] + ["duplicate"] * 5
    assert home.one("SELECT count(*) FROM residents") == 3


def test_a_wrong_entry_among_good_ones_stops_only_itself(home: Intake) -> None:
    wrong = newcomer(member_phone=["12ab"])
    verdicts = send(
        home.signed_in("staff"),
        (key(), wrong),
        ("no-uuid", newcomer()),
        (key(), visit(home, member_name=["欧阳**", "司**", ""])),
        (key(), newcomer()),
    )
    assert [each["verdict"] for each in verdicts] == ["refused", "refused", "refused", "accepted"]
    assert "第 1 人 phone" in verdicts[0]["zh"]
    assert "person 1, phone" in verdicts[0]["en"]


def test_an_id_with_other_content_is_refused(home: Intake) -> None:
    staff, entry = home.signed_in("staff"), key()
    send(staff, (entry, newcomer()))
    (verdict,) = send(staff, (entry, newcomer("李建国")))
    assert verdict["verdict"] == "refused"
    assert "client_id" in verdict["zh"]


def test_without_scripts_the_form_is_a_plain_post(home: Intake) -> None:
    staff = home.signed_in("staff")
    page = staff.get(FORM)
    assert page.status_code == 200
    assert "欧阳若兰" not in page.text
    assert "13911112222" not in page.text
    assert 'value="139****2222"' in page.text
    body = visit(home, residence="apart")
    answer = staff.client.post(FORM, data={**body, "client_id": key(), "csrf_token": staff.token()})
    assert answer.status_code == 303, answer.text
    assert home.one("SELECT residence FROM households WHERE household_no = 'H00001'") == "apart"
    late = staff.client.post(
        FORM,
        data={**body, "client_id": key(), "csrf_token": staff.token(), "residence": "on_paper"},
        headers={"Accept": "text/html"},
    )
    assert late.status_code == 409
    assert "别人已修改了这一户" in late.text
    # What was typed is there again.
    assert '<option value="on_paper" selected>' in late.text


def test_a_room_that_is_not_listed_can_be_added(home: Intake) -> None:
    staff = home.signed_in("staff")
    assert staff.get(f"/census/{BUILDING}/_/new/new").status_code == 200
    (verdict,) = send(staff, (key(), newcomer(room="1204a", unit="2")))
    assert verdict["verdict"] == "accepted"
    assert home.one("SELECT usage FROM rooms WHERE room = '1204A' AND unit = '2'") == "lived_in"


@pytest.mark.parametrize("role", ["resident", "auditor", "operator"])
def test_only_staff_may_send_entries(home: Intake, role: str) -> None:
    browser = home.signed_in(role, "R000001" if role == "resident" else None)
    answer = browser.client.post(
        ENTRIES,
        json={"entries": [{"client_id": key(), "body": newcomer()}]},
        headers={"X-CSRF-Token": browser.token()},
    )
    assert answer.status_code == 403
    assert browser.get("/census").status_code == 403
