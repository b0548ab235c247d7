"""The tables of notify, and how a contact is sealed inside them."""

from __future__ import annotations

from services.notify.models.contacts import BadContact, Contact, Contacts
from services.notify.models.tables import (
    Address,
    Base,
    Delivery,
    Notice,
    Template,
    messaging,
    metadata,
)

__all__ = [
    "Address",
    "BadContact",
    "Base",
    "Contact",
    "Contacts",
    "Delivery",
    "Notice",
    "Template",
    "messaging",
    "metadata",
]
