"""The running total of what each partner has contributed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import Missing

_KNOWN = text("SELECT slug FROM organisations WHERE slug = ANY(:slugs)")
# Order of arrival is not promised, so the total is the sum of the entries, never the balance that
# an event names; an award that was counted is never counted again.
_ADD = text(
    "WITH fresh AS (INSERT INTO contribution_entries"
    " (award_id, slug, points, wish_code, colour, credited_at)"
    " SELECT * FROM unnest(CAST(:award_ids AS uuid[]), CAST(:slugs AS text[]),"
    " CAST(:points AS bigint[]), CAST(:wish_codes AS text[]), CAST(:colours AS text[]),"
    " CAST(:times AS timestamptz[])) ON CONFLICT (award_id) DO NOTHING"
    " RETURNING slug, points, credited_at)"
    " INSERT INTO contributions AS c (slug, points, entries, credited_at)"
    " SELECT slug, sum(points), count(*), max(credited_at) FROM fresh GROUP BY slug ORDER BY slug"
    " ON CONFLICT (slug) DO UPDATE SET points = c.points + excluded.points,"
    " entries = c.entries + excluded.entries,"
    " credited_at = greatest(c.credited_at, excluded.credited_at)"
)


def add(session: Session, credited: Sequence[dict[str, Any]]) -> None:
    """Add the credits that were not added before; raises Missing for a partner nobody knows."""
    slugs = {each["partner"] for each in credited}
    unknown = slugs - set(session.execute(_KNOWN, {"slugs": list(slugs)}).scalars())
    if unknown:
        named = ", ".join(sorted(unknown)[:5])
        raise Missing("no_partner", f"没有这些合伙人：{named}", f"unknown partners: {named}")
    session.execute(
        _ADD,
        {
            "award_ids": [each["award_id"] for each in credited],
            "slugs": [each["partner"] for each in credited],
            "points": [each["points"] for each in credited],
            "wish_codes": [each["wish_code"] for each in credited],
            "colours": [each["colour"] for each in credited],
            "times": [each["credited_at"] for each in credited],
        },
    )
