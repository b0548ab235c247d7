"""Takes over what the district set for its services, as a whole."""

from __future__ import annotations

from sqlalchemy import delete, insert

from services.intake.models import Open311Attribute, Open311Service
from services.intake.rules.open311.settings_file import Settings
from shared import clock
from shared.messaging.transaction import Transaction


def load_settings(tx: Transaction, settings: Settings) -> None:
    """Replace what was set before; what is asked already keeps its answers."""
    now = clock.now()
    tx.session.execute(delete(Open311Service))
    tx.session.execute(delete(Open311Attribute))
    services = [
        {"service_code": code, "kind": one.kind, "is_listed": one.is_listed, "changed_at": now}
        for code, one in settings.settled.items()
    ]
    if services:
        tx.session.execute(insert(Open311Service), services)
    attributes = [
        {
            "service_code": code,
            "code": one.code,
            "position": one.position,
            "datatype": one.datatype,
            "is_required": one.is_required,
            "is_variable": one.is_variable,
            "automated": one.automated,
            "description_zh": one.description_zh,
            "description_en": one.description_en,
            "datatype_description": one.datatype_description,
            "options": [list(option) for option in one.options],
            "changed_at": now,
        }
        for code, asked in settings.attributes.items()
        for one in asked
    ]
    if attributes:
        tx.session.execute(insert(Open311Attribute), attributes)
