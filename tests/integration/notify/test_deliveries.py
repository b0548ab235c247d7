"""The life of an SMS delivery: tasks, retries, leases, sweeps, receipts, crashes."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.notify.actions.receipts import Receipt, record_receipts
from services.notify.rules import ATTEMPTS_MAX, TIMED_OUT, WAITS_MAX, State
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.notify.conftest import Notify, credited, fulfilled, later, opened


class Crash(BaseException):
    """Stands for the process dying: nothing catches it."""


def ready(notify: Notify) -> str:
    """A pending delivery whose address is known; its id."""
    notify.hear(notify.registered(), opened())
    (delivery_id,) = notify.tasks()
    return delivery_id


def report(
    notify: Notify,
    delivery_id: str | None,
    *,
    success: bool = True,
    code: str = "DELIVERED",
    **more: str,
) -> list[State]:
    receipt = Receipt(
        UUID(delivery_id) if delivery_id else None,
        more.get("reference"),
        success,
        code,
        clock.now(),
    )
    with transaction(notify.sessions) as tx:
        return [state for state, _ in record_receipts(tx.session, [receipt], clock.now())]


def test_sent_then_delivered(notify: Notify, frozen: datetime) -> None:
    delivery_id = ready(notify)
    notify.send_sms(delivery_id)
    (sms,) = notify.gateway.asked
    assert (sms.phone, sms.out_id) == ("13911112222", delivery_id)
    assert sms.params == {"request_no": "Q20261021-0001"}
    row = notify.delivery()
    assert (row["state"], row["attempts"], row["sent_at"]) == ("sent", 1, frozen)
    assert row["provider_ref"] == f"biz-{delivery_id}"
    assert report(notify, delivery_id) == [State.DELIVERED]
    assert notify.delivery()["delivered_at"] == frozen


def test_sms_is_in_the_language_of_the_address_book(notify: Notify) -> None:
    notify.hear(notify.registered(language="en"), fulfilled())
    notify.work()
    assert notify.gateway.asked[0].template_code == "SMS_LINLI_WISH_EN"


def test_a_doubled_task_sends_once(notify: Notify) -> None:
    delivery_id = ready(notify)
    for _ in range(3):
        notify.send_sms(delivery_id)
    assert len(notify.gateway.asked) == 1
    notify.send_sms(str(uuid4()))  # a row that is not there


def test_two_workers_at_once_send_once(notify: Notify) -> None:
    delivery_id = ready(notify)
    threads = [threading.Thread(target=notify.send_sms, args=(delivery_id,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(notify.gateway.asked) == 1


def test_no_transaction_is_open_while_the_vendor_is_asked(notify: Notify) -> None:
    delivery_id = ready(notify)
    seen: list[int] = []

    def look(_sms: object) -> None:
        seen.append(
            notify.one(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state LIKE 'idle in transaction%'"
            )
        )

    notify.gateway.meanwhile = look
    notify.send_sms(delivery_id)
    assert seen == [0]


def test_failures_back_off_and_end(notify: Notify, frozen: datetime) -> None:
    delivery_id = ready(notify)
    notify.gateway.answers = ["isv.BUSINESS_LIMIT_CONTROL", TIMED_OUT] * 4
    limits_s = [5, 30, 120, 600, 1800, 7200, 7200]
    for limit_s in limits_s:
        notify.send_sms(delivery_id)
        row = notify.delivery()
        assert row["state"] == "pending"
        assert timedelta(0) <= row["next_attempt_at"] - clock.now() <= timedelta(seconds=limit_s)
        later(seconds=limit_s)
    notify.send_sms(delivery_id)
    row = notify.delivery()
    assert (row["state"], row["attempts"], row["last_error"]) == ("failed", ATTEMPTS_MAX, TIMED_OUT)
    later(days=1)
    notify.sweep()
    assert notify.tasks() == []
    # the vendor took it after all
    assert report(notify, delivery_id) == [State.DELIVERED]


def test_a_retry_waits_for_its_time(notify: Notify, frozen: datetime) -> None:
    delivery_id = ready(notify)
    notify.gateway.answers = ["isp.SYSTEM_ERROR"]
    notify.send_sms(delivery_id)
    with notify.sessions.begin() as session:
        session.execute(
            text("UPDATE deliveries SET next_attempt_at = :at"),
            {"at": frozen + timedelta(seconds=3)},
        )
    notify.send_sms(delivery_id)
    assert len(notify.gateway.asked) == 1
    later(seconds=3)
    notify.sweep()
    assert notify.work() == 1
    assert notify.delivery()["state"] == "sent"
    assert {sms.out_id for sms in notify.gateway.asked} == {delivery_id}


@pytest.mark.parametrize(
    ("code", "state"),
    [("isv.SMS_TEMPLATE_ILLEGAL", "failed"), ("isv.MOBILE_NUMBER_ILLEGAL", "undeliverable")],
)
def test_refusals_are_final(notify: Notify, code: str, state: str) -> None:
    delivery_id = ready(notify)
    notify.gateway.answers = [code]
    notify.send_sms(delivery_id)
    row = notify.delivery()
    assert (row["state"], row["last_error"], row["next_attempt_at"]) == (state, code, None)


def test_address_comes_late(notify: Notify, frozen: datetime) -> None:
    notify.hear(opened())
    assert notify.work() == 1
    row = notify.delivery()
    assert (row["state"], row["attempts"], row["waits"]) == ("pending", 0, 1)
    assert row["last_error"] == "address_unknown"
    later(seconds=1)
    notify.hear(notify.registered())  # wakes it before its time
    notify.sweep()
    assert notify.work() == 1
    assert notify.delivery()["state"] == "sent"


def test_address_never_comes(notify: Notify, frozen: datetime) -> None:
    notify.hear(opened())
    for _ in range(WAITS_MAX):
        notify.sweep()
        notify.work()
        later(hours=3)
    row = notify.delivery()
    assert (row["state"], row["last_error"]) == ("undeliverable", "address_unknown")
    assert notify.gateway.asked == []


def test_resident_without_phone(notify: Notify) -> None:
    notify.hear(notify.registered(phone=None), opened())
    notify.work()
    row = notify.delivery()
    assert (row["state"], row["last_error"]) == ("undeliverable", "no_phone")


def test_crash_between_call_and_record_is_tried_again_with_the_same_id(
    notify: Notify, frozen: datetime
) -> None:
    delivery_id = ready(notify)

    def die(_sms: object) -> None:
        raise Crash

    notify.gateway.meanwhile = die
    with pytest.raises(Crash):
        notify.send_sms(delivery_id)
    assert notify.delivery()["state"] == "sending"
    notify.gateway.meanwhile = None
    later(seconds=30)
    notify.sweep()
    assert notify.work() == 0  # the lease still runs
    later(seconds=31)
    notify.sweep()
    assert notify.work() == 1
    row = notify.delivery()
    assert (row["state"], row["attempts"]) == ("sent", 2)
    assert [sms.out_id for sms in notify.gateway.asked] == [delivery_id] * 2


def test_process_that_always_dies_ends_in_failed(notify: Notify, frozen: datetime) -> None:
    delivery_id = ready(notify)

    def die(_sms: object) -> None:
        raise Crash

    notify.gateway.meanwhile = die
    for _ in range(ATTEMPTS_MAX):
        with pytest.raises(Crash):
            notify.send_sms(delivery_id)
        later(seconds=61)
    notify.send_sms(delivery_id)
    row = notify.delivery()
    assert (row["state"], row["last_error"]) == ("failed", "attempts_used_up")


def test_an_answer_after_the_lease_does_not_undo_the_next_attempt(
    notify: Notify, frozen: datetime
) -> None:
    delivery_id = ready(notify)

    def outlive_the_lease(_sms: object) -> None:
        notify.gateway.meanwhile = None
        later(seconds=61)
        notify.send_sms(delivery_id)  # another worker's attempt, which ends well

    notify.gateway.meanwhile = outlive_the_lease
    notify.gateway.answers = ["OK", "isv.SMS_TEMPLATE_ILLEGAL"]
    notify.send_sms(delivery_id)
    row = notify.delivery()
    assert (row["state"], row["attempts"]) == ("sent", 2)


def test_sweep_brings_back_lost_tasks_once(notify: Notify, frozen: datetime) -> None:
    notify.hear(notify.registered(), *[opened(request_no=f"Q{n}") for n in range(5)])
    assert len(notify.tasks()) == 5  # lost
    notify.sweep()
    assert notify.tasks() == []  # believed to be on their way
    later(seconds=46)
    notify.sweep()
    notify.sweep()
    lost = notify.tasks()
    assert len(lost) == len(set(lost)) == 5
    for delivery_id in lost:
        notify.send_sms(delivery_id)
    later(minutes=10)
    notify.sweep()
    assert notify.tasks() == []
    assert notify.rows("SELECT DISTINCT state FROM deliveries") == [{"state": "sent"}]


def test_receipt_overtakes_the_answer(notify: Notify, frozen: datetime) -> None:
    delivery_id = ready(notify)
    notify.gateway.meanwhile = lambda _sms: report(notify, delivery_id, reference="biz-early")
    notify.send_sms(delivery_id)
    row = notify.delivery()
    assert (row["state"], row["provider_ref"]) == ("delivered", "biz-early")


def test_receipts_late_doubled_contrary_and_unknown_are_harmless(notify: Notify) -> None:
    delivery_id = ready(notify)
    notify.send_sms(delivery_id)
    assert report(notify, None, reference=f"biz-{delivery_id}") == [State.DELIVERED]
    before = notify.delivery()
    assert report(notify, delivery_id) == []
    assert report(notify, delivery_id, success=False, code="UNDELIV") == []
    assert report(notify, str(uuid4())) == []
    assert report(notify, None, reference="biz-of-nobody") == []
    assert notify.delivery() == before


@pytest.mark.parametrize(
    ("code", "state"), [("UNDELIV", "failed"), ("MOBILE_NOT_ON_SERVICE", "undeliverable")]
)
def test_receipt_of_failure(notify: Notify, code: str, state: str) -> None:
    delivery_id = ready(notify)
    notify.send_sms(delivery_id)
    report(notify, delivery_id, success=False, code=code)
    row = notify.delivery()
    assert (row["state"], row["last_error"]) == (state, code)


def test_no_personal_data_outside_the_address_book_and_none_readable_inside(
    notify: Notify, caplog: pytest.LogCaptureFixture
) -> None:
    phone, name = "13911112222", "欧阳若兰"
    broken = notify.registered("R000009", sealed="a1:AAAA")
    notify.hear(notify.registered(), opened(), fulfilled(), credited(), broken)
    notify.gateway.answers = ["isp.SYSTEM_ERROR", "OK"]
    notify.work()
    tables = [
        row["table_name"]
        for row in notify.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
    ]
    assert {"notices", "deliveries", "address_book", "dead_letters", "outbox"} <= set(tables)
    for table in tables:
        dump = "\n".join(str(row) for row in notify.rows(f"SELECT t::text AS line FROM {table} t"))
        hex_of_both = (phone.encode().hex(), name.encode().hex())
        for secret in (phone, name, phone[-8:], *hex_of_both):
            assert secret not in dump, table
    assert phone not in caplog.text
    assert name not in caplog.text
