"""Keeps what was rejected, encrypted, and judges it again when an operator asks."""

from __future__ import annotations

import base64
from typing import Any

import orjson
from sqlalchemy import text

from services.intake.rules.items import Item, open_body
from services.intake.rules.judging import Judged
from shared import clock
from shared.crypto import FieldCipher
from shared.db.arrays import literal
from shared.errors import Missing
from shared.messaging.transaction import Transaction

KEPT_BYTES_MAX = 1024 * 1024

_KEEP = text(
    "INSERT INTO rejected_bodies (partner, seq, sealed) SELECT * FROM"
    " unnest(CAST(:partners AS text[]), CAST(:seqs AS bigint[]), CAST(:sealed AS text[]))"
)
_TAKE = text(
    "SELECT sealed FROM rejected_bodies WHERE partner = :partner AND seq = :seq"
    " AND redriven_at IS NULL FOR UPDATE"
)
_MARK = text(
    "UPDATE rejected_bodies SET redriven_at = :now, redriven_as ="
    " (SELECT seq FROM partner_counters WHERE slug = :partner)"
    " WHERE partner = :partner AND seq = :seq"
)


def keep(tx: Transaction, rejected: list[tuple[Judged, int]], cipher: FieldCipher) -> None:
    """Store rejected items (at most KEPT_BYTES_MAX bytes of each body) by partner and number."""
    if not rejected:
        return
    tx.session.execute(
        _KEEP,
        {
            "partners": literal(judged.partner for judged, _ in rejected),
            "seqs": literal(seq for _, seq in rejected),
            "sealed": literal(
                _seal(judged.item, judged.partner, seq, cipher) for judged, seq in rejected
            ),
        },
    )


def take(tx: Transaction, partner: str, seq: int, cipher: FieldCipher) -> list[Item]:
    """The items of a rejected body, opened anew; raises Missing when there is none to re-drive."""
    sealed = tx.session.execute(_TAKE, {"partner": partner, "seq": seq}).scalar_one_or_none()
    if sealed is None:
        raise Missing(
            "no_rejected_event",
            f"没有可重审的事件 {partner} #{seq}",
            f"there is no rejected event {partner} #{seq} left to re-drive",
        )
    kept: dict[str, Any] = orjson.loads(cipher.decrypt_bytes(sealed, bound_to=_place(partner, seq)))
    return open_body(kept["content_type"], kept["headers"], base64.b64decode(kept["body"]))


def mark_redriven(tx: Transaction, partner: str, seq: int) -> None:
    """Remember which verdict the re-drive was given; a body is re-driven once."""
    tx.session.execute(_MARK, {"partner": partner, "seq": seq, "now": clock.now()})


def _seal(item: Item, partner: str, seq: int, cipher: FieldCipher) -> str:
    kept = {
        "content_type": item.content_type,
        "headers": item.headers,
        "body": base64.b64encode(item.body[:KEPT_BYTES_MAX]).decode(),
    }
    return cipher.encrypt_bytes(orjson.dumps(kept), bound_to=_place(partner, seq))


def _place(partner: str, seq: int) -> str:
    return f"{partner}#{seq}"
