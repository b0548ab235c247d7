"""What a request's page is made of: one panel a subject, in one order for everybody.

A subject adds its panel here and brings a template of its own, `request_<subject>.html`, which
reads its facts from `panel.facts` and the request from `one`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from services.intake.pages.claims import claim_facts
from services.intake.pages.clocks import clock_facts
from services.intake.pages.dispatch import dispatch_facts
from services.intake.pages.handling import handling_facts
from services.intake.pages.history import history_facts, progress_facts
from services.intake.pages.likeness import likeness_facts
from services.intake.pages.paper import scan_facts
from services.intake.pages.photos import photo_facts
from services.intake.pages.verdict_panel import verdict_facts
from shared.web.auth import Account

Facts = Callable[[Session, Mapping[str, Any], Account], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """`facts` reads what the template shows; None leaves the panel out for this reader."""

    template: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Shown:
    """A panel with what it tells this reader."""

    template: str
    facts: Mapping[str, Any]


PANELS: tuple[Panel, ...] = (
    Panel("request_progress.html", progress_facts),
    Panel("request_photos.html", photo_facts),
    Panel("request_handling.html", handling_facts),
    Panel("request_clocks.html", clock_facts),
    Panel("request_dispatch.html", dispatch_facts),
    Panel("request_claims.html", claim_facts),
    Panel("request_likeness.html", likeness_facts),
    Panel("request_scans.html", scan_facts),
    Panel("request_verdict.html", verdict_facts),
    Panel("request_history.html", history_facts),
)


def shown_panels(session: Session, one: Mapping[str, Any], account: Account) -> list[Shown]:
    """The panels of one request's page that this reader gets."""
    shown = []
    for panel in PANELS:
        facts = panel.facts(session, one, account)
        if facts is not None:
            shown.append(Shown(panel.template, facts))
    return shown
