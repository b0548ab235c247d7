"""沙箱: posts to the test endpoint are checked like real ones, kept apart, and end after 30 days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import orjson
from sqlalchemy import text

from services.intake.actions.open311.admission import Admitted, Call, admit
from services.intake.actions.open311.keys import count_posts
from services.intake.actions.open311.posting import Answer, new_token, told
from services.intake.queries.open311.services import ServiceList
from services.intake.rules.open311.faults import BAD, Fault, Refused
from services.intake.rules.requests import new_public_code
from shared import clock
from shared.db.arrays import hex_literal, literal
from shared.messaging.transaction import Transaction

KEPT_FOR = timedelta(days=30)
SWEPT_AT_ONCE = 5000

_WRITE = text(
    "INSERT INTO open311_trials (public_code, key_no, client_id, body_hash, service_code, status,"
    " extended_status, description, address, grid_code, lat, lon, media_urls, token, opened_at,"
    " updated_at) SELECT r.code, r.key_no, r.client_id, r.hash, r.service, 'open', 'open',"
    " r.description, r.address, r.grid, r.lat, r.lon,"
    " ARRAY(SELECT jsonb_array_elements_text(r.media)), r.token, :now, :now"
    " FROM ROWS FROM (unnest(CAST(:codes AS text[]), CAST(:keys AS bigint[]),"
    " CAST(:client_ids AS text[]), CAST(:hashes AS bytea[]), CAST(:services AS text[]),"
    " CAST(:descriptions AS text[]), CAST(:addresses AS text[]), CAST(:grids AS text[]),"
    " CAST(:lats AS float8[]), CAST(:lons AS float8[]), CAST(:tokens AS text[])),"
    " jsonb_array_elements(CAST(:media AS jsonb)))"
    " AS r (code, key_no, client_id, hash, service, description, address, grid, lat, lon, token,"
    " media) ON CONFLICT (client_id) DO NOTHING RETURNING public_code"
)
_KNOWN = text(
    "SELECT client_id, public_code, token, body_hash FROM open311_trials"
    " WHERE client_id = ANY(CAST(:ids AS text[]))"
)
_SWEEP = text(
    "DELETE FROM open311_trials WHERE public_code IN (SELECT public_code FROM open311_trials"
    " WHERE opened_at < :before ORDER BY opened_at, public_code LIMIT :most)"
)
_CONFLICT = Fault(
    BAD,
    "id_conflict",
    "这个编号已用于另一件诉求，请换一个",
    "this id is another request's: use a new one",
)


class Sandbox:
    """Keeps what is posted to the test endpoint; nothing of it is ever dispatched or told."""

    def __init__(self, services: ServiceList) -> None:
        self._services = services

    def receive(self, tx: Transaction, calls: list[Call]) -> list[Answer | Exception]:
        """The answer of each call, or why it was not taken."""
        found = admit(tx, calls, self._services)
        taken = [one for one in found if isinstance(one, Admitted)]
        taken.sort(key=lambda one: one.client_id or "")
        answers = _keep(tx, taken) if taken else {}
        count_posts(tx, Counter(one.key_no for one in taken))
        return [answers[id(one)] if isinstance(one, Admitted) else one for one in found]


def _keep(tx: Transaction, taken: Sequence[Admitted]) -> dict[int, Answer | Exception]:
    made = [(one, new_public_code(), new_token(one)) for one in taken]
    posts = [one.posted for one in taken]
    written = set(
        tx.session.execute(
            _WRITE,
            {
                "now": clock.now(),
                "codes": literal(code for _, code, _ in made),
                "keys": literal(one.key_no for one in taken),
                "client_ids": literal(one.client_id for one in taken),
                "hashes": hex_literal(one.body_hash for one in taken),
                "services": literal(one.service.code for one in taken),
                "descriptions": literal(post.description for post in posts),
                "addresses": literal(post.address for post in posts),
                "grids": literal(one.grid_code for one in taken),
                "lats": literal(post.lat for post in posts),
                "lons": literal(post.lon for post in posts),
                "tokens": literal(token for _, _, token in made),
                "media": orjson.dumps([post.media_urls for post in posts]).decode(),
            },
        ).scalars()
    )
    repeated = [one.client_id for one, code, _ in made if code not in written]
    rows = tx.session.execute(_KNOWN, {"ids": literal(repeated)}).all() if repeated else []
    known = {row.client_id: row for row in rows}
    answers: dict[int, Answer | Exception] = {}
    for one, code, token in made:
        if code in written:
            answers[id(one)] = told(one, code, token)
            continue
        row = known[one.client_id]
        is_same = bytes(row.body_hash) == one.body_hash
        answers[id(one)] = (
            told(one, row.public_code, row.token) if is_same else Refused([_CONFLICT])
        )
    return answers


def sweep(tx: Transaction) -> int:
    """Delete what is older than 30 days, at most so many at once; how many it were."""
    asked = {"before": clock.now() - KEPT_FOR, "most": SWEPT_AT_ONCE}
    return tx.session.execute(_SWEEP, asked).rowcount  # type: ignore[attr-defined, no-any-return]
