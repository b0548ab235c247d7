"""The accounts, never their hashes."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page

_ACCOUNTS = text(
    "SELECT account_no, login, role, subject, display_name, is_active, created_at,"
    " last_signed_in_at FROM accounts WHERE login > :after ORDER BY login LIMIT :limit"
)


def accounts(session: Session, *, after: str = "", limit: int = PAGE) -> Page:
    """Accounts by login name, from one on; never their hashes."""
    found = session.execute(_ACCOUNTS, {"after": after, "limit": limit + 1})
    rows = [dict(row) for row in found.mappings()]
    return Page(rows[:limit], rows[limit - 1]["login"] if len(rows) > limit else None)
