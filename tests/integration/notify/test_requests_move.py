"""Residents are told what becomes of a request: who asked by SMS too, with the verdict's link."""

from __future__ import annotations

from typing import Any

from services.notify.pages import _linked
from shared.ids import uuid7_text
from shared.schemas import make
from shared.schemas.envelope import Event
from shared.schemas.intake import HAPPENINGS, REQUEST_MOVED
from tests.integration.notify.conftest import Notify

LINK = "/v/q2Vb0Yk3nR7tW1xZ5cD8eF4g"


def moved(happened: str, resident_no: str = "R000001", **data: Any) -> Event:
    return make(
        REQUEST_MOVED,
        {
            "request_no": "Q1",
            "resident_no": resident_no,
            "happened": happened,
            "state": "rating",
            "reason": "resolved",
            "due_at": "2026-10-28T04:33:00+00:00",
            "answer_path": None,
            "moved_at": "2026-10-21T04:33:00+00:00",
            **data,
        },
        source="/linli/intake",
        correlationid=uuid7_text(),
    )


def test_each_thing_that_happens_is_a_notice_of_its_own(notify: Notify) -> None:
    notify.hear(notify.registered(), *[moved(each) for each in HAPPENINGS])
    kinds = [row["kind"] for row in notify.rows("SELECT kind FROM notices ORDER BY kind")]
    assert kinds == sorted(f"request_{each}" for each in HAPPENINGS)
    assert notify.rows("SELECT * FROM dead_letters") == []
    told = notify.rows(
        "SELECT n.kind FROM deliveries d JOIN notices n ON n.id = d.notice_id ORDER BY n.kind"
    )
    assert [row["kind"] for row in told] == [
        "request_asked", "request_declined", "request_resolved",
    ]  # fmt: skip


def test_the_same_event_twice_is_one_notice(notify: Notify) -> None:
    event = moved("resolved", answer_path=LINK)
    notify.hear(event)
    notify.hear(event, event)
    assert notify.one("SELECT count(*) FROM notices") == 1


def test_who_asked_gets_the_link_and_who_follows_does_not(notify: Notify) -> None:
    notify.hear(moved("resolved", answer_path=LINK), moved("resolved", "R000002", answer_path=None))
    rows = notify.rows("SELECT resident_no, params FROM notices ORDER BY resident_no")
    assert [row["params"]["answer_path"] for row in rows] == [LINK, None]


def test_the_link_in_a_notice_can_be_pressed_and_nothing_else_is_markup() -> None:
    shown = _linked(f"<b>若兰</b>，请点 {LINK} 评单")
    assert f'<a href="{LINK}">{LINK}</a>' in shown
    assert "&lt;b&gt;" in shown
