"""What notify writes for each event it hears: twice, reordered, early, broken."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.notify import queries
from services.notify.config import Settings
from services.notify.rules import Kind
from services.notify.worker import create_worker
from shared.messaging.routes import heard_by
from tests.integration.notify.conftest import Notify, credited, fulfilled, key, opened

NOTICE_COLUMNS = "SELECT resident_no, kind, template_version, params, event_id, accepted_at"


def snapshot(notify: Notify) -> list[object]:
    return [
        notify.rows(f"{NOTICE_COLUMNS} FROM notices ORDER BY event_id"),
        notify.rows("SELECT resident_no, language, revision, phone_index FROM address_book"),
        notify.rows(
            "SELECT n.event_id, d.channel, d.state, d.attempts FROM deliveries d"
            " JOIN notices n ON n.id = d.notice_id ORDER BY n.event_id"
        ),
    ]


def test_each_event_twice_leaves_the_same_rows(notify: Notify) -> None:
    events = [notify.registered(), opened(), fulfilled(), credited(), credited(points=0)]
    for event in events:
        notify.hear(event)
    first = snapshot(notify)
    assert notify.work() == 2
    for event in events:
        notify.hear(event)
    notify.hear(*events, *events)
    assert snapshot(notify)[:2] == first[:2]
    assert notify.tasks() == []
    assert notify.one("SELECT count(*) FROM deliveries") == 2
    assert notify.rows("SELECT reason, detail FROM dead_letters") == []


def test_an_event_whose_inbox_row_is_gone_still_gives_one_notice(notify: Notify) -> None:
    event = opened()
    notify.hear(event)
    with notify.sessions.begin() as session:
        session.execute(text("DELETE FROM inbox"))
    notify.hear(event)
    assert notify.one("SELECT count(*) FROM notices") == 1
    assert notify.one("SELECT count(*) FROM deliveries") == 1


def test_order_of_arrival_does_not_matter(notify: Notify) -> None:
    events = [
        notify.registered(revision=1, phone="13900000000"),
        notify.registered(revision=2, phone="13911112222", language="en"),
        opened(),
        fulfilled(),
    ]
    seen = []
    for order in itertools.permutations(events):
        for event in order:
            notify.hear(event)
        seen.append(snapshot(notify))
        with notify.sessions.begin() as session:
            for table in ("deliveries", "notices", "address_book", "inbox"):
                session.execute(text(f"DELETE FROM {table}"))
    assert all(one == seen[0] for one in seen)
    assert seen[0][1][0]["phone_index"] == notify.contacts.phone_index("13911112222")


def test_revisions_in_one_batch(notify: Notify) -> None:
    notify.hear(
        notify.registered(revision=3, name="丙"),
        notify.registered(revision=1, name="甲"),
        notify.registered(revision=2, name="乙"),
    )
    with notify.sessions() as session:
        found = queries.addressee(session, notify.contacts, "R000001")
    assert found is not None
    assert found.contact.name == "丙"


def test_a_request_without_resident_tells_nobody(notify: Notify) -> None:
    notify.hear(opened(resident_no=None))
    assert notify.one("SELECT count(*) FROM notices") == 0


def test_a_credit_is_told_in_the_inbox_only(notify: Notify) -> None:
    notify.hear(*[credited(f"R{n:06d}") for n in range(50)])
    assert notify.one("SELECT count(*) FROM notices") == 50
    assert notify.one("SELECT count(*) FROM deliveries") == 0
    assert notify.tasks() == []


def test_a_contact_that_cannot_be_opened_is_a_dead_letter_and_holds_nobody_up(
    notify: Notify,
) -> None:
    good = notify.registered("R000002")
    swapped = notify.registered("R000003", sealed=good.data["contact_sealed"])
    notify.hear(notify.registered(), swapped, good)
    (letter,) = notify.rows("SELECT reason, detail, event_id FROM dead_letters")
    assert letter["reason"] == "contact_unreadable"
    assert letter["event_id"] == swapped.id
    assert notify.one("SELECT count(*) FROM address_book") == 2


def test_contact_that_was_withdrawn(notify: Notify) -> None:
    notify.hear(notify.registered())
    notify.hear(notify.registered(revision=2, sealed=None))
    (row,) = notify.rows("SELECT name, phone, phone_index FROM address_book")
    assert set(row.values()) == {None}


def test_inbox_reads_in_either_language_and_keeps_its_pinned_version(notify: Notify) -> None:
    notify.hear(notify.registered(), opened(), credited(points=0, caps=("day",)))
    with notify.sessions() as session:
        zh = queries.inbox(session, notify.contacts, "R000001", language="zh")
        en = queries.inbox(session, notify.contacts, "R000001", language="en")
    texts = {letter.kind: letter.text for letter in zh}
    assert "欧阳若兰，您好" in texts[Kind.REQUEST_RECEIPT]
    assert "2026年10月21日 12:33" in texts[Kind.REQUEST_RECEIPT]
    assert "已达到积分上限" in texts[Kind.POINTS_CREDITED]
    assert "21 October 2026" in {letter.kind: letter.text for letter in en}[Kind.POINTS_CREDITED]


def test_unknown_resident_still_gets_a_readable_notice(notify: Notify) -> None:
    notify.hear(fulfilled())
    with notify.sessions() as session:
        (letter,) = queries.inbox(session, notify.contacts, "R000001", language="zh")
    assert letter.text.startswith("居民，您好")


def test_the_app_can_add_templates_but_never_change_one(notify: Notify) -> None:
    for statement in ("UPDATE templates SET body = ''", "DELETE FROM templates"):
        with pytest.raises(ProgrammingError), notify.sessions.begin() as session:
            session.execute(text(statement))


def test_counts_by_kind(notify: Notify) -> None:
    notify.hear(opened(), opened(request_no="Q2"), credited())
    with notify.sessions() as session:
        told = queries.counts(session)
    assert told.pop("points_credited") == 1
    assert told.pop("request_receipt") == 2
    assert set(told.values()) == {0}


def test_the_worker_hears_exactly_what_its_queue_is_bound_to(databases: dict[str, str]) -> None:
    settings = Settings(
        broker_url="amqp://nobody@127.0.0.1:1/linli",
        database_url=databases["NOTIFY_DATABASE_URL"],
        contact_key=key(),
        field_key=key(),
        index_key=key(),
        sms_url="http://127.0.0.1:1",
        sms_access_key_id="a",
        sms_access_key_secret="b",
        sms_sign_name="邻里",
        receipt_token="",
    )
    parts = create_worker(settings)
    assert parts.handlers.types() == set(heard_by("notify"))
    assert set(parts.actors) == {"send_sms"}
