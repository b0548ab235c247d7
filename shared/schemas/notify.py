"""What notify says. Nothing of its own yet: it hears, and tells people."""

from __future__ import annotations

from shared.schemas.fields import EventData

SCHEMAS: dict[str, EventData] = {}
