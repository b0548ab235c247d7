"""Steps are taken by those whose turn it is, once, with what they must say; the law is in rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from services.intake.actions import handling, photos
from services.intake.actions.handling import Asked, Handled
from services.intake.actions.opening import Opened
from services.intake.actions.steps import Step
from services.intake.models import RequestStep
from services.intake.rules.handling import TURNS
from services.intake.rules.states import Action, Actor
from shared.errors import Conflict, Forbidden, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import NOW, Intake, later
from tests.integration.intake.handling import (
    CREW,
    account_numbers,
    actions_of,
    dispatched,
    moved,
    opened,
    staffed,
    state_of,
)
from tests.unit.intake.camera import photo, scene

PLACE = (31.2304, 121.4737)


@dataclass(frozen=True)
class Person:
    """Somebody signed in, as handling sees them."""

    account_no: str
    role: str = "staff"
    subject: str = ""


class People:
    """The district's people by what they are."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        logins = staffed(intake)
        numbers = account_numbers(intake)
        self.by_name = {name: Person(numbers[login]) for name, login in logins.items()}
        self.by_name["asker"] = Person("A-r1", "resident", "R000001")
        self.by_name["neighbour"] = Person("A-r2", "resident", "R000002")
        self.by_name["auditor"] = Person("A-au", "auditor")

    def do(self, name: str, one: Opened, action: str, **asked: Any) -> Handled:
        with transaction(self.intake.sessions) as tx:
            return handling.handle(tx, one.id, Asked(action=action, **asked), self.by_name[name])


@pytest.fixture
def people(intake: Intake) -> People:
    return People(intake)


def after_photo(people: People, one: Opened, seed: int = 50, **camera: Any) -> None:
    with transaction(people.intake.sessions) as tx:
        photos.keep(tx, one.id, "after", photo(seed, **camera), by=Actor("account", "A-1"))


def under_way(people: People, **change: Any) -> Opened:
    one = dispatched(people.intake, **change)
    people.do("handler", one, "accept")
    return one


def test_a_request_goes_from_the_desk_to_a_checked_end(intake: Intake, people: People) -> None:
    one = opened(intake, category="unlisted")
    people.do("clerk", one, "verify")
    people.do("clerk", one, "admit")
    moved(intake, Step(request_id=one.id, action=Action.DISPATCH, change={"unit_code": CREW}))
    people.do("handler", one, "accept")
    people.do("handler", one, "contact")
    people.do("handler", one, "ask", note="几楼？")
    people.do("asker", one, "answer", note="三楼")
    people.do("handler", one, "resolve", outcome="resolved", note="已疏通")
    assert people.do("checker", one, "approve").state == "rating"
    row = intake.rows("SELECT * FROM requests WHERE id = :id", id=one.id)[0]
    handler = people.by_name["handler"].account_no
    assert (row["handler"], row["first_handler"], row["outcome"]) == (handler, handler, "resolved")
    facts = intake.one("SELECT facts FROM request_steps WHERE action = 'approve'")
    assert facts == {"handler": handler, "checker": people.by_name["checker"].account_no}
    assert "三楼" in [row["note"] for row in intake.rows("SELECT note FROM step_notes")]


@pytest.mark.parametrize("name", ["stranger", "neighbour", "auditor", "checker", "asker"])
def test_it_is_not_anybodys_turn(intake: Intake, people: People, name: str) -> None:
    one = dispatched(intake)
    with pytest.raises(Forbidden):
        people.do(name, one, "accept")
    assert state_of(intake, one) == "dispatched"


def test_every_turn_is_refused_to_a_stranger_and_to_a_neighbour(
    intake: Intake, people: People
) -> None:
    one = dispatched(intake)
    for action in TURNS:
        for name in ("stranger", "neighbour", "auditor"):
            with pytest.raises(Forbidden):
                people.do(name, one, action, note="x", reason="not_ours", outcome="resolved")
    assert actions_of(intake, one) == ["submit", "admit", "dispatch"]


