"""Keeps what the partners service says of partners, so that the gate can judge without asking."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

# Events may come in any order. Status and terms are each of the newest revision that told of
# them, so a suspension that overtakes its partner's activation leaves the same row.
_ACTIVATE = text(
    "INSERT INTO partners AS p (slug, status, revision, terms_revision, name, system,"
    " agreement_no, valid_from, valid_to, event_types, per_minute, per_day) VALUES (:slug,"
    " 'active', :revision, :revision, :name, :system, :agreement_no, :valid_from, :valid_to,"
    " :event_types, :per_minute, :per_day)"
    " ON CONFLICT (slug) DO UPDATE SET"
    " status = CASE WHEN p.revision < excluded.revision THEN 'active' ELSE p.status END,"
    " revision = greatest(p.revision, excluded.revision),"
    " terms_revision = excluded.terms_revision, name = excluded.name,"
    " system = excluded.system, agreement_no = excluded.agreement_no,"
    " valid_from = excluded.valid_from, valid_to = excluded.valid_to,"
    " event_types = excluded.event_types, per_minute = excluded.per_minute,"
    " per_day = excluded.per_day WHERE p.terms_revision < excluded.terms_revision RETURNING slug"
)
_SUSPEND = text(
    "INSERT INTO partners AS p (slug, status, revision, terms_revision, event_types, per_minute,"
    " per_day) VALUES (:slug, 'suspended', :revision, 0, '{}', 0, 0)"
    " ON CONFLICT (slug) DO UPDATE SET status = 'suspended', revision = excluded.revision"
    " WHERE p.revision < excluded.revision"
)
_DROP_KEYS = text("DELETE FROM partner_keys WHERE slug = :slug")
_ADD_KEYS = text(
    "INSERT INTO partner_keys (key_hash, slug) SELECT unnest(CAST(:hashes AS text[])), :slug"
)


def activate(session: Session, data: dict[str, Any]) -> None:
    """Take over a partner's terms and keys, unless newer ones are known already."""
    agreement, quota = data["agreement"], data["quota"]
    changed = session.execute(
        _ACTIVATE,
        {
            "slug": data["slug"],
            "revision": data["revision"],
            "name": data["name"],
            "system": data["system"],
            "agreement_no": agreement["no"],
            "valid_from": agreement["valid_from"],
            "valid_to": agreement["valid_to"],
            "event_types": list(agreement["event_types"]),
            "per_minute": quota["per_minute"],
            "per_day": quota["per_day"],
        },
    ).scalar_one_or_none()
    if changed is not None:
        session.execute(_DROP_KEYS, {"slug": data["slug"]})
        session.execute(_ADD_KEYS, {"slug": data["slug"], "hashes": data["api_key_hashes"]})


def suspend(session: Session, data: dict[str, Any]) -> None:
    """Close the doors to a partner; its keys stay known, so that it is told why."""
    session.execute(_SUSPEND, {"slug": data["slug"], "revision": data["revision"]})
