"""Requests that wait together share a transaction, and one bad one spoils no other."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest
from sqlalchemy import text

from shared.db.session import Sessions, make_engine, make_sessions
from shared.errors import Rejected
from shared.messaging.group_commit import GroupCommit
from shared.messaging.transaction import Transaction, transaction


@pytest.fixture(scope="module")
def sessions(databases: dict[str, str]) -> Iterable[Sessions]:
    engine = make_engine(databases["POINTS_DATABASE_URL"])
    yield make_sessions(engine)
    engine.dispose()


class Book:
    """Writes a row for each number; answers with it; some numbers are bad."""

    def __init__(self, sessions: Sessions) -> None:
        self.batches: list[int] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.together: GroupCommit[int, int] = GroupCommit(sessions, self._work, together_max=8)

    def _work(self, tx: Transaction, numbers: list[int]) -> list[int | Exception]:
        self.batches.append(len(numbers))
        self.go_on.wait(60)
        for number in numbers:
            tx.session.execute(
                text(
                    "INSERT INTO cap_usage (account_id, span, starts_on, used)"
                    " VALUES (:n, 'day', '2026-10-01', 1)"
                ),
                {"n": number},
            )
        if 13 in numbers:
            raise RuntimeError("poison")
        return [n if n != 7 else Rejected("seven", "七", "seven") for n in numbers]


@pytest.fixture
def book(sessions: Sessions) -> Book:
    with transaction(sessions) as tx:
        tx.session.execute(text("DELETE FROM cap_usage"))
    return Book(sessions)


def ask_all(book: Book, numbers: Iterable[int]) -> dict[int, object]:
    answers: dict[int, object] = {}

    def ask(number: int) -> None:
        try:
            answers[number] = book.together.submit(number)
        except Exception as problem:  # noqa: BLE001 - it is what is asserted
            answers[number] = type(problem).__name__

    threads = [threading.Thread(target=ask, args=(n,)) for n in numbers]
    for thread in threads:
        thread.start()
    book.go_on.set()
    for thread in threads:
        thread.join(60)
    return answers


def written(sessions: Sessions) -> set[int]:
    with sessions() as session:
        return set(session.execute(text("SELECT account_id FROM cap_usage")).scalars())


def test_all_who_wait_share_few_transactions(book: Book, sessions: Sessions) -> None:
    book.go_on.clear()
    answers = ask_all(book, range(100, 120))
    assert answers == {n: n for n in range(100, 120)}
    assert written(sessions) == set(range(100, 120))
    assert len(book.batches) <= 5
    assert max(book.batches) <= 8


def test_an_error_that_is_an_answer_is_its_own_only(book: Book, sessions: Sessions) -> None:
    book.go_on.clear()
    assert ask_all(book, range(5, 10)) == {5: 5, 6: 6, 7: "Rejected", 8: 8, 9: 9}


def test_poison_spoils_no_other_and_leaves_nothing_half_written(
    book: Book, sessions: Sessions
) -> None:
    book.go_on.clear()
    answers = ask_all(book, range(11, 16))
    assert answers == {11: 11, 12: 12, 13: "RuntimeError", 14: 14, 15: 15}
    assert written(sessions) == {11, 12, 14, 15}
