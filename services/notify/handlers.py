"""What notify hears, and what follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

from services.notify.actions.addresses import Registration, register_residents
from services.notify.actions.notices import Draft, write_notices
from services.notify.config import SEND_SMS, TASK_QUEUE
from services.notify.models import Contacts
from services.notify.rules import PARAMS, Channel, Kind
from shared import clock, metrics
from shared.messaging.handlers import Handlers, Heard
from shared.messaging.transaction import Transaction
from shared.metrics.batches import observe_counted
from shared.schemas.envelope import Event

# What a resident is told of: the kind of notice, and which moment of the event it is late from.
TOLD: Mapping[str, tuple[Kind, str]] = {
    "linli.wish.delivered.v1": (Kind.WISH, "accepted_at"),
    "linli.wish.moved.v1": (Kind.WISH_MOVED, "moved_at"),
    "linli.hall.moved.v1": (Kind.HALL_MOVED, "moved_at"),
    "linli.points.credited.v1": (Kind.POINTS_CREDITED, "accepted_at"),
    "linli.points.expiring.v1": (Kind.POINTS_EXPIRING, "announced_at"),
    "linli.points.disputed.v1": (Kind.POINTS_DISPUTED, "disputed_at"),
    "linli.dispute.decided.v1": (Kind.DISPUTE_DECIDED, "decided_at"),
    "linli.points.posted.v1": (Kind.POINTS_POSTED, "posted_at"),
    "linli.redemption.held.v1": (Kind.REDEMPTION_HELD, "held_at"),
    "linli.redemption.posted.v1": (Kind.REDEMPTION_POSTED, "posted_at"),
    "linli.redemption.released.v1": (Kind.REDEMPTION_RELEASED, "released_at"),
    "linli.points.shared.v1": (Kind.POINTS_SHARED, "accepted_at"),
    "linli.star.reached.v1": (Kind.STAR_REACHED, "accepted_at"),
    "linli.points.corrected.v1": (Kind.POINTS_CORRECTED, "corrected_at"),
    "linli.coins.departed.v1": (Kind.COINS_DEPARTED, "settled_at"),
    "linli.coins.returned.v1": (Kind.COINS_RETURNED, "settled_at"),
    "linli.coins.arrived.v1": (Kind.COINS_ARRIVED, "arrived_at"),
}


def create_handlers(contacts: Contacts) -> Handlers:
    """Every event type that notify's queue is bound to."""
    handlers = Handlers()

    @handlers.on_batch("linli.resident.registered.v1")
    def learn_addresses(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        said = (
            Registration(
                data["resident_no"], data["language"], data["contact_sealed"], data["revision"]
            )
            for _, data in heard
        )
        register_residents(tx.session, contacts, said, clock.now())
        return ()

    @handlers.on_batch("linli.request.opened.v1")
    def acknowledge_requests(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        named = [one for one in heard if one[1]["resident_no"] is not None]
        return _tell(tx, named, kind=Kind.REQUEST_RECEIPT, since="accepted_at")

    @handlers.on_batch("linli.request.moved.v1")
    def tell_of_requests(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        by_kind: dict[Kind, list[Heard]] = {}
        for one in heard:
            by_kind.setdefault(Kind(f"request_{one[1]['happened']}"), []).append(one)
        for kind, its in by_kind.items():
            _tell(tx, its, kind=kind, since="moved_at")
        return ()

    for event_type, (kind, since) in TOLD.items():
        handlers.on_batch(event_type)(partial(_tell, kind=kind, since=since))
    return handlers


def _tell(tx: Transaction, heard: list[Heard], *, kind: Kind, since: str) -> Iterable[Event]:
    at = clock.now()
    kept = PARAMS[kind]
    drafts = [
        Draft(
            event.id,
            data["resident_no"],
            {name: data[name] for name in kept},
            data[since],
        )
        for event, data in heard
    ]
    written = write_notices(tx.session, kind, drafts, at)
    for delivery_id in written.deliveries:
        tx.enqueue(TASK_QUEUE, SEND_SMS, str(delivery_id))
    metrics.notices.labels(kind.value).inc(written.notices)
    _observe(drafts, at)
    return ()


def _observe(drafts: list[Draft], at: datetime) -> None:
    # The inbox row is the delivery of its channel: the resident can read it from now on.
    passed_s: Counter[float] = Counter()
    for accepted_at, count in Counter(draft.accepted_at for draft in drafts).items():
        passed_s[max((at - accepted_at).total_seconds(), 0.0)] += count
    observe_counted(metrics.event_to_notice, passed_s)
    observe_counted(metrics.event_to_delivery.labels(Channel.IN_APP.value), passed_s)
