"""intake's named SELECTs; nothing here changes a row."""

from __future__ import annotations

from services.intake.queries.accounts import accounts
from services.intake.queries.gate import (
    VERDICTS_PAGE_MAX,
    DoorKey,
    door_keys,
    flow,
    rejected,
    rejected_page,
    service_reports,
    terms_of,
    totals,
    verdicts_after,
    verdicts_of_event,
)
from services.intake.queries.homes import area_path
from services.intake.queries.paging import PAGE, Page
from services.intake.queries.register import communities, grids, residents
from services.intake.queries.requests import request_of, requests

__all__ = [
    "PAGE",
    "VERDICTS_PAGE_MAX",
    "DoorKey",
    "Page",
    "accounts",
    "area_path",
    "communities",
    "door_keys",
    "flow",
    "grids",
    "rejected",
    "rejected_page",
    "request_of",
    "requests",
    "residents",
    "service_reports",
    "terms_of",
    "totals",
    "verdicts_after",
    "verdicts_of_event",
]
