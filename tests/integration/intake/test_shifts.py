"""A shift is on duty until the next has acknowledged what it left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.intake.actions import shifts
from services.intake.queries import patrols
from shared import clock
from shared.errors import Conflict, Forbidden, Missing, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import Intake, later
from tests.integration.intake.patrolling import (
    COMMUNITY,
    DISTRICT,
    proclaimed,
    routed,
    spot,
    watched,
)


@pytest.fixture
def roster(intake: Intake) -> dict[str, int | str]:
    """An early shift of a and b, a late one of c and d, with accounts' numbers."""
    made: dict[str, int | str] = {}
    logins = {name: intake.account("staff", login=f"walker-{name}") for name in "abcd"}
    for name, login in logins.items():
        made[name] = str(
            intake.one("SELECT account_no FROM accounts WHERE login = :login", login=login)
        )
    start = clock.now()
    with transaction(intake.sessions) as tx:
        made["early"] = shifts.plan(
            tx, COMMUNITY, start, start + timedelta(hours=8), logins["a"], [logins["b"]]
        )
        made["late"] = shifts.plan(
            tx,
            COMMUNITY,
            start + timedelta(hours=8),
            start + timedelta(hours=16),
            logins["c"],
            [logins["d"]],
        )
    return made


def begun(intake: Intake, roster: dict[str, int | str]) -> None:
    with transaction(intake.sessions) as tx:
        shifts.begin(tx, int(roster["early"]), str(roster["a"]))


def handed(intake: Intake, roster: dict[str, int | str]) -> int:
    with transaction(intake.sessions) as tx:
        return shifts.hand_over(
            tx, int(roster["early"]), int(roster["late"]), "桥下水还在涨", str(roster["b"])
        )


def test_the_relay_hands_over_notes_and_open_alarms(
    intake: Intake, roster: dict[str, int | str]
) -> None:
    proclaimed(intake, "red")
    routed(intake, spot("S1"), spot("S2"))
    later(minutes=31)
    watched(intake)
    begun(intake, roster)
    number = handed(intake, roster)
    with intake.sessions() as session:
        (one,) = patrols.handovers(session, str(roster["d"]))
        on_duty = [row["id"] for row in patrols.shifts(session, "") if row["begun_at"]]
    assert one["notes"] == "桥下水还在涨"
    assert len(one["alarms"]) == 2
    assert one["is_mine"]
    assert on_duty == [roster["early"]]  # nobody is off duty before the next has taken over
    with transaction(intake.sessions) as tx:
        shifts.acknowledge(tx, number, str(roster["d"]))
    with intake.sessions() as session:
        on_duty = [row["id"] for row in patrols.shifts(session, "") if row["begun_at"]]
    assert on_duty == [roster["late"]]


def test_the_head_on_duty_is_told_of_open_alarms(
    intake: Intake, roster: dict[str, int | str]
) -> None:
    proclaimed(intake, "red", DISTRICT)
    routed(intake, spot("S1"))
    begun(intake, roster)
    later(minutes=31)
    watched(intake)
    with intake.sessions() as session:
        assert patrols.alarms_of_head(session, str(roster["a"])) == 1
        assert patrols.alarms_of_head(session, str(roster["b"])) == 0
        assert patrols.alarms_of_head(session, str(roster["c"])) == 0


def test_who_is_not_of_a_shift_cannot_act_for_it(
    intake: Intake, roster: dict[str, int | str]
) -> None:
    with pytest.raises(Forbidden), transaction(intake.sessions) as tx:
        shifts.begin(tx, int(roster["early"]), str(roster["c"]))
    begun(intake, roster)
    with pytest.raises(Conflict), transaction(intake.sessions) as tx:
        shifts.begin(tx, int(roster["late"]), str(roster["c"]))
    with pytest.raises(Forbidden), transaction(intake.sessions) as tx:
        shifts.hand_over(tx, int(roster["early"]), int(roster["late"]), "", str(roster["d"]))
    number = handed(intake, roster)
    with pytest.raises(Conflict):
        handed(intake, roster)
    for outsider in "ab":
        with pytest.raises(Forbidden), transaction(intake.sessions) as tx:
            shifts.acknowledge(tx, number, str(roster[outsider]))
    with transaction(intake.sessions) as tx:
        shifts.acknowledge(tx, number, str(roster["c"]))
    with pytest.raises(Conflict), transaction(intake.sessions) as tx:
        shifts.acknowledge(tx, number, str(roster["d"]))


def test_nobody_takes_over_from_himself(intake: Intake) -> None:
    login = intake.account("staff", login="alone")
    number = str(intake.one("SELECT account_no FROM accounts WHERE login = 'alone'"))
    start = clock.now()
    with transaction(intake.sessions) as tx:
        one, two = (
            shifts.plan(
                tx,
                COMMUNITY,
                start + timedelta(hours=n),
                start + timedelta(hours=n + 8),
                login,
                [],
            )
            for n in (0, 8)
        )
        shifts.begin(tx, one, number)
        handover = shifts.hand_over(tx, one, two, "", number)
    with pytest.raises(Forbidden), transaction(intake.sessions) as tx:
        shifts.acknowledge(tx, handover, number)


def test_a_roster_with_strangers_or_odd_hours_is_refused(intake: Intake) -> None:
    login = intake.account("staff", login="walker")
    start = clock.now()
    for hours, head, members, area, pointer in (
        (37, login, [], COMMUNITY, "/ends_at"),
        (8, "nobody", [], COMMUNITY, "/head"),
        (8, login, ["nobody"], COMMUNITY, "/members"),
        (8, login, [], "nowhere", "/area_code"),
    ):
        with pytest.raises(Rejected) as caught, transaction(intake.sessions) as tx:
            shifts.plan(tx, area, start, start + timedelta(hours=hours), head, members)
        assert caught.value.pointer == pointer
    with pytest.raises(Missing), transaction(intake.sessions) as tx:
        shifts.begin(tx, 4242, "A-1")


def test_an_alarm_is_acknowledged_and_stays_open_until_the_visit(intake: Intake) -> None:
    proclaimed(intake, "red")
    routed(intake, spot("S1"))
    later(minutes=31)
    watched(intake)
    with intake.sessions() as session:
        (alarm,) = patrols.open_alarms(session)
    with transaction(intake.sessions) as tx:
        shifts.acknowledge_alarm(tx, alarm["id"], "A-1")
    with intake.sessions() as session:
        (again,) = patrols.open_alarms(session)
    assert again["acknowledged_at"] is not None
