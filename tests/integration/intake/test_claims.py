"""Claims: places are kept, queues move up in order, nobody is promised to two places at once."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.intake.actions import claims
from services.intake.actions.claims import Claimed
from services.intake.rules.claims import NewOpening
from shared import clock
from shared.errors import Conflict, Forbidden, Missing, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, Browser, Intake, later
from tests.integration.intake.dispatch_office import (
    COMMUNITY,
    dispatched,
    furnish,
    on_post,
    request_row,
    steps_of,
)


def people(intake: Intake, count: int, **role: Any) -> list[str]:
    """Volunteers of the community, by number."""
    numbers = [f"V{n:04}" for n in range(count)]
    shared = {"household_no": "H9", "name": "某某", "phone": None, "birth_year": "1990"}
    intake.load(
        [{**shared, "resident_no": no, "grid_code": GRID, "language": "zh"} for no in numbers]
    )
    told = {"role": "volunteer", "area": COMMUNITY, "until": None, **role}
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text(
                "INSERT INTO resident_roles (resident_no, role, area_code, since, until)"
                " SELECT n, :role, :area, DATE '2026-01-01', CAST(:until AS date)"
                " FROM unnest(CAST(:numbers AS text[])) AS n"
            ),
            {**told, "numbers": numbers},
        )
    return numbers


def opening(intake: Intake, staff: str, places: int = 1, hours: int = 4, **changes: Any) -> int:
    request_id = changes.pop("request_id", None) or dispatched(intake)
    at = clock.now() + timedelta(hours=hours)
    told = {"about": "清理楼道", "place": "三单元", "skills": [], **changes}
    new = NewOpening(places=places, starts_at=at, ends_at=at + timedelta(hours=2), **told)
    with transaction(intake.sessions) as tx:
        return claims.open_claims(tx, request_id, new, account_no=staff)


def claim(intake: Intake, opening_id: int, resident_no: str) -> Claimed:
    with transaction(intake.sessions) as tx:
        return claims.claim(tx, opening_id, resident_no)


def withdraw(intake: Intake, claim_id: int, resident_no: str) -> list[str]:
    with transaction(intake.sessions) as tx:
        return claims.withdraw(tx, claim_id, resident_no)


@pytest.fixture
def staff(intake: Intake) -> str:
    furnish(intake)
    return on_post(intake, "water", "handler")


def test_of_64_racers_for_3_places_3_win_and_the_rest_wait_in_order(
    intake: Intake, staff: str
) -> None:
    racers = people(intake, 64)
    opening_id = opening(intake, staff, places=3)
    random.Random(7).shuffle(racers)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda no: claim(intake, opening_id, no), racers))
    assert sum(one.state == "holding" for one in got) == 3
    assert sorted(one.queue_no for one in got) == list(range(1, 65))
    assert {one.queue_no for one in got if one.state == "holding"} == {1, 2, 3}


def test_claiming_again_is_the_same_claim(intake: Intake, staff: str) -> None:
    (person,) = people(intake, 1)
    opening_id = opening(intake, staff)
    assert claim(intake, opening_id, person) == claim(intake, opening_id, person)


def test_a_place_that_is_given_up_goes_to_who_waits_longest(intake: Intake, staff: str) -> None:
    first, second, third = people(intake, 3)
    opening_id = opening(intake, staff)
    held = claim(intake, opening_id, first)
    assert [claim(intake, opening_id, who).state for who in (second, third)] == ["waiting"] * 2
    assert withdraw(intake, held.id, first) == [second]
    assert withdraw(intake, held.id, first) == []
    assert claim(intake, opening_id, first).queue_no == 4  # at the end of the queue now


def test_nobody_holds_two_places_at_once(intake: Intake, staff: str) -> None:
    person, other = people(intake, 2)
    one, same_time = opening(intake, staff), opening(intake, staff, hours=5)
    later_that_day = opening(intake, staff, hours=6)
    held = claim(intake, one, person)
    with pytest.raises(Conflict, match="double_booking"):
        claim(intake, same_time, person)
    assert claim(intake, later_that_day, person).state == "holding"
    withdraw(intake, held.id, person)
    assert claim(intake, one, other).state == "holding"


def test_who_is_promised_elsewhere_is_passed_over_and_gets_the_next_free_place(
    intake: Intake, staff: str
) -> None:
    holder, busy, free = people(intake, 3)
    wanted, elsewhere = opening(intake, staff), opening(intake, staff)
    held = claim(intake, wanted, holder)
    claim(intake, wanted, busy)
    claim(intake, wanted, free)
    other = claim(intake, elsewhere, busy)
    assert withdraw(intake, held.id, holder) == [free]
    withdraw(intake, other.id, busy)
    with transaction(intake.sessions) as tx:
        assert claims.promote(tx) == []  # no place is free
    (claimed,) = intake.rows(
        "SELECT id FROM claims WHERE opening_id = :o AND resident_no = :r", o=wanted, r=free
    )
    assert withdraw(intake, claimed["id"], free) == [busy]


def test_the_clock_promotes_whom_a_withdrawal_elsewhere_made_free(
    intake: Intake, staff: str
) -> None:
    holder, busy = people(intake, 2)
    wanted, elsewhere = opening(intake, staff), opening(intake, staff)
    held = claim(intake, wanted, holder)
    claim(intake, wanted, busy)
    other = claim(intake, elsewhere, busy)
    assert withdraw(intake, held.id, holder) == []
    withdraw(intake, other.id, busy)
    with transaction(intake.sessions) as tx:
        assert claims.promote(tx) == [busy]


def test_the_database_itself_refuses_two_places_at_once(intake: Intake, staff: str) -> None:
    (person,) = people(intake, 1)
    one, same_time = opening(intake, staff), opening(intake, staff)
    claim(intake, one, person)
    forced = text(
        "INSERT INTO claims (opening_id, resident_no, state, queue_no, span, claimed_at,"
        " changed_at) SELECT :opening, resident_no, state, 1, span, claimed_at, changed_at"
        " FROM claims"
    )
    with (
        pytest.raises(IntegrityError, match="ex_claims_one_place_at_once"),
        transaction(intake.sessions) as tx,
    ):
        tx.session.execute(forced, {"opening": same_time})


def test_only_those_registered_for_the_place_may_claim(intake: Intake, staff: str) -> None:
    people(intake, 1, until=clock.today() - timedelta(days=1))
    opening_id = opening(intake, staff)
    for who in ("V0000", "R000001", "R-nobody"):
        with pytest.raises(Forbidden):
            claim(intake, opening_id, who)
    with pytest.raises(Missing):
        claim(intake, opening_id + 99, "V0000")


def test_skills_are_asked_for(intake: Intake, staff: str) -> None:
    (person,) = people(intake, 1)
    opening_id = opening(intake, staff, skills=["电工", "登高"])
    with transaction(intake.sessions) as tx:
        claims.note_skills(tx, person, ["电工"], by=staff)
    with pytest.raises(Forbidden) as caught:
        claim(intake, opening_id, person)
    assert "登高" in caught.value.zh
    with transaction(intake.sessions) as tx:
        claims.note_skills(tx, person, ["电工", " 登高 ", "登高"], by=staff)
    assert claim(intake, opening_id, person).state == "holding"


def test_staff_confirm_minutes_once_and_not_more_than_there_were(
    intake: Intake, staff: str
) -> None:
    (person,) = people(intake, 1)
    request_id = dispatched(intake)
    held = claim(intake, opening(intake, staff, request_id=request_id), person)

    def confirm(minutes: int, by: str = staff) -> None:
        with transaction(intake.sessions) as tx:
            claims.confirm(tx, held.id, minutes, account_no=by)

    with pytest.raises(Conflict):
        confirm(60)  # it has not begun
    later(hours=7)
    with pytest.raises(Rejected) as caught:
        confirm(121)
    assert caught.value.pointer == "/minutes"
    with pytest.raises(Forbidden):
        confirm(60, on_post(intake, "sanitation", "handler"))
    confirm(90)
    with pytest.raises(Conflict):
        confirm(90)
    facts = {"claims": "done", "claim": held.id, "minutes": 90}
    assert steps_of(intake, request_id)[-1]["facts"] == facts
    with pytest.raises(Conflict):
        withdraw(intake, held.id, person)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"places": 0}, "/claim_places"),
        ({"about": " "}, "/claim_about"),
        ({"place": "x" * 101}, "/claim_place"),
        ({"hours": -9}, "/claim_on"),
        ({"skills": ["x" * 21]}, "/skills"),
    ],
    ids=str,
)
def test_an_odd_opening_is_refused_by_its_field(
    intake: Intake, staff: str, change: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Rejected) as caught:
        opening(intake, staff, **change)
    assert caught.value.pointer == pointer


def test_what_nobody_is_to_do_any_more_cannot_be_claimed(intake: Intake, staff: str) -> None:
    (person,) = people(intake, 1)
    opening_id = opening(intake, staff)
    with transaction(intake.sessions) as tx:
        claims.close_claims(tx, opening_id, account_no=staff)
    with pytest.raises(Conflict):
        claim(intake, opening_id, person)


def test_a_volunteer_claims_and_withdraws_on_the_page(intake: Intake, staff: str) -> None:
    (person,) = people(intake, 1)
    opening_id = opening(intake, staff)
    browser = intake.signed_in("resident", person)
    assert "清理楼道" in browser.get("/claims").text
    browser.post(f"/claims/{opening_id}")
    page = browser.get("/claims").text
    assert "已领到" in page
    claim_id = intake.one("SELECT id FROM claims")
    browser.post(f"/claims/{claim_id}/withdraw")
    assert intake.one("SELECT state FROM claims") == "withdrawn"


def test_a_resident_without_a_role_is_told_how_to_get_one(intake: Intake, staff: str) -> None:
    opening(intake, staff)
    page = intake.signed_in("resident", "R000001").get("/claims").text
    assert "清理楼道" not in page
    assert "到社区登记" in page


def test_staff_open_and_confirm_on_the_requests_page(intake: Intake, staff: str) -> None:
    (person,) = people(intake, 1)
    path = f"/requests/{request_row(intake, dispatched(intake))['request_no']}"
    login = "water-head"
    on_post(intake, "water", "head", login)
    browser = Browser(intake.app)
    browser.sign_in(login)
    assert f'action="{path}/claims"' in browser.get(path).text
    form = {
        "claim_about": "疏通下水道",
        "claim_place": "三单元",
        "claim_places": "2",
        "claim_skills": "",
        "claim_on": "2026-10-21",
        "claim_from": "14:00",
        "claim_to": "16:00",
    }
    assert browser.post(f"{path}/claims", **form).status_code == 303
    opening_id = intake.one("SELECT id FROM claim_openings")
    held = claim(intake, opening_id, person)
    later(hours=3)
    browser.sign_in(login)
    assert person in browser.get(path).text
    browser.post(f"{path}/claims/{held.id}/confirm", minutes="60")
    assert intake.one("SELECT minutes FROM claims") == 60
    assert "疏通下水道" not in intake.signed_in("resident", "R000001").get(path).text
