"""保存期限 of what is no request: what is over by its subject, and how it is erased. Pure.

Requests have rules of their own (rules/forgetting.py). Nothing here is counted by any figure, so
that what is over is erased whole.
"""

from __future__ import annotations

from typing import Final

SUBJECTS: Final = ("hall_application", "hall_appointment", "scan", "verdict_link")

# At most `:most` whose time was over before `:before`, the oldest first.
OVER: Final = {
    "hall_application": (
        "SELECT id FROM hall_applications WHERE state IN ('done', 'refused', 'withdrawn')"
        " AND updated_at < :before ORDER BY updated_at LIMIT :most FOR UPDATE SKIP LOCKED"
    ),
    "hall_appointment": (
        "SELECT a.id FROM hall_appointments a JOIN hall_slots s ON s.id = a.slot_id"
        " WHERE s.ends_at < :before ORDER BY s.ends_at LIMIT :most FOR UPDATE OF a SKIP LOCKED"
    ),
    # A sheet that belongs to a request ends with the last of them.
    "scan": (
        "SELECT s.scan_no FROM scans s WHERE s.scanned_at < :before AND NOT EXISTS"
        " (SELECT 1 FROM scan_requests r WHERE r.scan_no = s.scan_no)"
        " ORDER BY s.scanned_at LIMIT :most FOR UPDATE SKIP LOCKED"
    ),
    "verdict_link": (
        "SELECT encode(token_hash, 'hex') FROM verdict_links"
        " WHERE least(expires_at, used_at) < :before ORDER BY least(expires_at, used_at)"
        " LIMIT :most FOR UPDATE SKIP LOCKED"
    ),
}

_IDS = "= ANY(CAST(:keys AS bigint[]))"
# Statements in their order, each over `:keys`.
ERASING: Final = {
    # History is the owner's: what is ended it erases, and nothing else.
    "hall_application": (
        "SELECT erase_hall_steps(CAST(:keys AS bigint[]))",
        f"DELETE FROM hall_notes WHERE application_id {_IDS}",
        f"DELETE FROM hall_documents WHERE application_id {_IDS}",
        f"DELETE FROM hall_applications WHERE id {_IDS}",
    ),
    "hall_appointment": (f"DELETE FROM hall_appointments WHERE id {_IDS}",),
    "scan": ("DELETE FROM scans WHERE scan_no = ANY(CAST(:keys AS text[]))",),
    "verdict_link": (
        "DELETE FROM verdict_links WHERE token_hash IN"
        " (SELECT decode(key, 'hex') FROM unnest(CAST(:keys AS text[])) AS key)",
    ),
}
