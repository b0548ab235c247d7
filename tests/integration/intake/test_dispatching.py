"""What comes in gets one owner with a reason; units return, dispatchers find another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.intake.actions import desks, redispatching
from services.intake.actions.redispatching import Sending
from services.intake.actions.steps import Step, take
from services.intake.queries.dispatch import accuracy
from services.intake.rules.states import Action
from shared import clock
from shared.errors import Conflict, Forbidden, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, NOW, Intake, later
from tests.integration.intake.dispatch_office import (
    CLERK,
    COMMUNITY,
    DESK,
    RULES,
    asked,
    dispatched,
    furnish,
    on_post,
    request_row,
    steps_of,
    triage,
)


def give_back(
    intake: Intake, request_id: int, account_no: str, reason: str = "wrong_place"
) -> None:
    with transaction(intake.sessions) as tx:
        redispatching.give_back(
            tx, request_id, reason=reason, note="不在我单位辖区", account_no=account_no
        )


def send_on(intake: Intake, request_id: int, account_no: str, **sending: Any) -> None:
    with transaction(intake.sessions) as tx:
        redispatching.send_on(
            tx,
            request_id,
            Sending(**sending),
            account_no=account_no,
        )


def test_loading_a_district_gives_it_desks_once(intake: Intake) -> None:
    intake.load()
    rows = intake.rows(
        "SELECT unit_code, parent_code FROM units WHERE is_fallback ORDER BY unit_code"
    )
    assert rows == [
        {"unit_code": "desk-990101", "parent_code": None},
        {"unit_code": "desk-990101001", "parent_code": "desk-990101"},
        {"unit_code": DESK, "parent_code": "desk-990101001"},
    ]


def test_an_area_whose_fallback_somebody_named_keeps_it(intake: Intake) -> None:
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text("UPDATE units SET unit_code = 'own' WHERE unit_code = :d"), {"d": DESK}
        )
        desks.make_missing(tx)
    assert intake.rows("SELECT unit_code FROM units WHERE area_code = :a", a=COMMUNITY) == [
        {"unit_code": "own"}
    ]


def test_nothing_waits_and_nothing_is_done(intake: Intake) -> None:
    assert triage(intake) == 0


def test_a_request_is_classified_admitted_and_dispatched_with_reasons(intake: Intake) -> None:
    furnish(intake)
    request_id = asked(intake)
    assert triage(intake) == 1
    row = request_row(intake, request_id)
    assert (row["state"], row["unit_code"]) == ("dispatched", "water")
    assert (row["condition_code"], row["catalogue_version"]) == ("0404-1", 1)
    assert (row["is_public"], row["track"]) == (True, "community")
    assert steps_of(intake, request_id)[1:] == [
        {
            "action": "admit",
            "to_state": "pending",
            "actor": "dispatch",
            "facts": {"condition": "0404-1", "track": "community"},
            "rule_version": "catalogue 1",
        },
        {
            "action": "dispatch",
            "to_state": "dispatched",
            "actor": "dispatch",
            "facts": {
                "level": "normal",
                "why": "rule",
                "rule": "water",
                "unit": "water",
                "assist": ["team"],
            },
            "rule_version": "dispatch 1",
        },
    ]
    assert intake.rows("SELECT unit_code, asked_by FROM request_assists") == [
        {"unit_code": "team", "asked_by": "dispatch"}
    ]
    assert triage(intake) == 0


def test_a_district_of_before_gets_its_desks_when_something_comes(intake: Intake) -> None:
    with transaction(intake.sessions) as tx:
        tx.session.execute(text("DELETE FROM units"))
    request_id = dispatched(intake, category="whatever")
    row = request_row(intake, request_id)
    assert (row["state"], row["unit_code"], row["condition_code"]) == ("dispatched", DESK, None)
    assert steps_of(intake, request_id)[-1]["facts"]["why"] == "unclassified"


def test_what_the_catalogue_does_not_know_a_person_classifies(intake: Intake) -> None:
    furnish(intake)
    request_id = dispatched(intake, category="whatever")
    assert request_row(intake, request_id)["unit_code"] == DESK
    dispatcher = on_post(intake, DESK, "dispatcher")
    with pytest.raises(Rejected) as caught:
        send_on(intake, request_id, dispatcher, category="0000")
    assert caught.value.pointer == "/category"
    send_on(intake, request_id, dispatcher, category="0404")
    row = request_row(intake, request_id)
    assert (row["unit_code"], row["condition_code"], row["state"]) == (
        "water",
        "0404-1",
        "dispatched",
    )
    assert row["is_public"] is True
    with pytest.raises(Conflict):
        send_on(intake, request_id, dispatcher, unit_code="sanitation")


def test_what_a_person_admitted_is_dispatched_by_the_rules_too(intake: Intake) -> None:
    furnish(intake)
    request_id = asked(intake)
    with transaction(intake.sessions) as tx:
        verify = Step(request_id=request_id, action=Action.VERIFY)
        take(tx, [verify, Step(request_id=request_id, action=Action.ADMIT)], CLERK)
    assert triage(intake) == 1
    row = request_row(intake, request_id)
    assert (row["state"], row["unit_code"], row["condition_code"]) == (
        "dispatched",
        "water",
        "0404-1",
    )


def test_several_at_once_each_get_exactly_one_dispatch(intake: Intake) -> None:
    furnish(intake)
    ids = [asked(intake, client_id=f"c-{n}") for n in range(30)]
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: triage(intake), range(8)))
    assert sum(counts) == len(ids)
    assert intake.rows(
        "SELECT action, count(*) FROM request_steps GROUP BY action ORDER BY action"
    ) == [{"action": name, "count": 30} for name in ("admit", "dispatch", "submit")]


def test_what_somebody_has_in_hand_is_left_for_the_next_time(intake: Intake) -> None:
    furnish(intake)
    first, second = (asked(intake, client_id=f"c-{n}") for n in range(2))
    with intake.sessions() as session:
        session.execute(text("SELECT 1 FROM requests WHERE id = :id FOR UPDATE"), {"id": first})
        assert triage(intake) == 1
        assert request_row(intake, second)["state"] == "dispatched"
        session.rollback()
    assert triage(intake) == 1


def test_rules_that_cannot_be_read_leave_nothing_without_an_owner(intake: Intake) -> None:
    furnish(intake)
    with transaction(intake.sessions) as tx:
        tx.session.execute(text("UPDATE dispatch_rules SET body = '{\"rules\": 1}'"))
    assert request_row(intake, dispatched(intake))["unit_code"] == DESK


def test_a_unit_returns_and_a_dispatcher_sends_on(intake: Intake) -> None:
    furnish(intake)
    request_id = dispatched(intake)
    worker, dispatcher = on_post(intake, "water", "handler"), on_post(intake, DESK, "dispatcher")
    give_back(intake, request_id, worker)
    row = request_row(intake, request_id)
    assert (row["state"], row["unit_code"], row["returned_count"]) == ("pending", DESK, 1)
    facts = steps_of(intake, request_id)[-1]["facts"]
    assert facts == {"reason": "wrong_place", "unit": "water", "returned": 1}
    assert triage(intake) == 0  # a person's turn
    send_on(intake, request_id, dispatcher, unit_code="sanitation", assist=("water",))
    row = request_row(intake, request_id)
    assert (row["state"], row["unit_code"]) == ("dispatched", "sanitation")
    with intake.sessions() as session:
        told = accuracy(session, NOW, NOW + timedelta(days=1))
    assert (told.dispatched, told.returned, told.percent) == (2, 1, 50)


def test_the_second_return_leaves_it_with_the_desk_for_good(intake: Intake) -> None:
    furnish(intake)
    request_id = dispatched(intake)
    dispatcher = on_post(intake, DESK, "dispatcher")
    give_back(intake, request_id, on_post(intake, "water", "handler"))
    send_on(intake, request_id, dispatcher, unit_code="sanitation")
    give_back(intake, request_id, on_post(intake, "sanitation", "head"), "not_our_duty")
    row = request_row(intake, request_id)
    assert (row["state"], row["unit_code"], row["returned_count"]) == ("dispatched", DESK, 2)
    assert steps_of(intake, request_id)[-1]["facts"] == {"why": "second_return", "unit": DESK}
    with pytest.raises(Conflict, match="desk_keeps"):
        give_back(intake, request_id, dispatcher)
    with pytest.raises(Conflict, match="desk_keeps"):
        send_on(intake, request_id, dispatcher, unit_code="water")


def test_a_unit_returns_only_while_it_has_time_to_accept(intake: Intake) -> None:
    furnish(intake)
    request_id = dispatched(intake)
    worker = on_post(intake, "water", "handler")
    later(days=10)
    with pytest.raises(Conflict, match="too_late"):
        give_back(intake, request_id, worker)


def test_what_was_classified_late_has_the_time_of_its_kind(intake: Intake) -> None:
    furnish(intake)
    request_id = dispatched(intake, category="whatever")
    before = request_row(intake, request_id)["due_at"]
    later(days=10)
    send_on(intake, request_id, on_post(intake, DESK, "dispatcher"), category="0404")
    assert request_row(intake, request_id)["due_at"] != before
    facts = [step["facts"] for step in steps_of(intake, request_id)]
    assert "recalculated" in {name for told in facts for name in told}
    give_back(intake, request_id, on_post(intake, "water", "handler"))
    assert request_row(intake, request_id)["state"] == "pending"


def test_only_people_of_the_unit_return_and_only_with_a_listed_reason(intake: Intake) -> None:
    furnish(intake)
    request_id = dispatched(intake)
    worker = on_post(intake, "water", "handler")
    with pytest.raises(Rejected) as caught:
        give_back(intake, request_id, worker, "no_wish")
    assert caught.value.pointer == "/reason"
    with pytest.raises(Forbidden):
        give_back(intake, request_id, on_post(intake, "sanitation", "handler"))
    with pytest.raises(Forbidden):
        send_on(intake, request_id, worker, unit_code="team")


def test_who_assists_notes_and_does_not_resolve(intake: Intake) -> None:
    furnish(intake)
    request_id = dispatched(intake)
    assistant = on_post(intake, "team", "handler")
    with transaction(intake.sessions) as tx:
        redispatching.note_as_assistant(tx, request_id, "已封路", account_no=assistant)
    assert steps_of(intake, request_id)[-1]["facts"] == {"as": "assist"}
    outsider = on_post(intake, "sanitation", "handler")
    with pytest.raises(Forbidden), transaction(intake.sessions) as tx:
        redispatching.note_as_assistant(tx, request_id, "路过", account_no=outsider)
    with pytest.raises(Forbidden), transaction(intake.sessions) as tx:
        redispatching.ask_to_assist(tx, request_id, ["sanitation"], account_no=assistant)
    lead = on_post(intake, "water", "head")
    with transaction(intake.sessions) as tx:
        redispatching.ask_to_assist(tx, request_id, ["sanitation", "team"], account_no=lead)
    assert intake.one("SELECT count(*) FROM request_assists") == 2


def test_an_alert_changes_who_gets_it(intake: Intake) -> None:
    flood = {**RULES["rules"][0], "code": "flood", "priority": 1, "unit": "sanitation"}
    flood["when"] = {"categories": ["0404"], "levels": ["orange", "red"]}
    furnish(intake, {**RULES, "rules": [flood, *RULES["rules"]]})
    assert request_row(intake, dispatched(intake))["unit_code"] == "water"
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text(
                "INSERT INTO alert_levels (area_code, level, since, proclaimed_by, basis)"
                " VALUES ('990101001', 'red', :now, 'A-1', '令')"
            ),
            {"now": clock.now()},
        )
    later(minutes=5)
    request_id = dispatched(intake)
    assert request_row(intake, request_id)["unit_code"] == "sanitation"
    facts = steps_of(intake, request_id)[-1]["facts"]
    assert (facts["level"], facts["rule"], facts["also"]) == ("red", "flood", ["water"])
    assert request_row(intake, request_id)["grid_code"] == GRID
