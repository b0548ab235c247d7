"""Who hears what: the whole map of the district's events, on one page.

A type that nobody hears does not belong here. tests/contract holds routes, handlers and
bindings together.
"""

from __future__ import annotations

SERVICES = ("intake", "points", "partners", "notify")

ROUTES: dict[str, tuple[str, ...]] = {
    # intake says
    "linli.resident.registered.v1": ("notify", "points"),
    "linli.contribution.recorded.v1": ("points",),
    "linli.wish.delivered.v1": ("points", "notify"),
    "linli.wish.moved.v1": ("notify",),
    "linli.hall.moved.v1": ("notify",),
    "linli.request.opened.v1": ("notify",),
    "linli.request.moved.v1": ("notify",),
    "linli.redemption.claimed.v1": ("points",),
    # points says
    "linli.points.credited.v1": ("notify",),
    "linli.points.expiring.v1": ("notify",),
    "linli.points.shared.v1": ("notify",),
    "linli.star.reached.v1": ("notify",),
    "linli.points.disputed.v1": ("notify",),
    "linli.dispute.decided.v1": ("notify",),
    "linli.points.posted.v1": ("notify",),
    "linli.points.corrected.v1": ("notify",),
    "linli.coins.departed.v1": ("notify",),
    "linli.coins.returned.v1": ("notify",),
    "linli.coins.arrived.v1": ("notify",),
    "linli.partner.credited.v1": ("partners",),
    "linli.redemption.held.v1": ("notify", "partners"),
    "linli.redemption.posted.v1": ("notify", "partners"),
    "linli.redemption.released.v1": ("notify", "partners"),
    "linli.redemption.refused.v1": ("partners",),
    # partners says
    "linli.partner.activated.v1": ("intake",),
    "linli.partner.suspended.v1": ("intake",),
    # every worker says
    "linli.service.reported.v1": ("intake",),
}


def heard_by(service: str) -> tuple[str, ...]:
    """The event types a service's queue is bound to."""
    return tuple(kind for kind, hearers in ROUTES.items() if service in hearers)
