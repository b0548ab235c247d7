"""Two accounts laid side by side, page by page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.points.rules.statement import Entry, Line, lines

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)


def book(awards: list[tuple[bool, bool]], batch: int = 1) -> tuple[list[Entry], list[Entry]]:
    """Entries of points and of minutes, newest first; each award says which of them it has."""
    accounts: tuple[list[Entry], list[Entry]] = ([], [])
    for number, has in enumerate(awards):
        for account, is_in in zip(accounts, has, strict=True):
            if is_in:
                account.append(
                    Entry(
                        seq=len(account) + 1,
                        amount=5,
                        balance=5 * (len(account) + 1),
                        posted_at=BEGIN + timedelta(seconds=number // batch),
                        document_id=UUID(int=number),
                        kind="activity",
                        on_date=date(2026, 10, 1),
                        programme=None,
                        rule_version=None,
                        explanation={},
                    )
                )
    return accounts[0][::-1], accounts[1][::-1]


def paged(points: list[Entry], minutes: list[Entry], most: int) -> list[Line]:
    """All lines, read a page at a time as the passbook does."""
    found: list[Line] = []
    while page := lines(points[: most + 1], minutes[: most + 1], most):
        found += page
        points = points[sum(line.points is not None for line in page) :]
        minutes = minutes[sum(line.minutes is not None for line in page) :]
    return found


# Points without minutes need rules that no district has yet; they are laid beside the others too.
awards = st.lists(
    st.sampled_from([(True, True), (False, True), (True, True), (True, False)]), max_size=60
)


@given(awards, st.integers(1, 12))
def test_every_award_is_one_line_in_its_order(has: list[tuple[bool, bool]], most: int) -> None:
    points, minutes = book(has)
    laid = paged(points, minutes, most)
    assert [line.entry.document_id.int for line in laid] == list(range(len(has)))[::-1]
    for line in laid:
        both = (line.points is not None, line.minutes is not None)
        assert both == has[line.entry.document_id.int]


@given(
    st.lists(st.sampled_from([(True, True), (False, True)]), max_size=60),
    st.integers(1, 12),
    st.integers(1, 60),
)
def test_awards_of_one_batch_keep_their_order(
    has: list[tuple[bool, bool]], most: int, batch: int
) -> None:
    laid = paged(*book(has, batch), most)
    assert [line.entry.document_id.int for line in laid] == list(range(len(has)))[::-1]


@given(awards, st.integers(1, 12))
def test_a_line_tells_the_points_held_after_it(has: list[tuple[bool, bool]], most: int) -> None:
    points, minutes = book(has)
    for line in paged(points, minutes, most):
        earned = sum(with_points for with_points, _ in has[: line.entry.document_id.int + 1])
        assert line.points_balance == 5 * earned


def test_an_empty_book_has_no_line() -> None:
    assert lines([], [], 20) == []
