"""一站式大厅: what was told once is not asked again, and no window is booked over its capacity."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, time
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from services.intake.actions import appointments, hall
from services.intake.actions.hall import NewApplication
from services.intake.queries import hall as queries
from services.intake.rules.hall import AppointmentState, HallAction, HallState, to_ask
from services.intake.rules.states import Actor
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import Intake, later

CLERK, OWN = Actor("account", "A-1"), Actor("resident", "R000001")
FACTS = {
    "home_address": "鹊舞路 3 号",
    "household_size": "3",
    "monthly_income": "2400",
    "bank_account": "6222020000001234",
    "bank_name": "农商银行",
    "hardship": "患病",
    "emergency_name": "欧阳小兰",
    "emergency_phone": "13600009999",
    "disability_kind": "肢体",
    "employer": "无",
    "purpose": "办理入学",
    "service_from": "1990",
    "insured_since": "2010",
    "children": "1",
}


def apply(intake: Intake, code: str = "low-income", token: str = "", **changes: Any) -> str:
    new = {"matter_code": code, "resident_no": "R000001", "facts": FACTS, **changes}
    actor = new.pop("actor", OWN)
    with transaction(intake.sessions) as tx:
        hall.set_up(tx)
        return hall.apply(
            tx, NewApplication(token=token or f"t-{code}", **new), actor, intake.cipher
        )


def move(
    intake: Intake, number: str, action: HallAction, actor: Actor = CLERK, note: str = ""
) -> str:
    with transaction(intake.sessions) as tx:
        return hall.move(tx, number, action, actor, note)


def see(intake: Intake, number: str, *codes: str) -> None:
    with transaction(intake.sessions) as tx:
        hall.see_documents(tx, number, dict.fromkeys(codes, 1), "A-1")


NEEDED = ("id_card", "household_book", "income_proof", "property_statement", "bank_card")


def test_no_form_asks_what_was_told_before(intake: Intake) -> None:
    """Each matter in turn: its form asks only what no form before it had."""
    with transaction(intake.sessions) as tx:
        hall.set_up(tx)
    told: set[str] = set()
    asked_twice = []
    with intake.sessions() as session:
        offered = queries.matters(session)
    assert len(offered) >= 12
    for matter in offered:
        with intake.sessions() as session:
            known = queries.known_facts(session, intake.cipher, "R000001")
        assert known is not None
        asked = to_ask(matter["facts"], known)
        asked_twice += [(matter["code"], code) for code in asked if code in told]
        told |= set(asked) - {"purpose", "hardship"}
        apply(intake, matter["code"], facts={code: FACTS[code] for code in asked})
    assert asked_twice == []
    assert not told & {"name", "phone", "birth_year", "household_no", "grid"}


def test_the_same_form_again_is_the_same_application(intake: Intake) -> None:
    with ThreadPoolExecutor(6) as pool:
        apply(intake, token="once")
        numbers = list(pool.map(lambda _: apply(intake, token="once"), range(12)))
    assert len(set(numbers)) == 1
    assert intake.one("SELECT count(*) FROM hall_applications") == 1
    assert intake.one("SELECT count(*) FROM hall_steps") == 1
    with pytest.raises(Conflict):
        apply(intake, "elder-card", token="once")


def test_what_was_entered_is_sealed(intake: Intake) -> None:
    apply(intake)
    sealed = intake.one("SELECT facts_sealed FROM hall_applications")
    assert "6222" not in sealed
    code = intake.one("SELECT public_code FROM hall_applications")
    facts = json.loads(intake.cipher.decrypt(sealed, bound_to=code))
    assert facts["bank_account"] == FACTS["bank_account"]
    assert facts["name"] == "欧阳若兰"


def test_a_missing_or_odd_fact_is_named(intake: Intake) -> None:
    for facts, pointer in (({**FACTS, "bank_account": ""}, "/bank_account"),
                           ({**FACTS, "household_size": "many"}, "/household_size")):  # fmt: skip
        with pytest.raises(Rejected) as caught:
            apply(intake, facts=facts)
        assert caught.value.pointer == pointer
    with pytest.raises(Missing):
        apply(intake, "no-such-matter")
    with pytest.raises(Missing):
        apply(intake, resident_no="R999999")


def test_an_agent_says_how_the_resident_agreed(intake: Intake) -> None:
    with pytest.raises(Rejected) as caught:
        apply(intake, actor=CLERK)
    assert caught.value.pointer == "/consent_how"
    apply(intake, actor=CLERK, consent_how="phone")
    (row,) = intake.rows("SELECT agent, consent_how, consent_at FROM hall_applications")
    assert (row["agent"], row["consent_how"]) == ("A-1", "phone")
    assert row["consent_at"] is not None


def test_an_application_goes_its_way_and_its_promise_begins_with_acceptance(intake: Intake) -> None:
    number = apply(intake)
    with pytest.raises(Rejected) as caught:
        move(intake, number, HallAction.ACCEPT)
    assert "收入证明" in caught.value.zh
    with pytest.raises(Rejected):
        move(intake, number, HallAction.ASK)
    assert move(intake, number, HallAction.ASK, note="请补收入证明") == HallState.MISSING
    see(intake, number, *NEEDED)
    move(intake, number, HallAction.COMPLETE)
    move(intake, number, HallAction.ACCEPT)
    # Wednesday 21 October 2026 and 20 working days: Wednesday 18 November.
    assert intake.one("SELECT due_on FROM hall_applications") == date(2026, 11, 18)
    move(intake, number, HallAction.REVIEW)
    assert move(intake, number, HallAction.FINISH) == HallState.DONE
    with pytest.raises(Conflict):
        move(intake, number, HallAction.REFUSE, note="晚了")
    steps = intake.rows("SELECT step_no, action FROM hall_steps ORDER BY step_no")
    assert [row["step_no"] for row in steps] == list(range(1, 7))


def test_the_promise_skips_the_holiday_and_counts_the_day_in_lieu(intake: Intake) -> None:
    later(days=-24)  # Sunday 27 September 2026
    number = apply(intake, "elder-card", facts=FACTS)
    see(intake, number, "id_card", "photo")
    move(intake, number, HallAction.ACCEPT)
    due = intake.one("SELECT due_on FROM hall_applications")
    # Five working days after it would be 2 October without the holiday of 1 to 7 October.
    assert due > date(2026, 10, 7)


def test_a_resident_may_only_withdraw(intake: Intake) -> None:
    number = apply(intake)
    with pytest.raises(Conflict):
        move(intake, number, HallAction.ACCEPT, OWN)
    assert move(intake, number, HallAction.WITHDRAW, OWN) == HallState.WITHDRAWN


def test_documents_are_ticks_and_numbers_of_the_checklist(intake: Intake) -> None:
    number = apply(intake)
    see(intake, number, "id_card", "bank_card")
    see(intake, number, "id_card")
    assert intake.rows("SELECT document_code, copies FROM hall_documents") == [
        {"document_code": "id_card", "copies": 1}
    ]
    with pytest.raises(Rejected):
        see(intake, number, "passport")


def test_a_matter_that_changes_is_a_new_version_and_old_applications_keep_theirs(
    intake: Intake,
) -> None:
    number = apply(intake)
    rows = json.loads(hall.SEED.read_text(encoding="utf-8"))["matters"]
    with transaction(intake.sessions) as tx:
        assert hall.publish(tx, rows) == 0
        assert hall.publish(tx, [{**rows[0], "promised_days": 5, "documents": []}]) == 1
    with intake.sessions() as session:
        one = queries.application_of(session, intake.cipher, number=number)
        newest = queries.matter_of(session, "low-income")
    assert one
    assert newest
    assert (one["matter_version"], one["promised_days"]) == (1, 20)
    assert (newest["version"], newest["promised_days"]) == (2, 5)
    with pytest.raises(Rejected), transaction(intake.sessions) as tx:
        hall.publish(tx, [{**rows[0], "facts": ["shoe_size"]}])


@pytest.mark.parametrize(
    "statement", ["UPDATE hall_steps SET actor = 'x'", "DELETE FROM hall_matters"]
)
def test_what_is_published_and_what_was_done_stays(intake: Intake, statement: str) -> None:
    with intake.sessions() as session, pytest.raises(ProgrammingError) as caught:
        session.execute(text(statement))
    assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)


def offer(intake: Intake, capacity: int = 2) -> int:
    with transaction(intake.sessions) as tx:
        hall.set_up(tx)
        made = appointments.offer_slots(
            tx, place="大厅 1 号窗", on=date(2026, 10, 23), opens=time(9), closes=time(10),
            minutes=30, capacity=capacity,
        )  # fmt: skip
    assert made == 2
    slot: int = intake.one("SELECT min(id) FROM hall_slots")
    return slot


def book(intake: Intake, slot: int, resident: str = "R000001", token: str = "") -> str:
    with transaction(intake.sessions) as tx:
        return appointments.book(
            tx, token=token or f"{slot} {resident}", slot_id=slot, matter_code="elder-card",
            resident_no=resident, by=resident,
        )  # fmt: skip


def many(intake: Intake, count: int) -> list[str]:
    numbers = [f"R{number:06d}" for number in range(1, count + 1)]
    rows = [
        {"resident_no": number, "household_no": f"H{number[1:]}", "name": "欧阳若兰", "phone": "",
         "birth_year": "1950", "grid_code": "990101001001001", "language": "zh"}
        for number in numbers
    ]  # fmt: skip
    intake.load(rows)
    return numbers


def test_forty_who_want_two_places_get_two(intake: Intake) -> None:
    residents, slot = many(intake, 40), offer(intake)

    def tried(resident: str) -> bool:
        try:
            book(intake, slot, resident)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(tried, residents))
    assert sum(got) == 2
    assert intake.one("SELECT taken FROM hall_slots WHERE id = :id", id=slot) == 2
    assert intake.one("SELECT count(*) FROM hall_appointments") == 2


def test_the_database_itself_holds_the_capacity(intake: Intake) -> None:
    offer(intake)
    with intake.sessions() as session, pytest.raises(IntegrityError):
        session.execute(text("UPDATE hall_slots SET taken = capacity + 1"))


def test_a_place_that_is_cancelled_is_free_again(intake: Intake) -> None:
    slot = offer(intake, capacity=1)
    number = book(intake, slot)
    assert book(intake, slot) == number  # the same form
    with pytest.raises(Conflict):
        book(intake, slot, token="another form")
    with pytest.raises(Conflict):
        book(intake, slot, "R000002")
    with transaction(intake.sessions) as tx:
        appointments.end(tx, number, AppointmentState.CANCELLED, resident_no="R000001")
        appointments.end(tx, number, AppointmentState.CANCELLED)
    book(intake, slot, "R000002")
    assert intake.one("SELECT taken FROM hall_slots WHERE id = :id", id=slot) == 1
    with pytest.raises(Missing), transaction(intake.sessions) as tx:
        appointments.end(tx, number, AppointmentState.CANCELLED, resident_no="R000002")


def test_a_time_that_has_begun_is_not_booked(intake: Intake) -> None:
    slot = offer(intake)
    later(days=3)
    with pytest.raises(Conflict):
        book(intake, slot)


def test_each_is_reminded_once_a_day_before(intake: Intake) -> None:
    slot = offer(intake)
    number = book(intake, slot)
    reminded = []
    for _ in range(3):
        with transaction(intake.sessions) as tx:
            reminded.append(appointments.remind(tx))
        later(hours=20)
    assert reminded == [0, 0, 1]
    (said,) = intake.said("linli.hall.moved.v1")
    assert said["data"]["hall_no"] == number
    assert (said["data"]["way"], said["data"]["on_date"]) == ("hall_reminded", "2026-10-23")


def test_a_resident_is_told_what_becomes_of_an_application(intake: Intake) -> None:
    number = apply(intake)
    move(intake, number, HallAction.ASK, note="请补")
    see(intake, number, *NEEDED)
    for action in (HallAction.COMPLETE, HallAction.ACCEPT, HallAction.REVIEW, HallAction.FINISH):
        move(intake, number, action)
    told = [event["data"] for event in intake.said("linli.hall.moved.v1")]
    assert [(one["way"], one["on_date"]) for one in told] == [
        ("hall_missing", "2026-10-21"),
        ("hall_accepted", "2026-11-18"),
        ("hall_done", "2026-10-21"),
    ]
    assert {one["resident_no"] for one in told} == {"R000001"}
    assert "low-income" not in str(told)
