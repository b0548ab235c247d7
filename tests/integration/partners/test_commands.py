"""The operator's commands on a real broker and database, also when they are cut short."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from pika.exceptions import AMQPConnectionError

from services.partners import tasks
from services.partners.actions import console, credentials, organisations
from services.partners.actions.organisations import NewPartner
from services.partners.clients import RabbitPartnerBroker
from services.partners.rules.keys import is_key, key_hash
from services.partners.rules.organisations import Kind
from services.partners.tasks import BrokerDisagrees
from shared import clock
from shared.errors import Conflict, Missing, Rejected, Unavailable
from shared.messaging import partner_access, topology
from shared.messaging.transaction import transaction
from shared.schemas import load
from tests.integration.partners.desk import TERMS, Desk, open_desk

EXAMPLE = Path(__file__).parents[3] / "examples" / "demo-district" / "partners.json"
ACTIVATED = "linli.partner.activated.v1"
SUSPENDED = "linli.partner.suspended.v1"


@pytest.fixture(scope="module")
def desk(settings: dict[str, str]) -> Iterator[Desk]:
    with open_desk(settings) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    yield
    clock.freeze(None)


class Away(RabbitPartnerBroker):
    """The management API cannot be reached."""

    def __init__(self) -> None:
        super().__init__("http://nobody:x@127.0.0.1:9", "partners")


class Meddled(RabbitPartnerBroker):
    """Whatever is granted, somebody widens at once."""

    def grant(self, slug: str, password_hash: str) -> None:
        super().grant(slug, password_hash)
        self._management.put_permission(self._vhost, slug, topology.EVERYTHING)


def new(desk: Desk, name: str = "acme") -> NewPartner:
    return NewPartner(slug=desk.slug(name), name="甲", kind=Kind.MERCHANT, terms=TERMS)


def said(desk: Desk, slug: str) -> list[tuple[str, dict[str, Any]]]:
    """Types and data of what was said of a partner; the data must fit its schema."""
    found = []
    for event_type, items in desk.said():
        for event in json.loads(f"[{items}]"):
            if isinstance(event, dict) and event.get("data", {}).get("slug") == slug:
                load(event_type, event["data"])
                found.append((event_type, event["data"]))
    return found


def meddler(desk: Desk) -> Meddled:
    return Meddled(desk.worker_settings.management_url, desk.vhost)


def test_an_added_partner_is_told_with_its_terms_and_only_hashes(desk: Desk) -> None:
    made = desk.add()
    [(event_type, data)] = said(desk, made.slug)
    assert event_type == ACTIVATED
    assert data["api_key_hashes"] == [key_hash(made.api_key)]
    assert data["agreement"]["valid_to"] == "2026-12-31"
    assert (data["revision"], data["system"]) == (1, "main")
    row = desk.row(made.slug)
    assert (row["status"], row["activating"], row["broker_problem"]) == ("active", False, None)
    everything = json.dumps([desk.said(), row], default=str) + repr(made)
    assert is_key(made.api_key)
    assert made.api_key not in everything
    assert made.amqp_password not in everything


def test_a_deviation_on_the_broker_keeps_a_partner_out(desk: Desk) -> None:
    asked = new(desk)
    with pytest.raises(BrokerDisagrees, match="stays suspended"):
        tasks.add(desk.sessions, meddler(desk), asked, by="test")
    row = desk.row(asked.slug)
    assert (row["status"], row["activating"]) == ("suspended", False)
    assert "权限不对" in row["broker_problem"]
    assert said(desk, asked.slug) == []
    assert desk.management.permissions_of(asked.slug) == {}

    tasks.reconcile_all(desk.sessions, desk.broker)
    assert desk.row(asked.slug)["status"] == "suspended", "a person must look first"
    tasks.activate(desk.sessions, desk.broker, asked.slug, by="test")
    assert desk.row(asked.slug)["status"] == "active"
    assert desk.row(asked.slug)["broker_problem"] is None


def test_a_broker_that_is_away_is_caught_up_with(desk: Desk) -> None:
    asked = new(desk)
    with pytest.raises(Unavailable):
        tasks.add(desk.sessions, Away(), asked, by="test")
    assert said(desk, asked.slug) == []
    assert desk.row(asked.slug)["activating"] is True
    assert tasks.reconcile_all(desk.sessions, desk.broker) == 1
    assert [each[0] for each in said(desk, asked.slug)] == [ACTIVATED]
    assert tasks.reconcile_all(desk.sessions, desk.broker) == 0


def test_a_suspension_cut_short_is_told_at_once_and_finished_later(desk: Desk) -> None:
    made = desk.add()
    with pytest.raises(Unavailable):
        tasks.suspend(desk.sessions, Away(), made.slug, reason="违规", by="test")
    assert said(desk, made.slug)[-1] == (
        SUSPENDED,
        {"slug": made.slug, "revision": 2, "reason": "违规"},
    )
    live = desk.connect(made)
    tasks.reconcile_all(desk.sessions, desk.broker)
    with pytest.raises(AMQPConnectionError):
        live.process_data_events(time_limit=2)
    with pytest.raises(AMQPConnectionError):
        desk.connect(made)


def test_a_suspension_during_a_reconciliation_wins(desk: Desk) -> None:
    """The reconciliation began when the partner was wanted; it must not let it in again."""
    made = desk.add()
    tasks.suspend(desk.sessions, desk.broker, made.slug, reason="x", by="test")
    with transaction(desk.sessions) as tx:
        organisations.ask_activation(tx.session, made.slug, by="test")

    class Slow(RabbitPartnerBroker):
        def grant(self, slug: str, password_hash: str) -> None:
            super().grant(slug, password_hash)
            with transaction(desk.sessions) as tx:
                tx.emit(organisations.suspend(tx.session, slug, reason="y", by="test"))

    slow = Slow(desk.worker_settings.management_url, desk.vhost)
    tasks.reconcile(desk.sessions, slug=made.slug, broker=slow)
    assert desk.row(made.slug)["status"] == "suspended"
    assert [each[0] for each in said(desk, made.slug)] == [ACTIVATED, SUSPENDED]
    tasks.reconcile(desk.sessions, desk.broker, made.slug)
    assert desk.management.permissions_of(made.slug) == {}


def test_revisions_only_grow(desk: Desk) -> None:
    made = desk.add()
    for _ in range(2):
        tasks.suspend(desk.sessions, desk.broker, made.slug, reason="x", by="test")
        tasks.activate(desk.sessions, desk.broker, made.slug, by="test")
    with transaction(desk.sessions) as tx:
        console.set_quota(tx, made.slug, per_minute=5, per_day=50, by="test")
    tasks.revoke(desk.sessions, desk.broker, made.slug, by="test")
    told = said(desk, made.slug)
    assert sorted(data["revision"] for _, data in told) == [1, 2, 3, 4, 5, 6, 7]
    newest = max(told, key=lambda each: int(each[1]["revision"]))
    assert newest == (SUSPENDED, {"slug": made.slug, "revision": 7, "reason": "revoked"})


def test_suspending_twice_says_it_once(desk: Desk) -> None:
    made = desk.add()
    for _ in range(2):
        tasks.suspend(desk.sessions, desk.broker, made.slug, reason="x", by="test")
    assert [each[0] for each in said(desk, made.slug)] == [ACTIVATED, SUSPENDED]


def test_a_revoked_partner_leaves_nothing_and_never_comes_back(desk: Desk) -> None:
    made = desk.add()
    tasks.revoke(desk.sessions, desk.broker, made.slug, by="test")
    assert desk.management.user(made.slug) is None
    assert desk.management.exchange(desk.vhost, f"in.{made.slug}") is None
    assert desk.management.queue(desk.vhost, f"out.{made.slug}") is None
    for again in (
        lambda: tasks.activate(desk.sessions, desk.broker, made.slug, by="test"),
        lambda: tasks.rotate(desk.sessions, desk.broker, made.slug, by="test"),
        lambda: tasks.suspend(desk.sessions, desk.broker, made.slug, reason="x", by="test"),
    ):
        with pytest.raises(Conflict, match="revoked"):
            again()
    assert tasks.reconcile_all(desk.sessions, desk.broker) == 0


def hashes(desk: Desk, slug: str) -> list[str]:
    """The keys that intake was last told of."""
    told = [data for kind, data in said(desk, slug) if kind == ACTIVATED]
    found: list[str] = max(told, key=lambda data: int(data["revision"]))["api_key_hashes"]
    return found


def test_a_rotated_key_overlaps_and_then_ends(desk: Desk) -> None:
    at = clock.now()
    clock.freeze(at)
    first = desk.add()
    second = tasks.rotate(desk.sessions, desk.broker, first.slug, by="test")
    both = [key_hash(first.api_key), key_hash(second.api_key)]
    assert hashes(desk, first.slug) == both
    with pytest.raises(AMQPConnectionError):
        desk.connect(first)
    desk.connect(second).close()

    clock.freeze(at + tasks.DEFAULT_OVERLAP)
    with transaction(desk.sessions) as tx:
        tx.emit(credentials.expire(tx.session))
    assert hashes(desk, first.slug) == [key_hash(second.api_key)]
    with transaction(desk.sessions) as tx:
        assert credentials.expire(tx.session) == []


def test_there_are_never_more_than_two_keys(desk: Desk) -> None:
    first = desk.add()
    made = [tasks.rotate(desk.sessions, desk.broker, first.slug, by="test") for _ in range(3)]
    assert hashes(desk, first.slug) == [key_hash(each.api_key) for each in made[1:]]


def test_a_rotation_without_overlap_cuts_key_and_connections(desk: Desk) -> None:
    first = desk.add()
    live = desk.connect(first)
    second = tasks.rotate(desk.sessions, desk.broker, first.slug, overlap=timedelta(0), by="test")
    assert hashes(desk, first.slug) == [key_hash(second.api_key)]
    with pytest.raises(AMQPConnectionError):
        live.process_data_events(time_limit=2)
    assert desk.row(first.slug)["cut_wanted"] is False
    with pytest.raises(Rejected, match="overlap"):
        tasks.rotate(desk.sessions, desk.broker, first.slug, overlap=timedelta(days=31), by="test")


def test_a_rotation_while_the_broker_is_away_reaches_it_later(desk: Desk) -> None:
    first = desk.add()
    with pytest.raises(Unavailable):
        tasks.rotate(desk.sessions, Away(), first.slug, overlap=timedelta(0), by="test")
    assert tasks.reconcile_all(desk.sessions, desk.broker) == 1
    with pytest.raises(AMQPConnectionError):
        desk.connect(first)


def test_a_new_agreement_is_told_and_the_old_one_is_kept(desk: Desk) -> None:
    made = desk.add()
    longer = dataclasses.replace(TERMS, no="HX-2027-001", valid_to=date(2027, 12, 31))
    with transaction(desk.sessions) as tx:
        console.agree(tx, made.slug, longer, by="test")
    told = said(desk, made.slug)[-1][1]["agreement"]
    assert (told["no"], told["valid_to"]) == ("HX-2027-001", "2027-12-31")
    with pytest.raises(Rejected, match="cannot end before"), transaction(desk.sessions) as tx:
        backwards = dataclasses.replace(TERMS, valid_to=date(2025, 1, 1))
        console.agree(tx, made.slug, backwards, by="test")


def test_a_user_that_is_no_partners_is_never_touched(desk: Desk) -> None:
    asked = new(desk, "namesake")
    desk.management.put_user(asked.slug, password="theirs", tags=("monitoring",))
    before = desk.management.user(asked.slug)
    with pytest.raises(BrokerDisagrees, match="another user"):
        tasks.add(desk.sessions, desk.broker, asked, by="test")
    tasks.revoke(desk.sessions, desk.broker, asked.slug, by="test")
    assert desk.management.user(asked.slug) == before
    desk.management.delete_user(asked.slug)


def test_slugs_are_used_once_and_unknown_ones_are_missing(desk: Desk) -> None:
    made = desk.add()
    again = NewPartner(slug=made.slug, name="乙", kind=Kind.OTHER, terms=TERMS)
    with pytest.raises(Conflict, match="already"):
        tasks.add(desk.sessions, desk.broker, again, by="test")
    with pytest.raises(Missing):
        tasks.suspend(desk.sessions, desk.broker, "nobody", reason="x", by="test")


def listed(desk: Desk) -> list[dict[str, Any]]:
    """The example's partners under slugs of this test's own."""
    entries: list[dict[str, Any]] = json.loads(EXAMPLE.read_bytes())
    return [{**each, "slug": desk.slug(each["slug"][:20])} for each in entries]


def test_a_districts_partners_are_taken_over_with_few_requests(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it takes seconds: 1.5 s on a quiet machine of two cores."""
    entries = listed(desk)
    asked: list[object] = []
    send = requests.Session.send
    monkeypatch.setattr(
        requests.Session, "send", lambda *args, **how: asked.append(args) or send(*args, **how)
    )
    made = tasks.register_many(desk.sessions, desk.broker, entries, by="test")
    assert len(asked) <= 12 * len(entries)  # 319 for 34 when it was written
    assert set(made) == {each["slug"] for each in entries}
    for entry in entries:
        told = said(desk, entry["slug"])
        wanted = ACTIVATED if entry["status"] == "active" else SUSPENDED
        assert [each[0] for each in told] == [wanted]
        may = bool(desk.management.permissions_of(entry["slug"]))
        assert may == (entry["status"] == "active")
    assert topology.check(desk.broker_settings) == []

    assert tasks.register_many(desk.sessions, desk.broker, entries, by="test") == {}
    changed = {**entries[0], "agreement": {**entries[0]["agreement"], "to": "2027-12-31"}}
    tasks.register_many(desk.sessions, desk.broker, [changed], by="test")
    assert len(said(desk, changed["slug"])) == 2
    renewed = tasks.register_many(desk.sessions, desk.broker, [changed], by="test", renew=True)
    assert hashes(desk, changed["slug"]) == [key_hash(renewed[changed["slug"]]["api_key"])]


@pytest.mark.parametrize(
    "wrong", [{"kind": "club"}, {"agreement": {}}, {"slug": "A B"}, {"name": None}, {"name": " "}]
)
def test_a_wrong_entry_changes_nothing(desk: Desk, wrong: dict[str, Any]) -> None:
    entries = listed(desk)[:2]
    entries[1] |= wrong
    with pytest.raises(Rejected):
        tasks.register_many(desk.sessions, desk.broker, entries, by="test")
    with pytest.raises(Missing):
        tasks.suspend(desk.sessions, desk.broker, entries[0]["slug"], reason="x", by="test")


def test_commands_leave_no_right_behind_when_a_test_is_over(desk: Desk) -> None:
    made = desk.add()
    partner_access.remove(desk.management, desk.vhost, made.slug)
    assert tasks.reconcile_all(desk.sessions, desk.broker) == 1
    desk.connect(made).close()
