"""Registers the partners of a month, so that each has a broker user and a key of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from deploy.month.credentials import Credential
from services.partners.config import read_worker_settings
from services.partners.tasks import register_many
from services.partners.worker import make_broker
from shared.db.session import Sessions

BY = "linli load"


def register_all(
    settings: Mapping[str, str] | None,
    sessions: Sessions,
    partners: list[dict[str, Any]],
    known: Collection[str],
) -> dict[str, Credential]:
    """The credentials of those that are new, and new ones of those whose own are not `known`.

    Raises Rejected for an entry that is wrong, Conflict when the broker keeps one out.
    """
    broker = make_broker(read_worker_settings(settings))
    made = register_many(sessions, broker, partners, by=BY)
    lost = [
        each
        for each in partners
        if each["slug"] not in known
        and each["slug"] not in made
        and each.get("status", "active") == "active"
    ]
    if lost:
        made |= register_many(sessions, broker, lost, by=BY, renew=True)
    return {slug: Credential(each["amqp_password"], each["api_key"]) for slug, each in made.items()}