def test_the_form_is_not_believed(intake: Intake, people: People) -> None:
    one = under_way(people)
    for action, wrong in (
        ("rate", {}),
        ("close", {}),
        ("reopen", {}),
        ("dispatch", {}),
        ("nonsense", {}),
        ("ask", {"note": "  "}),
        ("shelve", {"note": "等", "reason": "whim"}),
        ("resolve", {"note": "好了", "outcome": "perfect"}),
        ("assign", {"handler": people.by_name["clerk"].account_no}),
        ("assign", {"handler": ""}),
    ):
        name = "head"
        with pytest.raises(Rejected) as caught:
            people.do(name, one, action, **wrong)
        assert caught.value.pointer in ("/action", "/note", "/reason", "/outcome", "/handler")
    with pytest.raises(Conflict):
        people.do("handler", one, "accept")


def test_the_same_form_twice_is_one_step(intake: Intake, people: People) -> None:
    one = dispatched(intake)
    first = people.do("handler", one, "accept", client_id="form-1")
    again = people.do("handler", one, "accept", client_id="form-1")
    assert (first.step_no, first.is_new, again.is_new) == (again.step_no, True, False)
    assert actions_of(intake, one).count("accept") == 1
    with pytest.raises(Conflict):
        people.do("handler", one, "contact", client_id="form-1")
    assert people.do("head", one, "contact", client_id="form-1").is_new


def test_a_named_handler_handles_it(intake: Intake, people: People) -> None:
    one = under_way(people)
    second = people.by_name["second"].account_no
    people.do("head", one, "assign", handler=second)
    row = intake.rows("SELECT handler, first_handler FROM requests WHERE id = :id", id=one.id)[0]
    assert row == {"handler": second, "first_handler": people.by_name["handler"].account_no}


def test_nobody_checks_the_own_work(intake: Intake, people: People) -> None:
    one = under_way(people, category="unlisted")
    people.do("head", one, "resolve", outcome="explained", note="已说明")
    for action, more in (("approve", {}), ("send_back", {"reason": "not_done", "note": "x"})):
        with pytest.raises(Rejected) as caught:
            people.do("head", one, action, **more)
        assert caught.value.code == "same_person"
    assert people.do("checker", one, "approve").state == "rating"


def test_nobody_approves_the_own_work_by_any_other_door(intake: Intake, people: People) -> None:
    one = under_way(people, category="unlisted")
    people.do("handler", one, "resolve", outcome="explained", note="已说明")
    handler = Actor("account", people.by_name["handler"].account_no)
    with pytest.raises(Rejected):
        moved(intake, Step(request_id=one.id, action=Action.APPROVE), actor=handler)
    assert state_of(intake, one) == "checking"


def test_the_database_refuses_one_person_for_both(intake: Intake, people: People) -> None:
    one = under_way(people, category="unlisted")
    with pytest.raises(IntegrityError), transaction(intake.sessions) as tx:
        tx.session.execute(
            insert(RequestStep),
            {
                "request_id": one.id, "step_no": 99, "at": NOW, "action": "approve",
                "from_state": "checking", "to_state": "rating", "actor_kind": "account",
                "actor": "A-9", "facts": {"handler": "A-9"}, "rule_version": None,
            },
        )  # fmt: skip


