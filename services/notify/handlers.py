"""What notify hears, and what follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

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
        return _tell(tx, Kind.REQUEST_RECEIPT, named)

    @handlers.on_batch("linli.wish.delivered.v1")
    def tell_of_wishes(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.WISH, heard)

    @handlers.on_batch("linli.points.credited.v1")
    def tell_of_credits(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.POINTS_CREDITED, heard)

    @handlers.on_batch("linli.points.expiring.v1")
    def tell_of_expiry(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.POINTS_EXPIRING, heard, since="announced_at")

    @handlers.on_batch("linli.points.disputed.v1")
    def tell_of_disputes(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.POINTS_DISPUTED, heard, since="disputed_at")

    @handlers.on_batch("linli.dispute.decided.v1")
    def tell_of_decisions(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.DISPUTE_DECIDED, heard, since="decided_at")

    @handlers.on_batch("linli.points.posted.v1")
    def tell_of_posting(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.POINTS_POSTED, heard, since="posted_at")

    _add_redemptions(handlers)
    _add_sharing(handlers)
    _add_time_bank(handlers)
    return handlers


def _add_redemptions(handlers: Handlers) -> None:
    @handlers.on_batch("linli.redemption.held.v1")
    def ask_to_collect(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.REDEMPTION_HELD, heard, since="held_at")

    @handlers.on_batch("linli.redemption.posted.v1")
    def tell_of_collecting(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.REDEMPTION_POSTED, heard, since="posted_at")

    @handlers.on_batch("linli.redemption.released.v1")
    def tell_of_release(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.REDEMPTION_RELEASED, heard, since="released_at")


def _add_sharing(handlers: Handlers) -> None:
    @handlers.on_batch("linli.points.shared.v1")
    def tell_of_sharing(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.POINTS_SHARED, heard)

    @handlers.on_batch("linli.star.reached.v1")
    def congratulate(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.STAR_REACHED, heard)

    @handlers.on_batch("linli.points.corrected.v1")
    def tell_of_corrections(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.POINTS_CORRECTED, heard, since="corrected_at")


def _add_time_bank(handlers: Handlers) -> None:
    @handlers.on_batch("linli.coins.departed.v1")
    def tell_of_departure(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.COINS_DEPARTED, heard, since="settled_at")

    @handlers.on_batch("linli.coins.returned.v1")
    def tell_of_return(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.COINS_RETURNED, heard, since="settled_at")

    @handlers.on_batch("linli.coins.arrived.v1")
    def tell_of_arrival(tx: Transaction, heard: list[Heard]) -> Iterable[Event]:
        return _tell(tx, Kind.COINS_ARRIVED, heard, since="arrived_at")


def _tell(
    tx: Transaction, kind: Kind, heard: list[Heard], *, since: str = "accepted_at"
) -> Iterable[Event]:
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
