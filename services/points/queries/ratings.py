"""What a rating may look at: what one resident did for others, as it was known on a day."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.facts import Served, facts_of
from services.points.rules.rating import Facts, Note

_DAY = "(t.posted_at AT TIME ZONE 'Asia/Shanghai')::date"
# What an entry is about: of a correction, the award or the document that it corrects.
_OF = "coalesce((d.facts ->> 'award_id')::uuid, (d.facts ->> 'document_id')::uuid, l.document_id)"
# An award that was taken back in part counts with what is left of it.
_SERVED = text(
    "SELECT s.on_date, sum(s.minutes)::bigint AS minutes,"
    " bool_or(s.evidence = 'self_check') AS self_checked FROM ("
    " SELECT coalesce(w.on_date, l.day) AS on_date, sum(l.amount) AS minutes,"
    " max(w.explanation ->> 'evidence') AS evidence FROM ("
    f"  SELECT t.amount, t.document_id, {_DAY} AS day FROM transfers t"
    "  JOIN accounts a ON a.id = t.credit_account_id AND a.owner = :resident_no"
    "  AND a.owner_kind = 'resident' AND a.asset = 'service_minutes'"
    f" UNION ALL SELECT -t.amount, t.document_id, {_DAY} FROM transfers t"
    "  JOIN accounts a ON a.id = t.debit_account_id AND a.owner = :resident_no"
    "  AND a.owner_kind = 'resident' AND a.asset = 'service_minutes'"
    "  AND t.debit_seq IS NOT NULL"
    " ) l LEFT JOIN documents d ON d.document_id = l.document_id"
    " LEFT JOIN awards w"
    f" ON w.award_id = {_OF}"
    " WHERE l.day <= :on"
    f" GROUP BY {_OF}, 1"
    " HAVING sum(l.amount) > 0"
    ") s GROUP BY s.on_date ORDER BY s.on_date"
)
_HONOURED = (
    "SELECT min(coalesce(d.on_date, l.day)) AS on_date, sum(l.amount)::bigint AS amount,"
    f" {_OF} AS honour_id FROM ("
    f"  SELECT t.amount, t.document_id, {_DAY} AS day FROM transfers t"
    "  JOIN accounts a ON a.id = t.credit_account_id AND a.owner = :resident_no"
    "  AND a.owner_kind = 'resident' AND a.asset = 'honour_points'"
    f" UNION ALL SELECT -t.amount, t.document_id, {_DAY} FROM transfers t"
    "  JOIN accounts a ON a.id = t.debit_account_id AND a.owner = :resident_no"
    "  AND a.owner_kind = 'resident' AND a.asset = 'honour_points'"
    "  AND t.debit_seq IS NOT NULL"
    " ) l LEFT JOIN documents d ON d.document_id = l.document_id WHERE l.day <= :on"
    f" GROUP BY {_OF} HAVING sum(l.amount) > 0"
)
_HONOURS = text(
    f"SELECT on_date, sum(amount)::bigint AS amount FROM ({_HONOURED}) h GROUP BY on_date"
)
_DONATED = text(
    f"SELECT {_DAY} AS on_date, sum(t.amount)::bigint AS amount FROM transfers t"
    " JOIN accounts a ON a.id = t.debit_account_id AND a.owner = :resident_no"
    " AND a.owner_kind = 'resident' AND a.asset = 'points' AND t.debit_seq IS NOT NULL"
    " JOIN accounts p ON p.id = t.credit_account_id AND p.owner_kind = 'pool'"
    f" WHERE t.kind = 'gift' AND {_DAY} <= :on GROUP BY 1"
)
_NOTES = text(
    "SELECT note_id::text AS note_id, kind, part, points, voids::text AS voids, on_date"
    " FROM rating_notes WHERE resident_no = :resident_no AND on_date <= :on"
    " ORDER BY made_at, note_id"
)
_TITLES = text(
    f"SELECT d.on_date, d.facts FROM ({_HONOURED}) h"
    " JOIN documents d ON d.document_id = h.honour_id"
    " WHERE d.facts ->> 'what' = 'honour' ORDER BY d.on_date DESC, d.made_at DESC LIMIT 50"
)


def facts(session: Session, resident_no: str, on: date) -> Facts:
    """What may be rated of a resident, by attribute and by whole years before a day."""
    asked = {"resident_no": resident_no, "on": on}
    served = [
        Served(row.on_date, row.minutes, bool(row.self_checked))
        for row in session.execute(_SERVED, asked)
    ]
    honours = {row.on_date: row.amount for row in session.execute(_HONOURS, asked)}
    donated = {row.on_date: row.amount for row in session.execute(_DONATED, asked)}
    return facts_of(served, honours, donated, on)


def notes(session: Session, resident_no: str, on: date) -> list[Note]:
    """What was decided about a resident's rating up to a day."""
    asked = {"resident_no": resident_no, "on": on}
    return [Note(**row) for row in session.execute(_NOTES, asked).mappings()]


def honours(session: Session, resident_no: str, on: date) -> list[tuple[date, str, str]]:
    """The honours of a resident that stand on a day: day, level, title; newest first."""
    return [
        (row.on_date, str(row.facts.get("level", "")), str(row.facts.get("title", "")))
        for row in session.execute(_TITLES, {"resident_no": resident_no, "on": on})
    ]
