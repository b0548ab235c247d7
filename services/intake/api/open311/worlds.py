"""The two endpoints: the district's real list, and the sandbox that dispatches nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from services.intake.actions.open311.admission import Call
from services.intake.actions.open311.posting import Answer, Reception
from services.intake.actions.open311.trials import Sandbox
from services.intake.actions.open311.updates import SentUpdate, take_trial_update, take_update
from services.intake.actions.opening import Seals
from services.intake.api.open311 import shapes
from services.intake.api.open311.failing import PREFIX
from services.intake.queries.open311 import shown, trials
from services.intake.queries.open311.services import Offered, ServiceList
from services.intake.queries.open311.shown import Reader
from services.intake.rules.open311.asking import Asked
from services.intake.rules.open311.updates import read_update
from shared.messaging.transaction import Transaction

Receive = Callable[[Transaction, list[Call]], list[Answer | Exception]]
Grids = list[str] | None
Trees = list[dict[str, Any]]


@dataclass(frozen=True)
class World:
    """The real list; `prefix` is where its routes are."""

    name: str = "production"
    prefix: str = f"{PREFIX}/v2"

    def make_reception(self, seals: Seals, services: ServiceList) -> Receive:
        """What takes posts."""
        return Reception(seals, services).receive

    def request_behind(self, session: Session, token: str) -> str | None:
        """The public code of a token."""
        return shown.request_behind(session, token)

    def requests(
        self, session: Session, asked: Asked, offered: Offered, key_no: int | None, grids: Grids
    ) -> Trees:
        """A page of the list."""
        rows = shown.shown_requests(session, asked, Reader(offered, key_no), grids)
        extensions = asked.with_extensions
        return [shapes.request_tree(row, offered, with_extensions=extensions) for row in rows]

    def request(
        self, session: Session, code: str, offered: Offered, key_no: int | None, extensions: bool
    ) -> dict[str, Any] | None:
        """One of them."""
        row = shown.shown_request(session, code, Reader(offered, key_no))
        return row and shapes.request_tree(row, offered, with_extensions=extensions)

    def updates(
        self,
        session: Session,
        offered: Offered,
        key_no: int | None,
        window: tuple[datetime, datetime],
        grids: Grids,
    ) -> Trees:
        """Public steps in a window."""
        rows = shown.public_updates(session, Reader(offered, key_no), *window, grids)
        return [shapes.update_tree(row, offered) for row in rows]

    def read_update(self, form: Mapping[str, str]) -> SentUpdate:
        """What a client sent; raises Refused."""
        return SentUpdate(**read_update(form))

    def take_update(self, tx: Transaction, sent: SentUpdate, offered: Offered, key_no: int) -> None:
        """Keep it, once."""
        take_update(tx, sent, offered, key_no)


@dataclass(frozen=True)
class Sandboxed(World):
    """The same with the sandbox's rows."""

    name: str = "test"
    prefix: str = f"{PREFIX}/test/v2"

    def make_reception(self, seals: Seals, services: ServiceList) -> Receive:
        """What takes posts; contact data are never kept."""
        return Sandbox(services).receive

    def request_behind(self, session: Session, token: str) -> str | None:
        """The public code of a token."""
        return trials.trial_behind(session, token)

    def requests(
        self, session: Session, asked: Asked, offered: Offered, key_no: int | None, grids: Grids
    ) -> Trees:
        """A page of the list."""
        rows = trials.shown_trials(session, asked, offered, key_no, grids)
        extensions = asked.with_extensions
        return [shapes.trial_tree(row, offered, with_extensions=extensions) for row in rows]

    def request(
        self, session: Session, code: str, offered: Offered, key_no: int | None, extensions: bool
    ) -> dict[str, Any] | None:
        """One of them."""
        row = trials.shown_trial(session, code, offered, key_no)
        return row and shapes.trial_tree(row, offered, with_extensions=extensions)

    def updates(
        self,
        session: Session,
        offered: Offered,
        key_no: int | None,
        window: tuple[datetime, datetime],
        grids: Grids,
    ) -> Trees:
        """Nobody works on a trial, so nothing is said of it."""
        return []

    def take_update(self, tx: Transaction, sent: SentUpdate, offered: Offered, key_no: int) -> None:
        """Keep it, once."""
        take_trial_update(tx, sent, offered, key_no)


REAL: Final = World()
SANDBOX: Final = Sandboxed()
