"""The resident is asked once a round, answers without signing in, and is apart from the handler."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.intake.actions import followers, verdicts
from services.intake.actions.asking import token_hash
from services.intake.actions.opening import Opened
from services.intake.actions.steps import Step
from services.intake.actions.verdicts import Said
from services.intake.rules.closing import is_sampled
from services.intake.rules.states import Action, Actor
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import transaction
from shared.schemas.intake import REQUEST_MOVED
from tests.integration.intake.conftest import NOW, Browser, Intake, later
from tests.integration.intake.handling import (
    CREW,
    account_numbers,
    actions_of,
    dispatched,
    moved,
    opened,
    signed_in,
    staffed,
    state_of,
)

SOLVED, UNSOLVED = Said(solved="solved"), Said(solved="unsolved")


def approved(intake: Intake, **change: Any) -> Opened:
    """A request whose resident has just been asked."""
    one = dispatched(intake, **change)
    handled(intake, one, accept=True)
    return one


def handled(intake: Intake, one: Opened, *, accept: bool = False, by: str = "A-h") -> None:
    steps = [Step(request_id=one.id, action=Action.ACCEPT)] if accept else []
    done = {"outcome": "resolved", "handler": by, "first_handler": "A-h"}
    moved(
        intake,
        *steps,
        Step(request_id=one.id, action=Action.RESOLVE, change=done),
        Step(request_id=one.id, action=Action.APPROVE),
    )


def told(intake: Intake, happened: str) -> list[dict[str, Any]]:
    said = [event["data"] for event in intake.said(REQUEST_MOVED)]
    return [data for data in said if data["happened"] == happened]


def path(intake: Intake, nth: int = -1) -> str:
    """The address that the asker was given last."""
    paths = [data["answer_path"] for data in told(intake, "resolved")]
    return str([each for each in paths if each][nth])


def token(intake: Intake) -> str:
    return path(intake).removeprefix("/v/")


def answered(intake: Intake, key: str, said: Said) -> None:
    with transaction(intake.sessions) as tx:
        verdicts.answer_by_link(tx, key, said)


def swept(intake: Intake) -> int:
    with transaction(intake.sessions) as tx:
        return verdicts.end_windows(tx)


class TestTheLink:
    def test_only_the_asker_is_given_one_and_only_its_digest_is_kept(self, intake: Intake) -> None:
        one = dispatched(intake)
        with transaction(intake.sessions) as tx:
            followers.follow(tx, one.id, ["R000002"], because_of=None)
        handled(intake, one, accept=True)
        events = told(intake, "resolved")
        assert [data["resident_no"] for data in events] == ["R000001", "R000002"]
        assert events[1]["answer_path"] is None
        key = token(intake)
        assert re.fullmatch(r"[A-Za-z0-9_-]{24}", key)
        row = intake.rows("SELECT * FROM verdict_links")[0]
        assert bytes(row["token_hash"]) == token_hash(key)
        assert key not in str(row)
        assert row["expires_at"] - row["made_at"] == timedelta(days=14)

    def test_it_is_good_once(self, intake: Intake) -> None:
        one = approved(intake)
        answered(intake, token(intake), SOLVED)
        assert state_of(intake, one) == "closed"
        with pytest.raises(Conflict) as caught:
            answered(intake, token(intake), UNSOLVED)
        assert caught.value.code == "already_answered"
        assert intake.one("SELECT solved FROM resident_verdicts") == "solved"

    def test_pressed_many_times_at_once_it_is_one_verdict(self, intake: Intake) -> None:
        one = approved(intake)
        key = token(intake)

        def press(_: int) -> str:
            try:
                answered(intake, key, UNSOLVED)
            except Conflict as problem:
                return problem.code
            return "taken"

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(press, range(16)))
        assert sorted(set(answers)) == ["already_answered", "taken"]
        assert answers.count("taken") == 1
        assert intake.one("SELECT reopened_count FROM requests WHERE id = :id", id=one.id) == 1

    def test_it_expires(self, intake: Intake) -> None:
        approved(intake)
        later(days=14)
        with pytest.raises(Conflict) as caught:
            answered(intake, token(intake), SOLVED)
        assert caught.value.code == "link_expired"

    def test_it_cannot_be_guessed(self, intake: Intake) -> None:
        approved(intake)
        key = token(intake)
        for guess in ("", "x", key[:-1], key[:-1] + ("A" if key[-1] != "A" else "B"), key + "A"):
            with pytest.raises(Missing):
                answered(intake, guess, SOLVED)

    def test_a_link_of_an_earlier_round_asks_nothing(self, intake: Intake) -> None:
        one = approved(intake)
        old = token(intake)
        with transaction(intake.sessions) as tx:
            verdicts.record(tx, one.id, UNSOLVED, Actor("resident", "R000001"), way="page")
        with pytest.raises(Conflict):
            answered(intake, old, SOLVED)
        handled(intake, one)
        assert token(intake) != old
        with pytest.raises(Conflict) as caught:
            answered(intake, old, SOLVED)
        assert caught.value.code == "round_over"
        answered(intake, token(intake), SOLVED)
        assert state_of(intake, one) == "closed"

    def test_odd_answers_are_refused_and_leave_the_link_good(self, intake: Intake) -> None:
        approved(intake)
        for said in (
            Said(solved="perhaps"),
            Said(solved="solved", satisfied="very"),
            Said(solved="solved", words="长" * 501),
        ):
            with pytest.raises(Rejected):
                answered(intake, token(intake), said)
        answered(intake, token(intake), Said(solved="partly", words="还有一点"))
        assert intake.one("SELECT words FROM verdict_words") == "还有一点"


class TestThePage:
    def test_it_asks_without_signing_in_and_get_changes_nothing(self, intake: Intake) -> None:
        one = approved(intake)
        visitor = Browser(intake.app)
        before = intake.rows("SELECT * FROM verdict_links, requests")
        for _ in range(3):
            page = visitor.get(path(intake))
            assert page.status_code == 200
            visitor.client.head(path(intake))
        assert intake.rows("SELECT * FROM verdict_links, requests") == before
        assert page.text.count('name="solved"') == 3
        assert "下水道" not in page.text
        assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert state_of(intake, one) == "rating"

    def test_one_press_answers_and_the_next_shows_it(self, intake: Intake) -> None:
        one = approved(intake)
        visitor = Browser(intake.app)
        visitor.get(path(intake))
        assert visitor.post(path(intake), solved="unsolved").status_code == 303
        assert "重新办理" in visitor.get(path(intake)).text
        again = visitor.post(path(intake), solved="solved")
        assert again.status_code == 200
        assert "没解决" in again.text
        assert state_of(intake, one) == "in_progress"

    def test_a_press_from_another_site_does_nothing(self, intake: Intake) -> None:
        one = approved(intake)
        visitor = Browser(intake.app)
        visitor.get(path(intake))
        answer = visitor.post(path(intake), solved="solved", csrf_token="forged")
        assert answer.status_code == 403
        assert state_of(intake, one) == "rating"

    def test_an_unknown_link_is_a_plain_404(self, intake: Intake) -> None:
        visitor = Browser(intake.app)
        assert visitor.get("/v/nothing").status_code == 404

    def test_the_asker_may_judge_on_the_request_page(self, intake: Intake) -> None:
        one = approved(intake)
        asker = intake.signed_in("resident", "R000001")
        assert asker.get(f"/requests/{one.request_no}").text.count('name="solved"') == 3
        answer = asker.post(f"/requests/{one.request_no}/verdict", solved="solved")
        assert answer.status_code == 303
        row = intake.rows("SELECT solved, way, taken_by FROM resident_verdicts")[0]
        assert row == {"solved": "solved", "way": "page", "taken_by": None}
        neighbour = intake.signed_in("resident", "R000002")
        answer = neighbour.post(f"/requests/{one.request_no}/verdict", solved="solved")
        assert answer.status_code == 404


class TestWhatFollows:
    def test_unsolved_gives_the_same_request_back_to_its_first_handler(
        self, intake: Intake
    ) -> None:
        one = dispatched(intake)
        handled(intake, one, accept=True, by="A-other")
        answered(intake, token(intake), UNSOLVED)
        row = intake.rows("SELECT * FROM requests WHERE id = :id", id=one.id)[0]
        assert (row["state"], row["handler"], row["reopened_count"], row["unit_code"]) == (
            "in_progress", "A-h", 1, CREW,
        )  # fmt: skip
        assert actions_of(intake, one)[-2:] == ["rate", "reopen"]
        assert told(intake, "reopened")[0]["reason"] == "unsolved"
        assert intake.rows("SELECT * FROM verdict_waits") == []

    def test_the_handlers_word_stays_the_handlers(self, intake: Intake) -> None:
        one = approved(intake)
        answered(intake, token(intake), Said(solved="partly", satisfied="basically"))
        row = intake.rows("SELECT outcome, state FROM requests WHERE id = :id", id=one.id)[0]
        assert row == {"outcome": "resolved", "state": "closed"}
        facts = intake.one("SELECT facts FROM request_steps WHERE action = 'rate'")
        assert facts == {
            "solved": "partly", "satisfied": "basically", "way": "link", "round": 0,
        }  # fmt: skip

    def test_nobody_rewrites_a_verdict(self, intake: Intake) -> None:
        approved(intake)
        answered(intake, token(intake), UNSOLVED)
        for statement in (
            "UPDATE resident_verdicts SET solved = 'solved'",
            "DELETE FROM resident_verdicts",
        ):
            with intake.sessions() as session, pytest.raises(ProgrammingError) as caught:
                session.execute(text(statement))
            assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)

    def test_after_a_silent_close_the_link_still_reopens(self, intake: Intake) -> None:
        one = approved(intake, nature="suggestion")
        moved(intake, Step(request_id=one.id, action=Action.CLOSE, facts={"why": "silent"}))
        answered(intake, token(intake), UNSOLVED)
        assert state_of(intake, one) == "in_progress"


class TestTheSilent:
    def test_within_the_window_nothing_happens(self, intake: Intake) -> None:
        approved(intake)
        later(days=6, hours=23)
        assert swept(intake) == 0

    def test_the_sample_is_decided_by_the_request_and_the_others_close(
        self, intake: Intake
    ) -> None:
        many = [approved(intake) for _ in range(12)]
        complaint = approved(intake, nature="complaint")
        later(days=7)
        assert swept(intake) == 13
        for one in many:
            called = is_sampled(one.public_code, 0, 20)
            assert state_of(intake, one) == ("rating" if called else "closed")
        why = "SELECT why FROM verdict_waits WHERE request_id = :id"
        assert intake.one(why, id=complaint.id) == "nature"
        assert swept(intake) == 0
        later(days=7)
        swept(intake)
        assert state_of(intake, complaint) == "closed"
        assert intake.rows("SELECT * FROM verdict_waits") == []
        closed = intake.rows("SELECT DISTINCT facts ->> 'why' AS why FROM request_steps"
                             " WHERE action = 'close' ORDER BY 1")  # fmt: skip
        assert [row["why"] for row in closed] == ["not_reached", "silent"]

    def test_who_could_not_be_asked_is_called_back(self, intake: Intake) -> None:
        one = approved(intake, resident_no=None, contact={"name": "过路人", "phone": "13655556666"})
        assert told(intake, "resolved") == []
        later(days=7)
        swept(intake)
        assert intake.one("SELECT why FROM verdict_waits") == "unasked"
        assert state_of(intake, one) == "rating"

    def test_the_desk_calls_back_and_enters_the_answer(self, intake: Intake) -> None:
        people = staffed(intake)
        one = approved(intake, nature="complaint")
        later(days=7)
        swept(intake)
        clerk = signed_in(intake, people["clerk"])
        page = clerk.get("/desk/call-backs")
        assert one.request_no in page.text
        assert "欧阳" not in page.text
        assert "139****2222" in page.text
        target = f"/desk/call-backs/{one.request_no}"
        assert clerk.post(target, solved="not_reached").status_code == 303
        assert intake.one("SELECT tries FROM verdict_waits") == 1
        clerk.post(target, solved="solved", satisfied="satisfied", words="谢谢")
        row = intake.rows("SELECT way, taken_by FROM resident_verdicts")[0]
        number = account_numbers(intake)[people["clerk"]]
        assert row == {"way": "call_back", "taken_by": number}
        assert state_of(intake, one) == "closed"

    def test_a_phone_that_is_not_in_the_register_is_shown_after_it_was_noted(
        self, intake: Intake
    ) -> None:
        people = staffed(intake)
        one = approved(intake, resident_no=None, contact={"name": "过路人", "phone": "13655556666"})
        later(days=7)
        swept(intake)
        clerk = signed_in(intake, people["clerk"])
        assert "13655556666" not in clerk.get("/desk/call-backs").text
        page = clerk.post(f"/desk/call-backs/{one.request_no}/contact")
        assert "13655556666" in page.text
        facts = intake.one("SELECT facts FROM request_steps ORDER BY at DESC, step_no DESC LIMIT 1")
        assert facts == {"saw": "contact"}
        stranger = signed_in(intake, people["stranger"])
        assert stranger.post(f"/desk/call-backs/{one.request_no}/contact").status_code == 404

    def test_the_third_time_nobody_answers_ends_it(self, intake: Intake) -> None:
        people = staffed(intake)
        one = approved(intake, nature="complaint")
        later(days=7)
        swept(intake)
        clerk = signed_in(intake, people["clerk"])
        for _ in range(3):
            clerk.post(f"/desk/call-backs/{one.request_no}", solved="not_reached")
        assert state_of(intake, one) == "closed"

    def test_nobody_calls_back_what_they_handled_or_what_is_not_of_their_area(
        self, intake: Intake
    ) -> None:
        people = staffed(intake)
        head = account_numbers(intake)[people["head"]]
        one = dispatched(intake, nature="complaint")
        handled(intake, one, accept=True, by=head)
        later(days=7)
        swept(intake)
        for name in ("head", "handler", "stranger"):
            browser = signed_in(intake, people[name])
            assert one.request_no not in browser.get("/desk/call-backs").text
            answer = browser.post(f"/desk/call-backs/{one.request_no}", solved="solved")
            assert answer.status_code == 404


class TestTracking:
    def test_a_receipt_shows_state_and_unit_and_no_text(self, intake: Intake) -> None:
        one = dispatched(intake)
        visitor = Browser(intake.app)
        page = visitor.get(f"/t/{one.public_code.lower()}")
        assert page.status_code == 200
        assert "排水抢修队" in page.text
        for hidden in ("下水道", "积水", "R000001", "欧阳"):
            assert hidden not in page.text
        assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert visitor.get("/t/000000000000").status_code == 404
        assert visitor.get(f"/t/{one.request_no}").status_code == 404


def test_dispatching_is_not_told_and_declining_is(intake: Intake) -> None:
    dispatched(intake)
    assert intake.said(REQUEST_MOVED) == []
    one = opened(intake)
    moved(intake, Step(request_id=one.id, action=Action.DECLINE, facts={"reason": "court"}))
    (data,) = told(intake, "declined")
    assert (data["request_no"], data["reason"], data["state"]) == (
        one.request_no, "court", "declined",
    )  # fmt: skip
    assert data["moved_at"].startswith(NOW.isoformat()[:19])
