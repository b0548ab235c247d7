"""Rules by four eyes, on a real database: who may publish what, and that drafts change nothing."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.points.actions import rule_drafts as drafting
from services.points.actions.simulating import simulate
from services.points.queries.rule_drafts import Draft, rule_draft
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.errors import Conflict, Forbidden, LinliError, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from tests.integration.points.database import RULES, Ledger, attended, publish_rules

PROGRAMMES = sorted((Path(__file__).parents[3] / "examples" / "programmes").glob("*.json"))
_minutes = itertools.count()
MAKER, CHECKER = "manager-1", "manager-2"
NEXT: dict[str, Any] = {**RULES, "version": 2, "valid_from": "2026-12-01"}


@pytest.fixture
def book(ledger: Ledger) -> Iterator[Ledger]:
    # Each at another moment: a version that was published then is known for good.
    at = datetime(2026, 11, 20, 10, tzinfo=DISTRICT_TIMEZONE)
    clock.freeze(at + timedelta(minutes=next(_minutes)))
    publish_rules(ledger)
    ledger.hear(*(attended("R000001", 60, day=day) for day in range(1, 9)))
    yield ledger
    clock.freeze(None)


def begun(book: Ledger, body: dict[str, Any] = NEXT) -> UUID:
    with transaction(book.sessions) as tx:
        return drafting.begin(tx, body, by=MAKER)


def submitted(book: Ledger, body: dict[str, Any] = NEXT) -> UUID:
    draft_id = begun(book, body)
    with transaction(book.sessions) as tx:
        drafting.submit(tx, draft_id, revision=1, by=MAKER)
    return draft_id


def draft(book: Ledger, draft_id: UUID) -> Draft:
    with book.sessions() as session:
        found = rule_draft(session, draft_id)
    assert found is not None
    return found


def test_what_one_submits_another_publishes(book: Ledger) -> None:
    draft_id = submitted(book)
    with transaction(book.sessions) as tx:
        drafting.publish(tx, draft_id, revision=1, by=CHECKER)
    assert book.rows("SELECT version, made_by, checked_by FROM rule_sets ORDER BY version") == [
        (1, "installation", None),
        (2, MAKER, CHECKER),
    ]
    done = draft(book, draft_id)
    assert (done.state, done.checked_by) == ("published", CHECKER)
    assert done.body == NEXT


def test_nobody_publishes_or_rejects_what_is_their_own(book: Ledger) -> None:
    draft_id = submitted(book)
    with pytest.raises(Forbidden, match="four_eyes"), transaction(book.sessions) as tx:
        drafting.publish(tx, draft_id, revision=1, by=MAKER)
    with pytest.raises(Forbidden, match="four_eyes"), transaction(book.sessions) as tx:
        drafting.reject(tx, draft_id, revision=1, by=MAKER, reason="not good")
    assert draft(book, draft_id).state == "submitted"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE rule_drafts SET state = 'published', checked_by = made_by, checked_at = now()",
        "UPDATE rule_drafts SET state = 'published'",
        "UPDATE rule_drafts SET made_by = 'another'",
        "DELETE FROM rule_drafts",
        "UPDATE rule_sets SET valid_from = '2020-01-01'",
        "INSERT INTO rule_sets SELECT programme, 9, valid_from, body, now(), 'me', 'me'"
        " FROM rule_sets",
        "INSERT INTO rule_sets SELECT programme, 9, valid_from, body, now(), 'me', NULL"
        " FROM rule_sets",
    ],
)
def test_the_database_itself_refuses_one_pair_of_eyes(book: Ledger, sql: str) -> None:
    submitted(book)
    with pytest.raises(DBAPIError), book.engine.begin() as connection:
        connection.execute(text(sql))


def test_only_the_maker_edits_and_only_before_it_is_submitted(book: Ledger) -> None:
    draft_id = begun(book)
    changed = {**NEXT, "valid_from": "2027-01-01"}
    with pytest.raises(Forbidden), transaction(book.sessions) as tx:
        drafting.edit(tx, draft_id, changed, revision=1, by=CHECKER)
    with transaction(book.sessions) as tx:
        drafting.edit(tx, draft_id, changed, revision=1, by=MAKER)
    with pytest.raises(Conflict), transaction(book.sessions) as tx:
        drafting.edit(tx, draft_id, NEXT, revision=1, by=MAKER)  # of a page that is out of date
    with transaction(book.sessions) as tx:
        drafting.submit(tx, draft_id, revision=2, by=MAKER)
    with pytest.raises(Conflict), transaction(book.sessions) as tx:
        drafting.edit(tx, draft_id, NEXT, revision=2, by=MAKER)
    assert draft(book, draft_id).body == changed


def test_what_was_changed_after_it_was_seen_is_not_published(book: Ledger) -> None:
    draft_id = submitted(book)
    with transaction(book.sessions) as tx:
        drafting.withdraw(tx, draft_id, revision=1, by=MAKER)
        drafting.edit(tx, draft_id, {**NEXT, "version": 3}, revision=1, by=MAKER)
        drafting.submit(tx, draft_id, revision=2, by=MAKER)
    with pytest.raises(Conflict, match="draft_changed"), transaction(book.sessions) as tx:
        drafting.publish(tx, draft_id, revision=1, by=CHECKER)
    assert book.scalar("SELECT count(*) FROM rule_sets") == 1


def test_a_rejected_draft_says_why(book: Ledger) -> None:
    draft_id = submitted(book)
    with pytest.raises(Rejected, match="bad_reason"), transaction(book.sessions) as tx:
        drafting.reject(tx, draft_id, revision=1, by=CHECKER, reason=" ")
    with transaction(book.sessions) as tx:
        drafting.reject(tx, draft_id, revision=1, by=CHECKER, reason="上限过高")
    assert (draft(book, draft_id).state, draft(book, draft_id).reason) == ("rejected", "上限过高")
    with pytest.raises(Conflict), transaction(book.sessions) as tx:
        drafting.publish(tx, draft_id, revision=1, by=CHECKER)
    with pytest.raises(Missing), transaction(book.sessions) as tx:
        drafting.reject(tx, uuid7(), revision=1, by=CHECKER, reason="none")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"caps": {"person_day_pionts": 9}}, "/caps/person_day_pionts"),
        ({"valid_from": "2026-12-02"}, "/valid_from"),
        ({"valid_from": "2026-10-01"}, "/valid_from"),
        ({"wish": None}, "/wish"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_draft_may_be_unfinished_but_is_not_submitted_so(
    book: Ledger, changes: dict[str, Any], pointer: str
) -> None:
    draft_id = begun(book, {**NEXT, **changes})
    with pytest.raises(Rejected) as caught, transaction(book.sessions) as tx:
        drafting.submit(tx, draft_id, revision=1, by=MAKER)
    assert caught.value.pointer == pointer
    assert draft(book, draft_id).state == "draft"


@pytest.mark.parametrize("body", [[], "rules", None, {"programme": "\ud800"}, {"n": "\x00"}])
def test_what_cannot_be_stored_is_refused(book: Ledger, body: Any) -> None:
    with pytest.raises(Rejected, match="bad_rules"):
        begun(book, body)


def test_a_cap_changes_only_where_its_window_begins(book: Ledger) -> None:
    yearly = copy.deepcopy(NEXT)
    yearly["caps"]["person_year_points"] = 500
    publish_rules(book, yearly)
    half = {**yearly, "version": 3, "valid_from": "2027-07-01"}
    half["caps"] = {**yearly["caps"], "person_year_points": 600}
    with pytest.raises(Rejected) as caught:
        publish_rules(book, half)
    assert caught.value.pointer == "/caps/person_year_points"
    new_year = {**half, "valid_from": "2028-01-01"}
    anew = copy.deepcopy(half)
    anew["caps"]["person_year_points"] = {"points": 600, "counts_from": "2027-07-01"}
    publish_rules(book, anew)
    publish_rules(book, {**new_year, "version": 4})


def test_rules_of_a_community_do_not_meet_those_of_another(book: Ledger) -> None:
    for number, code in enumerate(["990101001001", "990101001002"], start=2):
        publish_rules(book, {**NEXT, "programme": code, "version": number, "communities": [code]})
    with pytest.raises(Rejected, match="bad_rules"):
        publish_rules(
            book,
            {**NEXT, "version": 9, "valid_from": "2027-01-15", "communities": ["990101001001"]},
        )


def test_a_draft_and_its_simulation_change_no_entry(book: Ledger) -> None:
    book.hear(*(attended(f"R00000{n}", 200, day=n) for n in range(1, 9)))
    before = book.snapshot()
    draft_id = begun(book)
    with transaction(book.sessions) as tx:
        found = simulate(tx, draft_id, by=MAKER)
    for take in (
        lambda tx: drafting.edit(tx, draft_id, {**NEXT, "version": 7}, revision=1, by=MAKER),
        lambda tx: drafting.submit(tx, draft_id, revision=2, by=MAKER),
        lambda tx: drafting.publish(tx, draft_id, revision=2, by=CHECKER),
    ):
        with transaction(book.sessions) as tx:
            take(tx)
    assert book.snapshot() == before
    assert found["difference"] == 0
    assert draft(book, draft_id).simulated is None  # it was of another revision


@pytest.mark.parametrize("bad", [{"caps": 3}, {"version": "two"}, {}])
def test_a_draft_that_cannot_be_read_is_not_simulated(book: Ledger, bad: dict[str, Any]) -> None:
    before = book.snapshot()
    draft_id = begun(book, {**NEXT, **bad} if bad else {})
    with pytest.raises(LinliError), transaction(book.sessions) as tx:
        simulate(tx, draft_id, by=MAKER)
    assert book.snapshot() == before


@pytest.mark.parametrize("path", PROGRAMMES, ids=lambda path: path.stem)
def test_the_example_programmes_can_be_installed_and_drafted(ledger: Ledger, path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    draft_id = submitted(ledger, body)
    with transaction(ledger.sessions) as tx:
        drafting.publish(tx, draft_id, revision=1, by=CHECKER)
    publish_rules(ledger, body)  # the same again, by the installation: no change
    assert ledger.rows("SELECT programme, made_by FROM rule_sets") == [(path.stem, MAKER)]
