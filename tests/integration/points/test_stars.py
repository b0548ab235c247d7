"""Stars: written down when they change, the same when replayed from the entries, told once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from services.points.actions import ledger as book
from services.points.actions.stars import reckon_stars
from services.points.queries import stars
from services.points.queries.declared import star_ladders
from services.points.rules.declared_examples import STARS_SHORT
from services.points.rules.lots import NEVER, Lot
from services.points.rules.stars import changes
from shared import clock
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from tests.integration.points.database import Ledger, attended, publish_rules
from tests.integration.points.declared import days_later, declare, moved_to

A, B = "R000001", "R000002"
START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


@pytest.fixture
def book_of(ledger: Ledger) -> Iterator[Ledger]:
    with moved_to(START):
        publish_rules(ledger)
        yield ledger


def add(ledger: Ledger, resident_no: str, minutes: int) -> None:
    """Entries of time without the cap of one activity; negative is a reversal."""
    with transaction(ledger.sessions) as tx:
        key = ("service_minutes", "resident", resident_no)
        account = book.locked(tx.session, [key])[key]
        posting = book.posting(tx.session)
        if minutes > 0:
            posting.issue(account, minutes, uuid7(), "import")
        else:
            posting.retire(account, -minutes, uuid7(), "reversal")
        posting.post(tx.session, clock.now())


def earn(ledger: Ledger, resident_no: str, points: int, programme: str = "ideal-bank") -> None:
    with transaction(ledger.sessions) as tx:
        key = ("points", "resident", resident_no)
        account = book.locked(tx.session, [key])[key]
        source = (programme, "volunteers-01")
        lot = Lot(NEVER, book.sources(tx.session, [source])[source])
        posting = book.posting(tx.session)
        posting.issue(account, points, uuid7(), "import", lot)
        posting.post(tx.session, clock.now())


def reckon(ledger: Ledger) -> int:
    with transaction(ledger.sessions) as tx:
        return reckon_stars(tx)


def written(ledger: Ledger, resident_no: str, ladder: str, on: date) -> int:
    """The star on a day by what was written down."""
    with ledger.sessions() as session:
        known = stars.history(session, resident_no, ladder)
    return next((one.star for one in reversed(known) if one.on_date <= on), 0)


def replayed(ledger: Ledger, resident_no: str, ladder: str, on: date) -> int:
    """The star on a day by all entries, as if nothing had ever been written down."""
    with ledger.sessions() as session:
        versions = star_ladders(session)[ladder]
        days = stars.all_days(session, resident_no, versions[-1])
    return changes(versions, days, through=on)[1].star


def told(ledger: Ledger) -> list[tuple[str, int]]:
    return [(one["resident_no"], one["star"]) for one in ledger.said() if "star" in one]


def test_a_star_is_written_down_on_its_day_and_congratulated_once(book_of: Ledger) -> None:
    add(book_of, A, 5999)
    assert reckon(book_of) == 1
    assert written(book_of, A, "default", date(2026, 3, 1)) == 0
    days_later(3)
    add(book_of, A, 1)
    reckon(book_of)
    assert reckon(book_of) == 0
    assert written(book_of, A, "default", date(2026, 3, 3)) == 0
    assert written(book_of, A, "default", date(2026, 3, 4)) == 1
    assert told(book_of) == [(A, 1)]
    days_later(1)
    add(book_of, A, -100)  # lost, and reached again: told once
    reckon(book_of)
    assert written(book_of, A, "default", date(2026, 3, 5)) == 0
    days_later(1)
    add(book_of, A, 100)
    reckon(book_of)
    assert written(book_of, A, "default", date(2026, 3, 6)) == 1
    assert told(book_of) == [(A, 1)]


def test_a_ladder_of_two_keys_counts_its_programme_only(book_of: Ledger) -> None:
    body = {"programme": "ideal-bank", "levels": [{"hours": 10, "points": 12}]}
    declare(book_of, "star", body, name="two-keys")
    book_of.hear(*(attended(A, 300, month=2, day=day) for day in (1, 2)))  # 12 points each
    earn(book_of, B, 500, "another")
    add(book_of, B, 6000)  # of no award of the programme
    reckon(book_of)
    today = clock.today()
    assert written(book_of, A, "two-keys", today) == replayed(book_of, A, "two-keys", today) == 1
    assert written(book_of, B, "two-keys", today) == replayed(book_of, B, "two-keys", today) == 0
    assert written(book_of, B, "default", today) == 1


def test_a_ladder_holds_from_its_first_day(book_of: Ledger) -> None:
    add(book_of, A, 60 * 60)
    reckon(book_of)
    declare(book_of, "star", STARS_SHORT, on=clock.today() + timedelta(days=10))
    days_later(9)
    reckon(book_of)
    assert told(book_of) == []
    days_later(3)
    assert reckon(book_of) == 1
    assert [written(book_of, A, "default", date(2026, 3, day)) for day in (1, 10, 11, 13)] == [
        0,
        0,
        2,
        2,
    ]
    assert replayed(book_of, A, "default", date(2026, 3, 10)) == 0
    assert replayed(book_of, A, "default", date(2026, 3, 11)) == 2


@pytest.mark.parametrize("seed", range(4))
def test_what_was_written_down_is_what_a_replay_gives_on_every_day(
    book_of: Ledger, seed: int
) -> None:
    chance = random.Random(seed)
    body = {"levels": [{"hours": h, "points": p} for h, p in ((20, 30), (60, 30), (90, 200))]}
    declare(book_of, "star", body, name="both")
    later = {"levels": [{"hours": h, "points": p} for h, p in ((10, 0), (70, 60), (80, 100))]}
    held = {A: 0, B: 0}
    for step in range(40):
        who = chance.choice([A, B])
        if chance.random() < 0.25 and held[who]:
            taken = chance.randint(1, held[who])
            add(book_of, who, -taken)
            held[who] -= taken
        else:
            minutes = chance.randint(1, 700)
            add(book_of, who, minutes)
            held[who] += minutes
        if chance.random() < 0.4:
            earn(book_of, who, chance.randint(1, 40))
        if chance.random() < 0.5:
            reckon(book_of)
        if chance.random() < 0.5:
            days_later(chance.randint(1, 3))
        if step in (12, 25):
            declare(book_of, "star", later if step == 12 else body, name="both")
            declare(book_of, "star", STARS_SHORT, on=clock.today() + timedelta(days=step))
    reckon(book_of)
    last = clock.today()
    days = [date(2026, 3, 1) + timedelta(days=n) for n in range((last - date(2026, 3, 1)).days + 1)]
    for who in (A, B):
        for ladder in ("default", "both"):
            assert [written(book_of, who, ladder, on) for on in days] == [
                replayed(book_of, who, ladder, on) for on in days
            ]
