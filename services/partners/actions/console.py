"""What people at the console do: the row now, in one transaction; the broker follows by a task."""

from __future__ import annotations

from datetime import timedelta

from services.partners.actions import credentials, organisations
from services.partners.actions.credentials import Secrets
from services.partners.actions.organisations import NewPartner, Terms
from shared.messaging.tasks import queue_of
from shared.messaging.transaction import Transaction

TASK_QUEUE = queue_of("partners")


def register(tx: Transaction, new: NewPartner, *, by: str) -> Secrets:
    """Write a partner down; it becomes active when the broker gives it exactly its rights."""
    secrets = credentials.fresh_secrets()
    organisations.register(tx.session, new, secrets, by=by)
    organisations.ask_activation(tx.session, new.slug, by=by)
    _ask_broker(tx, new.slug)
    return secrets


def agree(tx: Transaction, slug: str, terms: Terms, *, by: str) -> None:
    """Put a new agreement in force."""
    tx.emit(organisations.agree(tx.session, slug, terms, by=by))


def set_quota(tx: Transaction, slug: str, *, per_minute: int, per_day: int, by: str) -> None:
    """Change how many events the partner may send."""
    tx.emit(
        organisations.set_quota(tx.session, slug, per_minute=per_minute, per_day=per_day, by=by)
    )


def rotate(tx: Transaction, slug: str, *, overlap: timedelta, by: str) -> Secrets:
    """New secrets; see `credentials.rotate`."""
    secrets = credentials.fresh_secrets()
    tx.emit(credentials.rotate(tx.session, slug, secrets, overlap=overlap, by=by))
    _ask_broker(tx, slug)
    return secrets


def suspend(tx: Transaction, slug: str, *, reason: str, by: str) -> None:
    """Keep a partner out."""
    tx.emit(organisations.suspend(tx.session, slug, reason=reason, by=by))
    _ask_broker(tx, slug)


def activate(tx: Transaction, slug: str, *, by: str) -> None:
    """Let a partner in again."""
    organisations.ask_activation(tx.session, slug, by=by)
    _ask_broker(tx, slug)


def revoke(tx: Transaction, slug: str, *, by: str) -> None:
    """End it for good."""
    tx.emit(organisations.revoke(tx.session, slug, by=by))
    _ask_broker(tx, slug)


def _ask_broker(tx: Transaction, slug: str) -> None:
    tx.enqueue(TASK_QUEUE, "reconcile", slug)
