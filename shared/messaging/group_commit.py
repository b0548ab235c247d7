"""Lets requests that wait at the same time share one transaction: take what is there, no lingering.

A lone request is its own batch and waits for nobody. Under load the cost of a commit and of each
statement is divided by the number of requests that came meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from shared.db.session import Sessions
from shared.messaging.transaction import Transaction, transaction

Q = TypeVar("Q")
A = TypeVar("A")


class _Ticket(Generic[Q, A]):
    """One request that waits, and its answer or the error that is its answer."""

    def __init__(self, question: Q) -> None:
        self.question = question
        self.answer: A | None = None
        self.problem: Exception | None = None
        self.is_done = False


class GroupCommit(Generic[Q, A]):
    """`work` answers several questions in one transaction; an exception in its list is one
    question's answer. If it raises, each question is worked again in a transaction of its own,
    so that one bad question cannot spoil the others.
    """

    def __init__(
        self,
        sessions: Sessions,
        work: Callable[[Transaction, list[Q]], list[A | Exception]],
        *,
        together_max: int,
    ) -> None:
        self._sessions = sessions
        self._work = work
        self._together_max = together_max
        self._waiting: list[_Ticket[Q, A]] = []
        self._door = threading.Lock()  # guards the list
        self._turn = threading.Lock()  # held by the thread that works for all

    def submit(self, question: Q) -> A:
        """The answer, after it is committed; raises the error that is the answer."""
        ticket: _Ticket[Q, A] = _Ticket(question)
        with self._door:
            self._waiting.append(ticket)
        with self._turn:
            # Whoever had the turn before may have worked this one already. If not, it is first or
            # behind others that wait just as long, and so is in one of the next batches.
            while not ticket.is_done:
                self._work_batch(self._take())
        if ticket.problem is not None:
            raise ticket.problem
        return ticket.answer  # type: ignore[return-value]  # set when there is no problem

    def _take(self) -> list[_Ticket[Q, A]]:
        with self._door:
            batch = self._waiting[: self._together_max]
            del self._waiting[: self._together_max]
        return batch

    def _work_batch(self, batch: list[_Ticket[Q, A]]) -> None:
        try:
            self._commit(batch)
        except Exception as problem:  # noqa: BLE001 - it is handed to whoever asked
            if len(batch) == 1:
                batch[0].problem = problem
                batch[0].is_done = True
                return
            for ticket in batch:
                self._work_batch([ticket])

    def _commit(self, batch: list[_Ticket[Q, A]]) -> None:
        with transaction(self._sessions) as tx:
            answers = self._work(tx, [ticket.question for ticket in batch])
        for ticket, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                ticket.problem = answer
            else:
                ticket.answer = answer
            ticket.is_done = True
