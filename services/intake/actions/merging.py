"""并案: a person says that two requests are one matter; it can be undone, and both keep their past.

The request that stands for others has their askers and followers as its own.
"""

from __future__ import annotations

from sqlalchemy import text

from services.intake.actions.followers import follow
from services.intake.actions.steps import Step, locked, take
from services.intake.models import Request
from services.intake.queries.standing import standing_of
from services.intake.rules.dispatch import DISPATCHERS
from services.intake.rules.states import ENDED, Action, Actor, State
from shared import clock
from shared.errors import Conflict, Forbidden, Missing
from shared.messaging.transaction import Transaction

CHILDREN_MAX = 200

_CHILDREN = text("SELECT id FROM requests WHERE merged_into = :id ORDER BY id LIMIT :limit")
_HEARERS = text(
    "SELECT resident_no FROM requests WHERE id = :id AND resident_no IS NOT NULL"
    " UNION SELECT resident_no FROM followers WHERE request_id = :id"
)
_LEFT = text(
    "DELETE FROM followers WHERE request_id = :id AND because_of = :because RETURNING resident_no"
)
_MERGED_AS = text(
    "SELECT from_state FROM request_steps WHERE request_id = :id AND action = 'merge'"
    " ORDER BY step_no DESC LIMIT 1"
)
# Those that came along with a request: the last time they moved, it was with that one.
_CAME_WITH = text(
    "SELECT r.id FROM requests r JOIN LATERAL (SELECT facts FROM request_steps s"
    " WHERE s.request_id = r.id AND s.facts ? 'moved_with' ORDER BY step_no DESC LIMIT 1) s ON true"
    " WHERE r.merged_into = :into AND s.facts ->> 'moved_with' = :child_no ORDER BY r.id"
)
_DECIDE = text(
    "UPDATE likenesses SET state = :state, decided_by = :by, decided_at = :now"
    " WHERE request_id = :later AND other_id = :earlier"
)
_APART = text(
    "UPDATE likenesses SET state = 'apart', decided_by = :by, decided_at = :now WHERE id = :id"
    " AND state = 'proposed' RETURNING request_id, other_id"
)
_LIKENESS = text("SELECT request_id, other_id, state FROM likenesses WHERE id = :id FOR UPDATE")


def merge(
    tx: Transaction, child_id: int, into_id: int, *, account_no: str, note: str | None = None
) -> None:
    """Let `into` stand for `child` and for all that `child` stands for.

    Raises Forbidden for who leads neither place, and Conflict when either cannot be merged.
    """
    if child_id == into_id:
        raise _refused("不能与自己并案", "a request cannot be merged into itself")
    children = _ids(tx, child_id)
    requests = locked(tx, {child_id, into_id, *children})
    child, into = requests[child_id], requests[into_id]
    for each in (child, into):
        _check_leader(tx, each, account_no)
    if State(into.state) in ENDED:
        raise _refused(f"{into.request_no} 已结束，不能作为主件", f"{into.request_no} has ended")
    if set(children) != set(_ids(tx, child_id)):
        raise _refused("并案情况刚有变化，请重试", "what it stands for has just changed: try again")
    merged = Step(
        request_id=child_id,
        action=Action.MERGE,
        note=note,
        facts={"into": into.request_no},
        change={"merged_into": into_id},
    )
    stands_for = Step(
        request_id=into_id, action=Action.NOTE, facts={"stands_for": child.request_no}
    )
    along = [_along(each, into_id, into.request_no, child.request_no) for each in children]
    take(tx, [merged, stands_for, *along], Actor("account", account_no))
    follow(tx, into_id, _hearers(tx, child_id), because_of=child_id)
    _decide(tx, child_id, into_id, "merged", account_no)


