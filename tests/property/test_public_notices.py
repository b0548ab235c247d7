"""公示 under random histories on real PostgreSQL, against a model of a few lines.

Whatever is awarded, published, objected to, decided and posted, in whatever order and at whatever
time: pending points are the undecided lines, nothing is posted before its notice has ended, and
what residents hold is what was posted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared import clock
from shared.errors import LinliError
from tests.integration.points.database import Ledger, attended, opened, publish_rules
from tests.integration.points.showing import (
    PUBLISHED_AT,
    SHOWN_RULES,
    decide,
    dispute,
    post,
    publish,
    time_at,
    unbalanced,
)

DAYS = 7
PEOPLE = ("manager-1", "manager-2", "clerk-1", "resident-1", "resident-2")

# Not shrunk: each step is a few transactions.
examples = settings(
    deadline=None,
    max_examples=25,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
awards = st.tuples(st.just("award"), st.integers(1, 3), st.sampled_from([9, 10]))
publishing = st.tuples(st.just("publish"), st.sampled_from(PEOPLE[:2]))
objections = st.tuples(st.just("object"), st.integers(0, 9), st.sampled_from(PEOPLE))
decisions = st.tuples(
    st.just("decide"),
    st.integers(0, 9),
    st.sampled_from(PEOPLE[:2]),
    st.sampled_from(["dismissed", "upheld"]),
)
passing = st.tuples(st.just("pass"), st.sampled_from([1, 24, 100, 168]))
postings = st.tuples(st.just("post"))
histories = st.lists(
    st.one_of(awards, awards, publishing, objections, objections, decisions, passing, postings),
    min_size=5,
    max_size=40,
)


@dataclass
class Line:
    """What the model knows of an award."""

    resident: str
    points: int
    month: int
    state: str = "waiting"
    notice: str = ""
    number: int = 0
    ends_at: datetime | None = None
    made_by: str = ""
    raised: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)


class Model:
    """The law once more, as plainly as it can be said."""

    def __init__(self) -> None:
        self.lines: dict[UUID, Line] = {}

    def shown(self) -> list[Line]:
        """In one order, so that a step means the same line each time."""
        found = (line for line in self.lines.values() if line.notice)
        return sorted(found, key=lambda line: (line.notice, line.number))

    def may_object(self, line: Line, who: str, now: datetime) -> bool:
        assert line.ends_at is not None
        free = who not in line.open if who == "clerk-1" else who not in line.raised
        return line.state in {"shown", "disputed"} and now < line.ends_at and free

    def may_decide(self, line: Line, who: str) -> bool:
        return line.state == "disputed" and who != line.made_by and who not in line.open

    def post(self, now: datetime) -> None:
        for line in self.lines.values():
            if line.state == "shown" and line.ends_at is not None and line.ends_at <= now:
                line.state = "posted"


@pytest.fixture(scope="module")
def ledger(databases: dict[str, str]) -> Iterator[Ledger]:
    with opened(databases) as ledger:
        yield ledger


@examples
@given(histories)
def test_whatever_happens(ledger: Ledger, history: list[tuple[Any, ...]]) -> None:
    ledger.clear()
    model = Model()
    with time_at(PUBLISHED_AT):
        publish_rules(ledger, SHOWN_RULES)
        for step in history:
            _do(ledger, model, step)
            _check(ledger, model)
        clock.advance(timedelta(days=400))
        while post(ledger):
            pass
        model.post(clock.now())
        _check(ledger, model)
        assert set(ledger.reconcile().values()) == {0}


def _do(ledger: Ledger, model: Model, step: tuple[Any, ...]) -> None:
    match step:
        case ("award", who, month):
            event = attended(f"R00000{who}", 60, day=1 + len(model.lines) % 28, month=month)
            ledger.hear(event)
            award_id = UUID(str(event.data["contribution_id"]))
            model.lines[award_id] = Line(event.data["resident_no"], 6, month)
        case ("publish", who):
            _publish(ledger, model, who)
        case ("object", at, who) if lines := model.shown():
            _object(ledger, model, lines[at % len(lines)], who)
        case ("decide", at, who, outcome) if lines := model.shown():
            _decide(ledger, model, lines[at % len(lines)], who, outcome)
        case ("pass", hours):
            clock.advance(timedelta(hours=hours))
        case ("post",):
            while post(ledger, most=2):
                pass
            model.post(clock.now())


def _refusal(step: Callable[[], None]) -> LinliError | None:
    try:
        step()
    except LinliError as refusal:
        return refusal
    return None


def _publish(ledger: Ledger, model: Model, who: str) -> None:
    notices: list[str] = []
    if _refusal(lambda: notices.append(publish(ledger, by=who))) is not None:
        october = (line for line in model.lines.values() if line.month == 10)
        assert not any(line.state == "waiting" for line in october)
        return
    [notice_no] = notices
    for award_id, number in ledger.rows(
        "SELECT award_id, line_no FROM public_notice_lines JOIN public_notices USING (notice_id)"
        " WHERE notice_no = :no",
        no=notice_no,
    ):
        line = model.lines[award_id]
        assert line.state == "waiting"
        line.state, line.notice, line.number = "shown", notice_no, number
        line.ends_at, line.made_by = clock.now() + timedelta(days=DAYS), who


def _object(ledger: Ledger, model: Model, line: Line, who: str) -> None:
    allowed = model.may_object(line, who, clock.now())
    role = "staff" if who == "clerk-1" else "resident"
    refusal = _refusal(lambda: dispute(ledger, line.notice, line.number, by=who, role=role))
    assert (refusal is None) == allowed
    if not allowed:
        return
    line.state = "disputed"
    line.raised.add(who)
    line.open.add(who)


def _decide(ledger: Ledger, model: Model, line: Line, who: str, outcome: str) -> None:
    allowed = model.may_decide(line, who)
    refusal = _refusal(lambda: decide(ledger, line.notice, line.number, outcome, by=who))
    assert (refusal is None) == allowed
    if not allowed:
        return
    line.open.clear()
    line.state = "shown" if outcome == "dismissed" else "reversed"


def _check(ledger: Ledger, model: Model) -> None:
    found = dict(ledger.rows("SELECT award_id, state FROM public_notice_lines"))
    assert found == {award_id: line.state for award_id, line in model.lines.items()}
    assert unbalanced(ledger) == []
    held: dict[str, int] = {}
    for line in model.lines.values():
        if line.state == "posted":
            held[line.resident] = held.get(line.resident, 0) + line.points
    assert held == dict(
        ledger.rows(
            "SELECT owner, balance FROM accounts WHERE owner_kind = 'resident'"
            " AND asset = 'points' AND balance > 0"
        )
    )
    early = ledger.rows(
        "SELECT l.award_id FROM public_notice_lines l JOIN public_notices n USING (notice_id)"
        " JOIN transfers t ON t.document_id = l.award_id AND t.kind = 'posting'"
        " WHERE t.posted_at < n.ends_at OR n.ends_at < n.published_at + interval '7 days'"
    )
    assert early == []
