"""The service list: the catalogue in force, with what the district set and asks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, time
from time import monotonic
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.catalogue import catalogue_at
from services.intake.rules.catalogue import Catalogue
from services.intake.rules.open311.attributes import Attribute
from services.intake.rules.open311.services import Service, Settled, by_category, services_of

FRESH_S: Final = 1.0
_SETTLED = text("SELECT service_code, kind, is_listed FROM open311_services")
_ATTRIBUTES = text(
    "SELECT service_code, code, position, datatype, is_required, is_variable, automated,"
    " description_zh, description_en, datatype_description, options FROM open311_attributes"
    " ORDER BY service_code, position, code"
)
# Differs whenever a row of either table was written since.
_MARK = text(
    "SELECT max(changed_at) AS changed_at, max(mark) AS mark, count(*) AS count FROM"
    " (SELECT changed_at, xmin::text::bigint AS mark FROM open311_services"
    " UNION ALL SELECT changed_at, xmin::text::bigint FROM open311_attributes) AS rows"
)


class Offered:
    """What is offered at one moment, and by which service a request of any category goes.

    `public_categories` are those of which requests may be shown to anybody.
    """

    def __init__(self, services: Mapping[str, Service], catalogue: Catalogue | None) -> None:
        self.services = services
        self.by_category = by_category(services)
        conditions = catalogue.conditions.values() if catalogue else ()
        self.public_categories = sorted(
            {one.code for one in conditions if one.is_public and not one.is_sensitive}
            | {service.code for service in services.values() if service.is_public}
        )
        self.changed_at: datetime | None = None

    def listed(self) -> list[Service]:
        """The services that clients are shown, in the catalogue's order."""
        return [service for service in self.services.values() if service.is_listed]

    def categories(self, service_codes: tuple[str, ...]) -> list[str]:
        """All codes that requests of these services carry; an unknown one stands for itself."""
        found: dict[str, None] = {}
        for code in service_codes:
            service = self.services.get(code)
            found |= dict.fromkeys(service.categories if service else (code,))
        return list(found)


class ServiceList:
    """Reads what is offered; it is made anew only when something of it has changed."""

    def __init__(self) -> None:
        self._kept: tuple[Catalogue | None, tuple[Any, ...], Offered] | None = None
        self._looked_at_s = -math.inf

    def lately(self, session: Session, at: datetime) -> Offered:
        """The same, at most `FRESH_S` old: for posts, of which hundreds come in a second."""
        kept = self._kept
        if kept is not None and monotonic() - self._looked_at_s < FRESH_S:
            return kept[2]
        return self.at(session, at)

    def at(self, session: Session, at: datetime) -> Offered:
        """Everything that may be asked for at an instant."""
        looked_at_s = monotonic()
        catalogue = catalogue_at(session, at)
        mark = tuple(session.execute(_MARK).one())
        kept = self._kept
        if kept is not None and kept[0] is catalogue and kept[1] == mark:
            self._looked_at_s = looked_at_s
            return kept[2]
        made = _read(session, catalogue)
        made.changed_at = _newest(catalogue, mark[0])
        self._kept = (catalogue, mark, made)
        self._looked_at_s = looked_at_s
        return made


def attributes(session: Session) -> dict[str, list[Attribute]]:
    """The questions by service code; those of all services under `*`."""
    found: defaultdict[str, list[Attribute]] = defaultdict(list)
    for row in session.execute(_ATTRIBUTES):
        found[row.service_code].append(
            Attribute(
                code=row.code,
                position=row.position,
                datatype=row.datatype,
                is_required=row.is_required,
                is_variable=row.is_variable,
                automated=row.automated,
                description_zh=row.description_zh,
                description_en=row.description_en,
                datatype_description=row.datatype_description,
                options=tuple((str(key), str(name)) for key, name in row.options),
            )
        )
    return dict(found)


def settled(session: Session) -> dict[str, Settled]:
    """What the district set, by service code."""
    return {
        row.service_code: Settled(kind=row.kind, is_listed=row.is_listed)
        for row in session.execute(_SETTLED)
    }


def _read(session: Session, catalogue: Catalogue | None) -> Offered:
    if catalogue is None:
        return Offered({}, None)
    return Offered(services_of(catalogue, settled(session), attributes(session)), catalogue)


def _newest(catalogue: Catalogue | None, changed_at: datetime | None) -> datetime | None:
    began = datetime.combine(catalogue.valid_from, time(), UTC) if catalogue else None
    return max((at for at in (began, changed_at) if at is not None), default=None)
