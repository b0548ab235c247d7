"""The running total of a partner's contribution, however its credits arrive."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.partners import queries
from services.partners.handlers import make_handlers
from shared import clock
from shared.errors import Missing
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from shared.schemas.envelope import Event, make
from shared.schemas.points import PARTNER_CREDITED
from tests.integration.partners.desk import Desk, open_desk


@pytest.fixture(scope="module")
def desk(settings: dict[str, str]) -> Iterator[Desk]:
    with open_desk(settings) as opened:
        yield opened


def credit(partner: str, points: int) -> tuple[Event, dict[str, Any]]:
    data = {
        "award_id": uuid7(),
        "contribution_id": uuid7(),
        "partner": partner,
        "points": points,
        "balance": points,
        "wish_code": "W-1",
        "colour": "goods_blue",
        "credited_at": clock.now(),
    }
    return make(PARTNER_CREDITED, data, source="/linli/points", correlationid="c"), data


def hear(desk: Desk, batch: list[tuple[Event, dict[str, Any]]]) -> None:
    handler = make_handlers().of(PARTNER_CREDITED)
    assert handler is not None
    with transaction(desk.sessions) as tx:
        assert list(handler(tx, batch)) == []


def total(desk: Desk, slug: str) -> tuple[int, int]:
    with desk.sessions() as session:
        row = queries.organisation(session, slug)
    assert row is not None
    return row["contribution"], row["contributions"]


def test_credits_count_once_in_any_order(desk: Desk) -> None:
    first, second = desk.add("one").slug, desk.add("two").slug
    batch = [credit(first, 10), credit(second, 7), credit(first, 0), credit(first, 5)]
    hear(desk, batch[:2])
    random.shuffle(batch)
    hear(desk, batch)
    hear(desk, batch[:1])
    assert total(desk, first) == (15, 3)
    assert total(desk, second) == (7, 1)


def test_a_credit_for_nobody_is_refused_and_takes_none_with_it(desk: Desk) -> None:
    known = desk.add("known").slug
    with pytest.raises(Missing, match="unknown partners: ghost"):
        hear(desk, [credit(known, 10), credit("ghost", 10)])
    assert total(desk, known) == (0, 0)


@pytest.mark.parametrize("table", ["contribution_entries", "changes"])
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "UPDATE {} SET slug = slug", "TRUNCATE {}"])
def test_history_cannot_be_rewritten(desk: Desk, table: str, verb: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), desk.sessions() as session:
        session.execute(text(verb.format(table)))
