"""Posts become requests: those that wait together, in one transaction and a few statements."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text

from services.intake.actions import photos
from services.intake.actions.open311.admission import Admitted, Call, admit
from services.intake.actions.open311.keys import count_posts
from services.intake.actions.opening import Opened, Opening, Seals, keep_contacts, write
from services.intake.queries.open311.services import ServiceList
from services.intake.rules.open311.attributes import kept
from services.intake.rules.open311.faults import Refused
from services.intake.rules.open311.posted import title_of
from services.intake.rules.requests import NewRequest, check
from services.intake.rules.states import Actor
from shared import clock
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

VISITOR = Actor("visitor", "")
DOOR = "open311"
_TOKEN_BYTES = 18

_REPORTS = text(
    "INSERT INTO open311_reports (request_id, key_no, service_code, media_urls, answers, token)"
    " SELECT r.id, r.key_no, r.code, ARRAY(SELECT jsonb_array_elements_text(e.one -> 'media')),"
    " e.one -> 'answers', r.token FROM ROWS FROM (unnest(CAST(:ids AS bigint[]),"
    " CAST(:keys AS bigint[]), CAST(:codes AS text[]), CAST(:tokens AS text[])),"
    " jsonb_array_elements(CAST(:extras AS jsonb))) AS r (id, key_no, code, token, one),"
    " LATERAL (SELECT r.one) AS e (one)"
)
_TOKENS = text(
    "SELECT request_id, token FROM open311_reports WHERE request_id = ANY(CAST(:ids AS bigint[]))"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client is told; the same again for each later try of the same post."""

    public_code: str | None
    token: str | None
    notice: str
    account_id: str | None


class Reception:
    """Opens the requests of the posts that wait at the same time."""

    def __init__(self, seals: Seals, services: ServiceList) -> None:
        self._seals = seals
        self._services = services

    def receive(self, tx: Transaction, calls: list[Call]) -> list[Answer | Exception]:
        """The answer of each call, or why it was not taken."""
        found = admit(tx, calls, self._services)
        taken = [one for one in found if isinstance(one, Admitted)]
        # In one order in all processes, so that two batches wait for each other and not in a ring.
        taken.sort(key=lambda one: one.client_id or "")
        answers = self._open(tx, taken) if taken else {}
        count_posts(tx, Counter(one.key_no for one in taken))
        return [answers[id(one)] if isinstance(one, Admitted) else one for one in found]

    def _open(self, tx: Transaction, taken: Sequence[Admitted]) -> dict[int, Answer]:
        now = clock.now()
        openings = [_opening(one) for one in taken]
        opened = write(tx, openings, now)
        keep_contacts(tx, openings, opened, self._seals)
        tokens = _keep_reports(tx, taken, opened)
        for one, request in zip(taken, opened, strict=True):
            for photo in one.call.photos if request.is_new else ():
                photos.keep(tx, request.id, "before", photo, by=VISITOR)
        return {
            id(one): told(one, request.public_code, tokens.get(request.id))
            for one, request in zip(taken, opened, strict=True)
        }


def told(one: Admitted, public_code: str, token: str | None) -> Answer:
    """A number, a token for it, or neither, as the service's kind has it."""
    kind = one.service.kind
    return Answer(
        public_code if kind == "realtime" else None,
        token if kind == "batch" else None,
        one.service.notice,
        one.posted.account_id,
    )


def new_token(one: Admitted) -> str | None:
    """A token that nobody guesses, where the service answers with one."""
    return secrets.token_urlsafe(_TOKEN_BYTES) if one.service.kind == "batch" else None


def _opening(one: Admitted) -> Opening:
    posted, service = one.posted, one.service
    new = NewRequest(
        door=DOOR,
        client_id=one.client_id,
        title=title_of(posted, service.name),
        description=posted.description,
        category=service.code,
        nature=service.nature,
        urgency=service.urgency,
        grid_code=one.grid_code,
        building_no=one.place.building_no,
        address=posted.address,
        lat=posted.lat,
        lon=posted.lon,
        contact=dict(posted.contact) or None,
        opened_at=clock.now(),
        is_public=service.is_public,
        facts={"key_no": one.key_no, "placed_by": one.place.how},
    )
    check(new)
    return Opening(new=new, actor=VISITOR, body_hash=one.body_hash)


def _keep_reports(
    tx: Transaction, taken: Sequence[Admitted], opened: Sequence[Opened]
) -> dict[int, str | None]:
    """What came besides, for the new ones; the tokens of all."""
    new = [
        (one, request, new_token(one))
        for one, request in zip(taken, opened, strict=True)
        if request.is_new
    ]
    tokens: dict[int, str | None] = {request.id: token for _, request, token in new}
    if new:
        extras: list[dict[str, Any]] = [
            {
                "media": one.posted.media_urls,
                "answers": kept(one.service.attributes, one.posted.answers),
            }
            for one, _, _ in new
        ]
        tx.session.execute(
            _REPORTS,
            {
                "ids": literal(request.id for _, request, _ in new),
                "keys": literal(one.key_no for one, _, _ in new),
                "codes": literal(one.service.code for one, _, _ in new),
                "tokens": literal(token for _, _, token in new),
                "extras": orjson.dumps(extras).decode(),
            },
        )
    if missing := [request.id for request in opened if request.id not in tokens]:
        rows = tx.session.execute(_TOKENS, {"ids": literal(missing)})
        tokens |= {row.request_id: row.token for row in rows}
    return tokens


__all__ = ["DOOR", "VISITOR", "Answer", "Reception", "Refused", "new_token", "told"]
