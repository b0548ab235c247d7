"""剔除 as people see them: each with its reason and both names, the newest first."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page

_EXCLUSIONS = text(
    "SELECT x.id, x.reason, x.state, x.proposed_by, x.proposed_at, x.decided_by, x.decided_at,"
    " w.words, r.request_no, r.title, p.display_name AS proposer, d.display_name AS decider"
    " FROM board_exclusions x JOIN requests r ON r.id = x.request_id"
    " LEFT JOIN exclusion_words w ON w.exclusion_id = x.id"
    " LEFT JOIN accounts p ON p.account_no = x.proposed_by"
    " LEFT JOIN accounts d ON d.account_no = x.decided_by"
    " WHERE x.id < :before AND (CAST(:state AS text) IS NULL OR x.state = :state)"
    " ORDER BY x.id DESC LIMIT :limit"
)


def exclusions(
    session: Session, *, state: str | None = None, before: int | None = None, limit: int = PAGE
) -> Page:
    """All that was ever proposed, whatever became of it."""
    found = session.execute(
        _EXCLUSIONS, {"state": state, "before": before or 2**62, "limit": limit + 1}
    )
    rows = [dict(row) for row in found.mappings()]
    return Page(rows[:limit], str(rows[limit - 1]["id"]) if len(rows) > limit else None)
