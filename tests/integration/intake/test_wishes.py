"""Wishes: one claim wins, what is not delivered comes back, partners' events close their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.intake.actions import wishes
from services.intake.actions.wishes import Giver
from services.intake.queries import wishes as queries
from services.intake.rules.states import Actor
from services.intake.rules.wishes import Action
from shared import clock
from shared.errors import Conflict, Forbidden, LinliError, Missing, Rejected
from shared.messaging.transaction import transaction
from shared.schemas.intake import WISH_DELIVERED
from shared.schemas.wire import WISH_CLAIMED, WISH_FULFILLED
from shared.schemas.wishes import WISH_MOVED
from tests.integration.intake.conftest import Intake, later
from tests.integration.intake.wishing import (
    CLERK,
    NEIGHBOUR,
    OFFICE,
    WORKER,
    claiming,
    fulfilling,
    new_wish,
    picture,
    state_of,
    wished,
)

TYPES = [WISH_CLAIMED, WISH_FULFILLED]


def ways(intake: Intake) -> list[tuple[str, str]]:
    return [(one["data"]["way"], one["data"]["resident_no"]) for one in intake.said(WISH_MOVED)]


def expired(intake: Intake) -> int:
    with transaction(intake.sessions) as tx:
        return wishes.expire(tx)


def test_the_whole_way_of_a_wish_is_its_history(intake: Intake) -> None:
    code = wished(intake, "closed")
    steps = intake.rows("SELECT step_no, action, to_state FROM wish_steps ORDER BY step_no")
    assert [(step["step_no"], step["action"], step["to_state"]) for step in steps] == [
        (1, "register", "registered"),
        (2, "verify", "verified"),
        (3, "publish", "published"),
        (4, "claim", "claimed"),
        (5, "deliver", "delivered"),
        (6, "thank", "thanking"),
        (7, "show_thanks", "closed"),
    ]
    assert ways(intake) == [
        ("claimed", "R000001"),
        ("delivered", "R000001"),
        ("thanked", "R000002"),
    ]
    assert code.startswith("W20261021-")


def test_of_64_who_race_for_a_wish_one_has_it(intake: Intake) -> None:
    code = wished(intake)

    start = Barrier(64)

    def race(n: int) -> bool:
        giver = Giver("account", f"A-{n}")
        start.wait(60)
        try:
            with transaction(intake.sessions) as tx:
                wishes.claim(tx, code, giver, Actor("account", giver.no))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(64) as pool:
        won = list(pool.map(race, range(64)))
    assert sum(won) == 1
    assert intake.one("SELECT count(*) FROM wish_claims") == 1
    assert intake.one("SELECT giver FROM wish_claims") == f"A-{won.index(True)}"
    assert len(intake.said(WISH_MOVED)) == 1


def test_the_database_holds_one_open_claim_whatever_the_code_does(intake: Intake) -> None:
    wished(intake, "claimed")
    with pytest.raises(Exception, match="uq_wish_claims_open"), transaction(intake.sessions) as tx:
        tx.session.execute(text(
            "INSERT INTO wish_claims (wish_id, wish_code, giver_kind, giver, claimed_at)"
            " SELECT id, wish_code, 'account', 'A-9', now() FROM wishes"
        ))  # fmt: skip


def test_what_is_not_delivered_in_time_is_on_the_wall_again(intake: Intake) -> None:
    code = wished(intake, "claimed")
    later(days=13, hours=23)
    assert expired(intake) == 0
    later(hours=1)
    assert expired(intake) == 1
    assert state_of(intake, code) == "published"
    assert ways(intake)[-1] == ("returned", "R000001")
    with transaction(intake.sessions) as tx:
        wishes.claim(tx, code, OFFICE, CLERK)
    outcomes = intake.rows("SELECT giver, outcome FROM wish_claims ORDER BY id")
    assert [tuple(one.values()) for one in outcomes] == [("R000002", "expired"), ("A-3", None)]


def test_a_giver_may_give_up_his_own_claim_only(intake: Intake) -> None:
    code = wished(intake, "claimed")
    with pytest.raises(Forbidden), transaction(intake.sessions) as tx:
        wishes.give_up(tx, code, OFFICE, CLERK)
    with transaction(intake.sessions) as tx:
        wishes.give_up(tx, code, NEIGHBOUR, Actor("resident", NEIGHBOUR.no))
    assert state_of(intake, code) == "published"


def test_who_registered_a_wish_does_not_verify_it(intake: Intake) -> None:
    code = wished(intake, "registered")
    with pytest.raises(Forbidden), transaction(intake.sessions) as tx:
        wishes.verify(tx, code, CLERK)
    with transaction(intake.sessions) as tx:
        wishes.verify(tx, code, WORKER)


def test_nobody_claims_a_wish_of_his_own(intake: Intake) -> None:
    code = wished(intake)
    with pytest.raises(Forbidden), transaction(intake.sessions) as tx:
        wishes.claim(tx, code, Giver("resident", "R000001"), Actor("resident", "R000001"))


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"colour": "green"}, "/colour"),
        ({"cost_fen": 50_001}, "/cost_fen"),
        ({"colour": "convenience_yellow", "cost_fen": 30_001}, "/cost_fen"),
        ({"has_consented": False}, "/has_consented"),
        ({"resident_no": "R9"}, "/resident_no"),
        ({"wall_text": " "}, "/wall_text"),
        ({"wall_text": "请打 139 1111 2222"}, "/wall_text"),
        ({"wall_text": "欧阳若兰想要一只电饭煲"}, "/wall_text"),
        ({"detail": "长" * 1001}, "/detail"),
    ],
)
def test_a_wish_that_may_not_be_names_its_field(
    intake: Intake, change: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Rejected) as caught, transaction(intake.sessions) as tx:
        wishes.register(tx, new_wish(**change), CLERK, intake.cipher)
    assert caught.value.pointer == pointer
    assert intake.one("SELECT count(*) FROM wishes") == 0


def test_a_new_limit_counts_from_its_date(intake: Intake) -> None:
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text("INSERT INTO wish_limits VALUES ('goods_blue', :at, 100, 2, 'A-1')"),
            {"at": clock.now() + timedelta(days=1)},
        )
    try:
        wished(intake, "registered")
        later(days=1)
        with pytest.raises(Rejected):
            wished(intake, "registered")
    finally:
        with transaction(intake.sessions) as tx:
            tx.session.execute(text("DELETE FROM wish_limits WHERE set_by <> ''"))


def test_the_office_confirms_without_a_picture_but_not_its_own_gift(intake: Intake) -> None:
    code = wished(intake)
    own = Giver("account", CLERK.no)
    with transaction(intake.sessions) as tx:
        wishes.claim(tx, code, own, CLERK)
    for giver in (own, None):
        with pytest.raises(Rejected) as caught, transaction(intake.sessions) as tx:
            wishes.deliver(tx, code, CLERK, giver=giver)
        assert caught.value.pointer == "/picture"
    with transaction(intake.sessions) as tx:
        wishes.deliver(tx, code, WORKER, giver=None)
    assert intake.one("SELECT proof FROM wishes") == "signature"


def test_a_giver_proves_it_with_a_picture(intake: Intake) -> None:
    code = wished(intake, "claimed")
    actor = Actor("resident", NEIGHBOUR.no)
    with pytest.raises(Rejected), transaction(intake.sessions) as tx:
        wishes.deliver(tx, code, actor, giver=NEIGHBOUR, picture=b"no picture")
    with transaction(intake.sessions) as tx:
        wishes.deliver(tx, code, actor, giver=NEIGHBOUR, picture=picture())
    with intake.sessions() as session:
        kept = queries.picture_of(session, code)
    assert kept is not None
    assert kept.startswith(b"\xff\xd8")


def test_thanks_are_looked_at_before_they_are_shown(intake: Intake) -> None:
    code = wished(intake, "delivered")
    me = Actor("resident", "R000001")
    with pytest.raises(Rejected), transaction(intake.sessions) as tx:
        wishes.thank(tx, code, "谢谢，我的电话 13911112222", me)
    with transaction(intake.sessions) as tx:
        wishes.thank(tx, code, "谢谢你", me)
    with transaction(intake.sessions) as tx:
        wishes.look_at_thanks(tx, code, CLERK, is_good=False)
    assert state_of(intake, code) == "delivered"
    with transaction(intake.sessions) as tx:
        wishes.thank(tx, code, "谢谢好心人", me)
    with intake.sessions() as session:
        (shown,) = queries.wall(session, states=("thanking",)).rows
        assert shown["thanks"] is None
    with transaction(intake.sessions) as tx:
        wishes.look_at_thanks(tx, code, CLERK, is_good=True)
    with intake.sessions() as session:
        (shown,) = queries.wall(session, states=("closed",)).rows
    assert shown["thanks"] == "谢谢好心人"


def test_the_wall_shows_urgent_ones_first_and_names_nobody(intake: Intake) -> None:
    for colour in ("goods_blue", "convenience_yellow", "urgent_red", "goods_blue"):
        wished(intake, colour=colour)
    with intake.sessions() as session:
        first = queries.wall(session, states=("published",), limit=2)
        assert [row["colour"] for row in first.rows] == ["urgent_red", "goods_blue"]
        rest = queries.wall(session, states=("published",), limit=2, after=first.next)
        assert [row["colour"] for row in rest.rows] == ["convenience_yellow", "goods_blue"]
        assert rest.next is None
        assert not {"resident_no", "detail", "name_sealed"} & set(first.rows[0])
        with pytest.raises(Rejected):
            queries.wall(session, states=("published",), after="x")


class TestPartnersEvents:
    """By the gate, as partners send them."""

    def test_the_first_partner_has_the_wish_and_delivers_it(self, intake: Intake) -> None:
        code = wished(intake)
        tea, shop = (
            intake.partner("tea-house", event_types=TYPES),
            intake.partner("shop", event_types=TYPES),
        )
        assert intake.post(claiming(code), tea).status_code == 202
        assert intake.post(claiming(code, partner="shop"), shop).status_code == 202
        rows = intake.rows("SELECT giver, outcome FROM wish_claims ORDER BY id")
        assert [tuple(row.values()) for row in rows] == [("tea-house", None), ("shop", "lost")]
        intake.post(claiming(code, "c-2"), tea)  # said once more: it has it
        assert intake.one("SELECT count(*) FROM wish_claims") == 2
        intake.post(fulfilling(code), tea)
        assert state_of(intake, code) == "delivered"
        assert intake.one("SELECT outcome FROM wish_claims WHERE giver = 'tea-house'") == (
            "delivered"
        )
        assert ways(intake) == [("claimed", "R000001")]
        assert len(intake.said(WISH_DELIVERED)) == 1

    def test_a_wish_on_the_wall_that_a_partner_just_fulfils_is_closed(self, intake: Intake) -> None:
        code = wished(intake)
        intake.post(fulfilling(code), intake.partner(event_types=TYPES))
        assert state_of(intake, code) == "delivered"
        assert ways(intake) == []

    @pytest.mark.parametrize("changes", [{}, {"resident_no": "R000002"}])
    def test_a_code_that_is_not_ours_or_of_another_keeps_its_way(
        self, intake: Intake, changes: dict[str, str]
    ) -> None:
        code = wished(intake, "claimed")
        headers = intake.partner(event_types=TYPES)
        intake.post(fulfilling(code if changes else "微心愿-0417", **changes), headers)
        intake.post(fulfilling(code, "f-2"), headers)  # claimed by somebody else
        assert state_of(intake, code) == "claimed"
        assert len(intake.said(WISH_DELIVERED)) == 2
        assert intake.one("SELECT count(*) FROM contributions") == 2

    def test_an_unknown_code_is_received_and_kept_as_lost(self, intake: Intake) -> None:
        answer = intake.post(claiming("W1"), intake.partner(event_types=TYPES))
        assert answer.status_code == 202
        (row,) = intake.rows("SELECT wish_id, wish_code, outcome FROM wish_claims")
        assert row == {"wish_id": None, "wish_code": "W1", "outcome": "lost"}

    def test_an_agreement_must_name_the_type(self, intake: Intake) -> None:
        code = wished(intake)
        intake.post(claiming(code), intake.partner())
        assert intake.one("SELECT reason FROM verdicts") == "not_entitled"
        assert state_of(intake, code) == "published"

    def test_partners_and_people_race_and_one_wins(self, intake: Intake) -> None:
        code = wished(intake)
        headers = intake.partner(event_types=TYPES)

        def race(n: int) -> None:
            if n % 2:
                intake.post(claiming(code, f"c-{n}"), headers)
                return
            try:
                with transaction(intake.sessions) as tx:
                    wishes.claim(tx, code, Giver("account", f"A-{n}"), Actor("account", f"A-{n}"))
            except Conflict:
                pass

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(race, range(16)))
        assert intake.one("SELECT count(*) FROM wish_claims WHERE ended_at IS NULL") == 1


def test_nothing_happens_to_a_wish_that_its_state_does_not_allow(intake: Intake) -> None:
    code = wished(intake, "registered")
    for act in (
        lambda tx: wishes.claim(tx, code, NEIGHBOUR, CLERK),
        lambda tx: wishes.deliver(tx, code, WORKER, giver=None),
        lambda tx: wishes.thank(tx, code, "谢谢", CLERK),
        lambda tx: wishes.look_at_thanks(tx, code, CLERK, is_good=True),
        lambda tx: wishes.publish(tx, code, "想要电饭煲", CLERK, intake.cipher),
    ):
        with pytest.raises(LinliError), transaction(intake.sessions) as tx:
            act(tx)
    assert intake.one("SELECT count(*) FROM wish_steps") == 1
    with pytest.raises(Missing), transaction(intake.sessions) as tx:
        wishes.verify(tx, "W-none", WORKER)
    assert Action.REGISTER


def test_a_wish_is_withdrawn_or_declined(intake: Intake) -> None:
    claimed, registered = wished(intake, "claimed"), wished(intake, "registered")
    with transaction(intake.sessions) as tx:
        wishes.withdraw(tx, claimed, Actor("resident", "R000001"))
        wishes.decline(tx, registered, "not_a_wish", WORKER)
    assert state_of(intake, claimed) == "withdrawn"
    assert state_of(intake, registered) == "declined"
    assert intake.one("SELECT outcome FROM wish_claims") == "given_up"


def test_nobody_rewrites_the_history_of_a_wish(intake: Intake) -> None:
    wished(intake, "registered")
    for statement in ("UPDATE wish_steps SET actor = 'x'", "DELETE FROM wish_steps"):
        with intake.sessions() as session, pytest.raises(ProgrammingError) as caught:
            session.execute(text(statement))
        assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)
