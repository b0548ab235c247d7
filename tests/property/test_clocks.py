"""Laws of the clock engine, whatever the start, the limit and the freezes."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.intake.rules.catalogue import AMOUNT_MAX, Limit, Unit
from services.intake.rules.clocks import counted_s, due_of, runs_out, total_of
from shared.clock import DISTRICT_TIMEZONE
from tests.unit.intake.test_clocks import WORK, at

IN_OFFICE = (Unit.WORK_HOURS, Unit.WORK_DAYS)

# A few months past the calendar's end, too.
instants = st.datetimes(datetime(2025, 1, 1), datetime(2027, 3, 31)).map(
    lambda one: one.replace(microsecond=0, tzinfo=DISTRICT_TIMEZONE)
)
limits = st.sampled_from(list(Unit)).flatmap(
    lambda unit: st.integers(1, min(AMOUNT_MAX[unit], 60)).map(lambda n: Limit(n, unit))
)
lengths = st.timedeltas(timedelta(seconds=1), timedelta(days=20)).map(
    lambda one: timedelta(seconds=int(one.total_seconds()))
)


@given(instants, lengths, limits)
@example(at("2026-02-14 16:59"), timedelta(minutes=1), Limit(1, Unit.WORK_DAYS))
def test_who_begins_later_is_not_due_earlier(
    start: datetime, length: timedelta, limit: Limit
) -> None:
    assert due_of(WORK, start, limit).at <= due_of(WORK, start + length, limit).at


@given(instants, limits)
def test_a_longer_limit_is_not_due_earlier(start: datetime, limit: Limit) -> None:
    longer = Limit(limit.amount + 1, limit.unit)
    assert due_of(WORK, start, limit).at < due_of(WORK, start, longer).at


@given(instants, limits)
def test_what_is_counted_in_office_is_due_in_office(start: datetime, limit: Limit) -> None:
    due = due_of(WORK, start, limit).at
    assert due > start
    if limit.unit in IN_OFFICE:
        assert any(opens < due <= closes for opens, closes in WORK.spans(due.date()))


@given(instants, limits)
def test_exactly_the_limit_is_counted_until_it_is_due(start: datetime, limit: Limit) -> None:
    due = due_of(WORK, start, limit)
    assert counted_s(WORK, limit.unit, start, due.at) == due.total_s


@given(instants, limits, lengths, lengths)
def test_a_freeze_never_makes_it_earlier(
    start: datetime, limit: Limit, wait: timedelta, length: timedelta
) -> None:
    plain = due_of(WORK, start, limit).at
    short = due_of(WORK, start, limit, [(start + wait, start + wait + length)]).at
    long = due_of(WORK, start, limit, [(start + wait, start + wait + 2 * length)]).at
    assert plain <= short <= long
    if limit.unit not in IN_OFFICE and start + wait < plain:
        assert short == plain + length


@given(instants, limits, lengths, lengths)
def test_frozen_and_thawed_is_the_remaining_time_from_the_thaw(
    start: datetime, limit: Limit, wait: timedelta, length: timedelta
) -> None:
    frozen, thawed = start + wait, start + wait + length
    left_s = total_of(WORK, start, limit) - counted_s(WORK, limit.unit, start, frozen)
    assume(left_s > 0)
    whole = due_of(WORK, start, limit, [(frozen, thawed)]).at
    assert whole == runs_out(WORK, limit.unit, thawed, left_s)


@given(instants, instants, instants, st.sampled_from(list(Unit)))
def test_counted_time_adds_up(one: datetime, two: datetime, three: datetime, unit: Unit) -> None:
    first, middle, last = sorted([one, two, three])
    assert counted_s(WORK, unit, first, last) == (
        counted_s(WORK, unit, first, middle) + counted_s(WORK, unit, middle, last)
    )
