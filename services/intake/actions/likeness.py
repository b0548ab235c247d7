"""Proposes pairs of requests that look alike. It merges nothing: a person decides."""

from __future__ import annotations

from collections import defaultdict

import orjson
from sqlalchemy import text

from services.intake.queries.dispatch import rules_in_force
from services.intake.queries.likeness import (
    matters,
    opened_before,
    pairs_near,
    waiting_prints,
)
from services.intake.rules.dispatch_form import BadDispatchRules
from services.intake.rules.likeness import SCORE_MIN, Score, compare, near_m
from shared import clock
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

AT_ONCE_MAX = 50
EACH_MAX = 5  # the most alike ones of a request; a flood of one matter is a repeat group
FORGET_MAX = 2000

_PROPOSE = text(
    "INSERT INTO likenesses (request_id, other_id, score, parts, state, proposed_at)"
    " SELECT n.*, 'proposed', :now FROM unnest(CAST(:ids AS bigint[]), CAST(:others AS bigint[]),"
    " CAST(:scores AS smallint[]), CAST(:parts AS jsonb[])) AS n"
    " ON CONFLICT (request_id, other_id) DO NOTHING RETURNING id"
)
_COMPARED = text(
    "UPDATE request_prints SET is_compared = true WHERE request_id = ANY(CAST(:ids AS bigint[]))"
)
_FORGET = text(
    "DELETE FROM request_prints WHERE request_id IN (SELECT request_id FROM request_prints"
    f" WHERE opened_at < :before AND is_compared ORDER BY opened_at LIMIT {FORGET_MAX})"
)


def propose(tx: Transaction) -> int:
    """Compare what came since the last time with what is near; how many pairs are new."""
    waiting = waiting_prints(tx.session, AT_ONCE_MAX)
    if not waiting:
        return 0
    radii = _radii(tx)
    near = pairs_near(tx.session, waiting, radii)
    known = matters(tx.session, {each for pair in near for each in (pair.one, pair.other)})
    alike: defaultdict[int, list[tuple[Score, int]]] = defaultdict(list)
    for pair in near:
        one, other = known.get(pair.one), known.get(pair.other)
        if one is None or other is None:
            continue
        score = compare(one, other, near_m(radii, pair.category))
        if score is not None and score.total >= SCORE_MIN:
            alike[pair.one].append((score, pair.other))
    tx.session.execute(_COMPARED, {"ids": literal(waiting)})
    best = [
        (max(one, other), min(one, other), score)
        for one, found in sorted(alike.items())
        for score, other in sorted(found, key=lambda each: (-each[0].total, each[1]))[:EACH_MAX]
    ]
    return _write(tx, best) if best else 0


def forget(tx: Transaction) -> None:
    """Drop what is too old to be compared with anything."""
    tx.session.execute(_FORGET, {"before": opened_before(clock.now())})


def _write(tx: Transaction, best: list[tuple[int, int, Score]]) -> int:
    pairs = {(later, earlier): score for later, earlier, score in best}
    values = {
        "ids": literal(later for later, _ in pairs),
        "others": literal(earlier for _, earlier in pairs),
        "scores": literal(score.total for score in pairs.values()),
        "parts": literal(orjson.dumps(score.parts()).decode() for score in pairs.values()),
        "now": clock.now(),
    }
    return len(tx.session.execute(_PROPOSE, values).all())


def _radii(tx: Transaction) -> dict[str, int]:
    try:
        rules = rules_in_force(tx.session)
    except BadDispatchRules:  # dispatch logs it
        rules = None
    return {} if rules is None else dict(rules.near_m)
