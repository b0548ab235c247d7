"""Who hears of a request's steps: the resident who asked, and those who follow it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from services.intake.actions import asking
from services.intake.rules.states import Action
from shared.db.arrays import literal
from shared.ids import uuid7_text
from shared.messaging.transaction import Transaction
from shared.schemas import intake as words
from shared.schemas import make
from shared.schemas.envelope import Event

if TYPE_CHECKING:
    from services.intake.actions.steps import Moved

# What people are told of, and what it is called there. Where a request is inside of the office
# (dispatched, accepted, checked) they read on its page; nobody is sent a message for it.
HAPPENED: Final[Mapping[Action, str]] = {
    Action.DECLINE: "declined",
    Action.ASK: "asked",
    Action.APPROVE: "resolved",
    Action.CLOSE: "closed",
    Action.REOPEN: "reopened",
    Action.EXTEND: "extended",
    Action.MERGE: "merged",
    Action.REFER: "referred",
    Action.SHELVE: "shelved",
}

_FOLLOWERS = text(
    "SELECT request_id, resident_no FROM followers"
    " WHERE request_id = ANY(CAST(:ids AS bigint[])) ORDER BY request_id, resident_no"
)


def tell(tx: Transaction, moved: Sequence[Moved]) -> None:
    """Say the steps that people are told of, one event for each who hears.

    Who asked also gets the link to the verdict; who only follows does not.
    """
    paths = asking.follow(tx, moved)
    said = [one for one in moved if _is_told(one)]
    if not said:
        return
    followers = _followers(tx, {one.request.id for one in said})
    tx.emit(event for one in said for event in _events(one, followers, paths))


def _is_told(one: Moved) -> bool:
    if one.step.action is Action.EXTEND:
        # Asking for more time moves nothing yet; a due time that moved does.
        return one.step.facts.get("due_at") is not None or "due_at" in one.step.change
    if one.step.action is Action.CLOSE:
        # Who has just given the verdict need not be told that it was taken.
        return one.step.facts.get("why") != "verdict"
    return one.step.action in HAPPENED


def _followers(tx: Transaction, ids: set[int]) -> Mapping[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for row in tx.session.execute(_FOLLOWERS, {"ids": literal(ids)}):
        found[row.request_id].append(row.resident_no)
    return found


def _events(
    one: Moved, followers: Mapping[int, list[str]], paths: Mapping[int, str]
) -> Iterator[Event]:
    request = one.request
    thread = uuid7_text()
    others = [each for each in followers.get(request.id, ()) if each != request.resident_no]
    for resident_no in filter(None, [request.resident_no, *others]):
        is_asker = resident_no == request.resident_no
        data: dict[str, Any] = {
            "request_no": request.request_no,
            "resident_no": resident_no,
            "happened": HAPPENED[one.step.action],
            "state": one.to_state,
            "reason": _reason(one),
            "due_at": request.due_at,
            "answer_path": paths.get(request.id)
            if is_asker and one.step.action is Action.APPROVE
            else None,
            "moved_at": one.at,
        }
        yield make(words.REQUEST_MOVED, data, source="/linli/intake", correlationid=thread)


def _reason(one: Moved) -> str | None:
    """The code of why; of a resolved request, the handler's outcome."""
    if one.step.action is Action.APPROVE:
        return one.request.outcome
    reason = one.step.facts.get("reason") or one.step.facts.get("why")
    return reason if isinstance(reason, str) else None
