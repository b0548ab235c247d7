"""A rating as of any day: its parts, appeals, repairs; and what may never be in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.points.actions import gifts
from services.points.actions.proposals import decide, propose
from services.points.queries import declared, ratings
from services.points.rules.declared_examples import HONOURS, RATING
from services.points.rules.rating import SENSITIVE, Score, score
from shared import clock
from shared.errors import LinliError, Rejected
from shared.messaging.transaction import transaction
from tests.integration.points.database import Ledger, attended, publish_rules
from tests.integration.points.declared import (
    CHECKER,
    MAKER,
    approved,
    days_later,
    declare,
    moved_to,
    registered,
)

A = "R000001"
NOON = datetime(2026, 10, 12, 4, 0, tzinfo=UTC)
DEDUCTIONS = {
    "enabled": True,
    "items": [
        {"code": "false_record", "zh": "虚假补录", "en": "False record", "points": 30, "years": 1}
    ],
}


@pytest.fixture
def rated(ledger: Ledger) -> Iterator[Ledger]:
    with moved_to(NOON):
        publish_rules(ledger)
        declare(ledger, "rating", {**RATING, "deductions": DEDUCTIONS})
        declare(ledger, "honour", HONOURS)
        yield ledger


def rating_of(session: Session, on: date) -> Score:
    rating = declared.rating_on(session, on)
    assert rating is not None
    return score(rating, ratings.facts(session, A, on), ratings.notes(session, A, on), on)


def scored(ledger: Ledger, on: date | None = None) -> Score:
    with ledger.sessions() as session:
        return rating_of(session, on or clock.today())


def parts(ledger: Ledger, on: date | None = None) -> dict[str, int]:
    return {one.code: one.points for one in scored(ledger, on).parts}


def test_every_score_is_explained_by_its_parts(rated: Ledger) -> None:
    assert scored(rated).score == 600
    rated.hear(registered(A, "H1"))
    rated.hear(*(attended(A, 600, day=day, evidence="self_check") for day in (1, 2, 3)))
    rated.hear(attended(A, 600, day=4, month=9))
    approved(rated, "honour", {"level": "street", "title": "好人", "on_date": "2026-09-01"}, A)
    with transaction(rated.sessions) as tx:
        gifts.donate(tx, A, 20, by=A)
    found = scored(rated)
    assert parts(rated) == {
        "volunteer": 4,
        "continuity": 10,
        "honesty": 6,
        "honours": 10,
        "giving": 2,
    }
    assert found.score == found.base + sum(one.points for one in found.parts) == 632
    assert {one.reason for one in found.parts} == {"counted"}


def test_a_score_of_an_earlier_day_stays_what_it_was(rated: Ledger) -> None:
    first = clock.today()
    rated.hear(attended(A, 600, day=1))
    earlier = scored(rated, first)
    days_later(5)
    rated.hear(attended(A, 600, day=2), attended(A, 600, day=3, month=9))
    declare(rated, "rating", {**RATING, "base": 500})
    assert scored(rated, first) == earlier
    assert scored(rated).base == 500
    assert scored(rated).score < earlier.score


def test_what_was_done_long_ago_counts_less(rated: Ledger) -> None:
    rated.hear(*(attended(A, 600, day=day) for day in range(1, 11)))
    assert parts(rated)["volunteer"] == 10
    days_later(400)
    assert parts(rated)["volunteer"] == 8
    days_later(365)
    assert parts(rated)["volunteer"] == 6


def deducted(ledger: Ledger) -> UUID:
    return approved(ledger, "deduction", {"code": "false_record"}, A)


def test_a_deduction_ends_by_itself_and_an_appeal_restores_at_once(rated: Ledger) -> None:
    note_id = deducted(rated)
    assert scored(rated).score == 570
    day = clock.today()
    days_later(1)
    body = {"part": "虚假补录", "note_id": str(note_id)}
    with transaction(rated.sessions) as tx:
        appeal = propose(tx, "appeal", body, reason="不是我", by="resident-a", resident_no=A)
    for own in (MAKER, CHECKER):  # who took the points off does not judge it
        with pytest.raises(Rejected), transaction(rated.sessions) as tx:
            decide(tx, appeal, approve=False, reason="维持", by=own)
    with transaction(rated.sessions) as tx:
        decide(tx, appeal, approve=True, reason="查明有误", by="manager-3")
    assert scored(rated).score == 600
    assert scored(rated, day).score == 570  # what people were shown then
    deducted(rated)
    assert scored(rated).score == 570
    days_later(365)
    assert scored(rated).score == 600


def test_deductions_that_are_off_cannot_be_proposed(ledger: Ledger) -> None:
    declare(ledger, "rating", RATING)
    with pytest.raises(LinliError) as caught:
        deducted(ledger)
    assert caught.value.code == "no_deductions"
    assert ledger.rows("SELECT FROM proposals WHERE kind = 'deduction'") == []


@pytest.mark.parametrize(
    "body",
    [
        {"part": "nothing"},
        {"part": "volunteer", "note_id": "019a3c5e-7b00-7032-8000-000000000032"},
        {"part": "volunteer", "note_id": "x"},
        {"part": "volunteer", "points": 1000},
        {},
    ],
)
def test_an_appeal_that_is_about_nothing_is_refused(rated: Ledger, body: dict[str, Any]) -> None:
    with pytest.raises(Rejected), transaction(rated.sessions) as tx:
        propose(tx, "appeal", body, reason="我不服", by="resident-a", resident_no=A)


@pytest.mark.parametrize("points", [None, 0, -1, 51])
def test_a_granted_appeal_gives_back_within_the_part(rated: Ledger, points: int | None) -> None:
    with transaction(rated.sessions) as tx:
        appeal = propose(
            tx, "appeal", {"part": "volunteer"}, reason="漏记", by="resident-a", resident_no=A
        )
    with pytest.raises(Rejected) as caught, transaction(rated.sessions) as tx:
        decide(tx, appeal, approve=True, reason="属实", by=CHECKER, points=points)
    assert caught.value.pointer == "/points"
    assert rated.rows("SELECT FROM proposal_decisions WHERE proposal_id = :id", id=appeal) == []
    with transaction(rated.sessions) as tx:
        decide(tx, appeal, approve=True, reason="属实", by=CHECKER, points=50)
    assert parts(rated)["volunteer"] == 50


@pytest.mark.parametrize("attribute", [*sorted(SENSITIVE)[::6], "anything"])
def test_the_database_itself_refuses_what_may_not_be_rated(rated: Ledger, attribute: str) -> None:
    body = orjson.loads(orjson.dumps(RATING))
    body["parts"][1]["attribute"] = attribute
    statement = text(
        "INSERT INTO declared_rules SELECT kind, name, 99, valid_from, CAST(:body AS jsonb),"
        " gen_random_uuid(), now() FROM declared_rules WHERE kind = 'rating'"
    )
    with pytest.raises(IntegrityError, match="rated_only"), rated.owner_engine.begin() as owner:
        owner.execute(statement, {"body": orjson.dumps(body).decode()})


def test_a_declaration_is_never_for_days_that_have_passed(rated: Ledger) -> None:
    with pytest.raises(Rejected) as caught:
        declare(rated, "rating", RATING, on=date(2026, 10, 11))
    assert caught.value.pointer == "/valid_from"
    days_later(0)
    later = date(2026, 12, 1)
    declare(rated, "rating", RATING, on=later)
    with pytest.raises(Rejected):  # and never before the version before
        declare(rated, "rating", RATING, on=date(2026, 11, 30))
    assert rated.rows("SELECT version FROM declared_rules WHERE kind = 'rating' ORDER BY 1") == [
        (1,),
        (2,),
    ]


def test_declared_rules_cannot_be_changed(rated: Ledger) -> None:
    for change in ("UPDATE declared_rules SET body = '{}'", "DELETE FROM rating_notes"):
        with pytest.raises(Exception, match="permission denied"), rated.engine.begin() as session:
            session.execute(text(change))