class TestProof:
    """0404-1 (a blocked drain) asks for photos; see the district's catalogue."""

    @pytest.fixture
    def one(self, intake: Intake, people: People, monkeypatch: pytest.MonkeyPatch) -> Opened:
        @dataclass(frozen=True)
        class Closing:
            needs_checker: bool = True

        @dataclass(frozen=True)
        class Asks:
            version: int = 3
            needs_before: bool = False
            needs_after: bool = True
            near_m: int | None = 100
            closing: Closing = Closing()

        self.asks = Asks()
        monkeypatch.setattr(handling, "condition_for", lambda session, request: self.asks)
        return under_way(people, lat=PLACE[0], lon=PLACE[1])

    def resolve(self, people: People, one: Opened) -> Handled:
        return people.do("handler", one, "resolve", outcome="resolved", note="已疏通")

    def refused(self, people: People, one: Opened, zh: str) -> None:
        with pytest.raises(Rejected) as caught:
            self.resolve(people, one)
        assert zh in caught.value.zh
        assert caught.value.pointer == "/photo"

    def test_without_a_photo_it_is_not_done(self, people: People, one: Opened) -> None:
        self.refused(people, one, "缺少处理后的照片")

    def test_with_a_sound_photo_it_is(self, intake: Intake, people: People, one: Opened) -> None:
        later(hours=2)
        after_photo(people, one, at=NOW + timedelta(hours=1), place=PLACE)
        self.resolve(people, one)
        step = intake.rows("SELECT * FROM request_steps WHERE action = 'resolve'")[0]
        assert step["rule_version"] == "catalogue 3"
        assert step["facts"]["photos"] == [str(intake.one("SELECT photo_id FROM photos"))]

    def test_a_photo_from_before_the_request_proves_nothing(
        self, people: People, one: Opened
    ) -> None:
        after_photo(people, one, at=NOW - timedelta(days=1), place=PLACE)
        self.refused(people, one, "之前")

    def test_a_photo_from_the_future_proves_nothing(self, people: People, one: Opened) -> None:
        after_photo(people, one, at=NOW + timedelta(days=1), place=PLACE)
        self.refused(people, one, "晚于上传")

    def test_a_photo_from_elsewhere_proves_nothing(self, people: People, one: Opened) -> None:
        after_photo(people, one, place=(PLACE[0] + 0.01, PLACE[1]))
        self.refused(people, one, "1112 米")

    def test_the_photo_from_before_proves_nothing(self, people: People, one: Opened) -> None:
        with transaction(people.intake.sessions) as tx:
            photos.keep(tx, one.id, "before", photo(50), by=Actor("account", "A-1"))
            smaller = photo(image=scene(50).resize((500, 375)))
            photos.keep(tx, one.id, "after", smaller, by=Actor("account", "A-1"))
        self.refused(people, one, "同一张")

    def test_the_photo_of_another_request_proves_nothing(
        self, intake: Intake, people: People, one: Opened
    ) -> None:
        after_photo(people, opened(intake), seed=50)
        after_photo(people, one, image=scene(50).resize((600, 450)))
        self.refused(people, one, "另一件诉求")

    def test_a_blank_photo_proves_nothing(self, people: People, one: Opened) -> None:
        after_photo(people, one, image=scene(1).point(lambda _: 0))
        self.refused(people, one, "空白")

    def test_what_was_sent_back_needs_a_new_photo(
        self, intake: Intake, people: People, one: Opened
    ) -> None:
        after_photo(people, one, seed=50)
        self.resolve(people, one)
        later(hours=1)
        people.do("checker", one, "send_back", reason="not_done", note="还在积水")
        self.refused(people, one, "缺少处理后的照片")
        later(hours=1)
        after_photo(people, one, seed=51)
        self.resolve(people, one)
        assert actions_of(intake, one)[-2:] == ["send_back", "resolve"]

    def test_a_missing_photo_from_before_is_told(self, people: People, one: Opened) -> None:
        self.asks = replace(self.asks, needs_before=True)
        after_photo(people, one)
        self.refused(people, one, "处理前的照片")

    def test_what_was_only_explained_needs_no_photo(self, people: People, one: Opened) -> None:
        done = people.do("handler", one, "resolve", outcome="explained", note="已说明")
        assert done.state == "checking"

    def test_where_no_checker_is_asked_for_the_proof_is_the_check(
        self, intake: Intake, people: People, one: Opened
    ) -> None:
        self.asks = replace(self.asks, closing=replace(self.asks.closing, needs_checker=False))
        after_photo(people, one)
        assert self.resolve(people, one).state == "rating"
        step = intake.rows("SELECT actor_kind, facts FROM request_steps WHERE action='approve'")[0]
        assert (step["actor_kind"], step["facts"]["why"]) == ("system", "no_checker_asked")
