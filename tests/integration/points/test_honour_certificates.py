"""An honour that was redeemed gives a certificate when it is collected, and only then."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.points.queries.honour_certificates import HonourTold, honour_by_code, honour_of
from shared import clock
from tests.integration.points.database import Ledger
from tests.integration.points.redeeming import (
    NOW,
    ask,
    assert_sound,
    code_of,
    confirm,
    give,
    give_up,
    offered,
)

A, B = "R000001", "R000002"


@pytest.fixture(autouse=True)
def _thursday() -> Iterator[None]:
    clock.freeze(NOW)
    yield
    clock.freeze(None)


def star(ledger: Ledger) -> int:
    return offered(ledger, kind="honour", title="社区服务之星", partner=None, value_fen=None)


def certificates(ledger: Ledger) -> list[str]:
    rows = ledger.rows("SELECT certificate_no FROM honour_certificates ORDER BY certificate_no")
    return [row[0] for row in rows]


def test_a_collected_honour_is_numbered_and_verified_by_its_code(ledger: Ledger) -> None:
    honour = star(ledger)
    for resident in (A, B):
        give(ledger, resident, 10)
    first, second = ask(ledger, A, honour), ask(ledger, B, honour)
    assert certificates(ledger) == []
    confirm(ledger, code_of(second), partner=None)
    confirm(ledger, code_of(first), partner=None)
    assert certificates(ledger) == ["RY-2026-00001", "RY-2026-00002"]
    with ledger.sessions() as session:
        told = honour_of(session, first.redemption_id)
        assert told is not None
        assert told == HonourTold("RY-2026-00002", told.code, A, "社区服务之星", NOW.date())
        assert honour_by_code(session, told.code) == told
        assert honour_by_code(session, "0" * 20) is None
    assert_sound(ledger)


def test_what_is_given_back_or_is_no_honour_has_none(ledger: Ledger) -> None:
    give(ledger, A, 30)
    given_back = ask(ledger, A, star(ledger))
    give_up(ledger, given_back, A)
    confirm(ledger, code_of(ask(ledger, A, offered(ledger))))
    assert certificates(ledger) == []


def test_the_service_cannot_rewrite_a_certificate(ledger: Ledger) -> None:
    for statement in (
        "UPDATE honour_certificates SET title = ''",
        "DELETE FROM honour_certificates",
    ):
        with ledger.sessions() as session, pytest.raises(ProgrammingError) as caught:
            session.execute(text(statement))
        assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)
