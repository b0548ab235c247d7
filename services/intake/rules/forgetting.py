"""保存期限: what of a request ends with its time, and what stays as figures. Pure.

Every table that hangs on a request is in one of the two lists; a test asks each new one for its
decision. What stays holds codes, numbers and moments: who asked, where exactly, and what was
written is gone.
"""

from __future__ import annotations

from typing import Final

FORGOTTEN_TITLE: Final = "（已按期限匿名）"
PLACE_DIGITS: Final = 2  # of a degree: some kilometre

# Statements in their order, each over `:ids`; what is deleted here hangs on nothing that stays.
ERASING: Final = {
    "step_notes": "DELETE FROM step_notes WHERE request_id = ANY(CAST(:ids AS bigint[]))",
    "request_contacts": (
        "DELETE FROM request_contacts WHERE request_id = ANY(CAST(:ids AS bigint[]))"
    ),
    "followers": "DELETE FROM followers WHERE request_id = ANY(CAST(:ids AS bigint[]))",
    "photo_bytes": (
        "DELETE FROM photo_bytes WHERE photo_id IN (SELECT photo_id FROM photos"
        " WHERE request_id = ANY(CAST(:ids AS bigint[])))"
    ),
    "photo_origins": (
        "DELETE FROM photo_origins WHERE photo_id IN (SELECT photo_id FROM photos"
        " WHERE request_id = ANY(CAST(:ids AS bigint[])))"
    ),
    "photos": "DELETE FROM photos WHERE request_id = ANY(CAST(:ids AS bigint[]))",
    "attachments": "DELETE FROM attachments WHERE request_id = ANY(CAST(:ids AS bigint[]))",
    "verdict_words": "DELETE FROM verdict_words WHERE request_id = ANY(CAST(:ids AS bigint[]))",
    "verdict_links": "DELETE FROM verdict_links WHERE request_id = ANY(CAST(:ids AS bigint[]))",
    "request_prints": "DELETE FROM request_prints WHERE request_id = ANY(CAST(:ids AS bigint[]))",
    "open311_reports": (
        "UPDATE open311_reports SET answers = '{}', media_urls = '{}', token = NULL"
        " WHERE request_id = ANY(CAST(:ids AS bigint[]))"
    ),
    "claim_openings": (
        "UPDATE claim_openings SET about = '', place = ''"
        " WHERE request_id = ANY(CAST(:ids AS bigint[]))"
    ),
    # A sheet with names on it goes when the last request that it belongs to is forgotten.
    "scan_requests": (
        "WITH gone AS (DELETE FROM scan_requests WHERE request_id = ANY(CAST(:ids AS bigint[]))"
        " RETURNING scan_no) DELETE FROM scans s USING gone WHERE s.scan_no = gone.scan_no"
        " AND NOT EXISTS (SELECT 1 FROM scan_requests o WHERE o.scan_no = s.scan_no"
        " AND o.request_id <> ALL(CAST(:ids AS bigint[])))"
    ),
    "exclusion_words": (
        "DELETE FROM exclusion_words w USING board_exclusions x WHERE x.id = w.exclusion_id"
        " AND x.request_id = ANY(CAST(:ids AS bigint[]))"
    ),
    "requests": (
        "UPDATE requests SET title = :title, description = '', resident_no = NULL,"
        " address = NULL, building_no = NULL, client_id = NULL, body_hash = NULL,"
        " source_event_id = NULL, is_public = false,"
        " lat = round(lat::numeric, :digits), lon = round(lon::numeric, :digits),"
        " anonymised_at = :now WHERE id = ANY(CAST(:ids AS bigint[]))"
    ),
    # Who asked stands in history, too; the tables' owner rewrites that and nothing else.
    "request_steps": "SELECT forget_askers(CAST(:ids AS bigint[]))",
}

KEPT: Final = {
    "board_exclusions": "reasons are codes, the two who signed are staff",
    "extensions": "amounts and staff",
    "facts_due": "a number that waits to be read",
    "likenesses": "scores between two numbers",
    "patrol_visits": "what a patroller saw at a spot, by staff about a place",
    "request_assists": "units",
    "request_clocks": "moments and limits",
    "request_facts": "codes and moments: the board",
    "resident_verdicts": "codes and moments: the board",
    "steps_taken": "ids of forms and digests of what they said",
    "tea_stall_requests": "numbers",
    "verdict_waits": "moments",
}