def unmerge(tx: Transaction, child_id: int, *, account_no: str, note: str | None = None) -> None:
    """Undo a merge: the request is where it was, and what came along with it is its own again.

    Raises Conflict when it is not merged, Forbidden for who leads neither place.
    """
    into_id = locked(tx, {child_id})[child_id].merged_into
    if into_id is None:
        raise _refused("这件诉求没有并案", "this request is not merged")
    child_no = tx.session.get_one(Request, child_id).request_no
    came = [
        int(each)
        for each in tx.session.execute(
            _CAME_WITH, {"into": into_id, "child_no": child_no}
        ).scalars()
    ]
    requests = locked(tx, {child_id, into_id, *came})
    child, into = requests[child_id], requests[into_id]
    _check_leader(tx, child, account_no)
    before = tx.session.execute(_MERGED_AS, {"id": child_id}).scalar_one()
    apart = Step(
        request_id=child_id,
        action=Action.UNMERGE,
        note=note,
        facts={"from": into.request_no},
        to=State(before),
    )
    alone = Step(request_id=into_id, action=Action.NOTE, facts={"no_longer_for": child_no})
    back = [_along(each, child_id, child_no, "") for each in came]
    take(tx, [apart, alone, *back], Actor("account", account_no))
    _let_go(tx, child_id, into_id)
    _decide(tx, child_id, into_id, "apart", account_no)


def keep_apart(tx: Transaction, likeness_id: int, *, account_no: str) -> None:
    """A person says that two are not one matter; they are not proposed again."""
    pair = tx.session.execute(_LIKENESS, {"id": likeness_id}).one_or_none()
    if pair is None:
        raise Missing("no_likeness", "没有这一对", "There is no such pair")
    _check_leader(tx, tx.session.get_one(Request, pair.request_id), account_no)
    values = {"id": likeness_id, "by": account_no, "now": clock.now()}
    if tx.session.execute(_APART, values).one_or_none() is None:
        raise _refused("已有人判定", "somebody has decided it already")


def pair_of(tx: Transaction, likeness_id: int) -> tuple[int, int]:
    """The later and the earlier request of a pair; raises Missing."""
    pair = tx.session.execute(_LIKENESS, {"id": likeness_id}).one_or_none()
    if pair is None:
        raise Missing("no_likeness", "没有这一对", "There is no such pair")
    return pair.request_id, pair.other_id


def _along(request_id: int, into_id: int, into_no: str, with_no: str) -> Step:
    return Step(
        request_id=request_id,
        action=Action.NOTE,
        facts={"into": into_no, "moved_with": with_no},
        change={"merged_into": into_id},
    )


def _ids(tx: Transaction, request_id: int) -> list[int]:
    found = tx.session.execute(_CHILDREN, {"id": request_id, "limit": CHILDREN_MAX + 1})
    ids = [int(each) for each in found.scalars()]
    if len(ids) > CHILDREN_MAX:
        raise _refused(
            f"并入的诉求超过 {CHILDREN_MAX} 件，请以它为主件",
            f"it stands for more than {CHILDREN_MAX}: merge the other into it",
        )
    return ids


def _hearers(tx: Transaction, request_id: int) -> list[str]:
    return list(tx.session.execute(_HEARERS, {"id": request_id}).scalars())


def _let_go(tx: Transaction, child_id: int, into_id: int) -> None:
    """Who came by the child follows no longer, except those whom another one brings too."""
    left = tx.session.execute(_LEFT, {"id": into_id, "because": child_id}).scalars()
    gone = set(left)
    for other in _ids(tx, into_id):
        if not gone:
            return
        kept = gone & set(_hearers(tx, other))
        follow(tx, into_id, kept, because_of=other)
        gone -= kept


def _decide(tx: Transaction, one: int, other: int, state: str, by: str) -> None:
    values = {"later": max(one, other), "earlier": min(one, other), "state": state}
    tx.session.execute(_DECIDE, {**values, "by": by, "now": clock.now()})


def _check_leader(tx: Transaction, request: Request, account_no: str) -> None:
    about = {"grid_code": request.grid_code, "unit_code": request.unit_code}
    standing = standing_of(tx.session, account_no, about)
    if not DISPATCHERS & (standing.own | standing.area):
        raise Forbidden(
            "not_dispatcher",
            "须由所属片区的派单员或负责人并案",
            "only a dispatcher or head of the area may merge",
        )


def _refused(zh: str, en: str) -> Conflict:
    return Conflict("cannot_merge", zh, en, pointer="/into")
