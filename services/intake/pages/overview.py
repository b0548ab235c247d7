"""The operator's overview: what flows, what was refused, how the services are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, render_template

from services.intake import queries
from services.intake.pages.words import word
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.db.session import Sessions
from shared.web.access import require_role

MINUTES = 60
SILENT_AFTER_S = 60
OLD_OUTBOX_S = 60
SERVICES = ("intake", "points", "partners", "notify")
REFRESH_S = 15


@dataclass(frozen=True, slots=True)
class Flow:
    """The last hour: events by minute, verdicts, and reasons of rejection."""

    labels: list[str]
    values: list[int]
    verdicts: Counter[str]
    reasons: Counter[str]


@dataclass(frozen=True, slots=True)
class Service:
    """One service as it last spoke of itself; ages in seconds, None where nothing is known."""

    name: str
    heard_s: int | None
    pending: int | None
    oldest_s: int | None
    dead_letters: int | None

    @property
    def tone(self) -> str:
        """Of the chip that says when it was last heard."""
        return "ok" if self.heard_s is not None and self.heard_s <= SILENT_AFTER_S else "warn"


def make_overview(sessions: Sessions) -> Blueprint:
    """`/overview`."""
    blueprint = Blueprint("overview", __name__)

    @blueprint.get("/overview")
    @require_role("operator", "auditor")
    def overview() -> str:
        now = clock.now()
        since = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
        with sessions() as session:
            rows = queries.flow(session, since)
            reports = queries.service_reports(session)
            totals = queries.totals(session)
        services = services_of(reports, now)
        return render_template(
            "overview.html",
            flow=flow_of(rows, since),
            totals=totals,
            services=services,
            dead_letters=sum(one.dead_letters or 0 for one in services),
            depths=depths_of(reports),
            word=word,
            now=now,
            refresh_s=REFRESH_S,
        )

    return blueprint


def flow_of(rows: list[dict[str, Any]], since: datetime) -> Flow:
    """Every minute of the hour, also those in which nothing came."""
    minutes = [since + timedelta(minutes=n) for n in range(MINUTES)]
    by_minute: Counter[datetime] = Counter()
    verdicts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for row in rows:
        by_minute[row["minute"]] += row["count"]
        verdicts[row["verdict"]] += row["count"]
        if row["reason"]:
            reasons[row["reason"]] += row["count"]
    return Flow(
        [f"{at.astimezone(DISTRICT_TIMEZONE):%H:%M}" for at in minutes],
        [by_minute[at] for at in minutes],
        verdicts,
        reasons,
    )


def services_of(reports: list[dict[str, Any]], now: datetime) -> list[Service]:
    """All four, also one that never spoke."""
    known = {report["service"]: report for report in reports}
    return [_service(name, known.get(name), now) for name in SERVICES]


def _service(name: str, report: Mapping[str, Any] | None, now: datetime) -> Service:
    if report is None:
        return Service(name, None, None, None, None)
    oldest_at = report["outbox_oldest_at"]
    return Service(
        name,
        _age_s(report["reported_at"], now),
        report["outbox_pending"],
        None if oldest_at is None else _age_s(oldest_at, now),
        report["dead_letters"],
    )


def _age_s(at: datetime, now: datetime) -> int:
    return max(int((now - at).total_seconds()), 0)


def depths_of(reports: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """What each queue held when it was last looked at, the newest report of each."""
    found: dict[str, int] = {}
    for report in sorted(reports, key=lambda each: each["reported_at"]):
        found.update(report["queues"])
    return sorted(found.items())
