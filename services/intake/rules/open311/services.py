"""The service list: each event of the catalogue is a service, told in the standard's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.intake.rules.catalogue import Catalogue, Clock, Event, Limit, Unit
from services.intake.rules.initials import initials_of
from services.intake.rules.open311.attributes import ALL_SERVICES, Attribute

KINDS: Final = ("realtime", "batch", "blackbox")
"""What a POST is answered with: the number, a token for it, or neither."""

_UNITS: Final[Mapping[Unit, tuple[str, str]]] = {
    Unit.MINUTES: ("分钟", "minutes"),
    Unit.URGENT_HOURS: ("紧急工作时", "emergency hours"),
    Unit.WORK_HOURS: ("工作时", "working hours"),
    Unit.WORK_DAYS: ("工作日", "working days"),
    Unit.HOURS: ("小时", "hours"),
    Unit.DAYS: ("天", "days"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What the district set for one service; a service without has `DEFAULT`."""

    kind: str = "realtime"
    is_listed: bool = True


DEFAULT: Final = Settled()
_NATURE: Final = "help"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service. `categories` are all codes that a request of it may carry.

    What is not `is_public` is offered, but what is asked under it is shown to nobody.
    """

    code: str
    name: str
    description: str
    group: str
    keywords: tuple[str, ...]
    notice: str
    kind: str
    is_listed: bool
    is_public: bool
    nature: str
    urgency: str
    categories: tuple[str, ...]
    attributes: tuple[Attribute, ...]

    def shown(self) -> dict[str, Any]:
        """As `GET services` tells it."""
        return {
            "service_code": self.code,
            "service_name": self.name,
            "description": self.description,
            "metadata": bool(self.attributes),
            "type": self.kind,
            "keywords": ",".join(self.keywords),
            "group": self.group,
        }


def services_of(
    catalogue: Catalogue,
    settled: Mapping[str, Settled],
    attributes: Mapping[str, Iterable[Attribute]],
) -> dict[str, Service]:
    """By code, in the catalogue's order; attributes of `ALL_SERVICES` are asked by each."""
    shared = tuple(attributes.get(ALL_SERVICES, ()))
    return {
        event.code: _service(
            event,
            f"{group.name_zh} / {group.name_en}",
            settled.get(event.code, DEFAULT),
            (*attributes.get(event.code, ()), *shared),
        )
        for group in catalogue.groups
        for event in group.events
        if event.conditions
    }


def by_category(services: Mapping[str, Service]) -> dict[str, Service]:
    """The service that a request's category or condition belongs to."""
    return {code: service for service in services.values() for code in service.categories}


def _service(
    event: Event, group: str, settled: Settled, attributes: tuple[Attribute, ...]
) -> Service:
    usual = event.conditions[0]
    conditions = ("；".join(one.name_zh for one in event.conditions), usual.name_en)
    return Service(
        code=event.code,
        name=event.name_zh,
        description=f"{event.name_en} — {conditions[0]}",
        group=group,
        keywords=_keywords(event),
        notice=_notice(usual.limits),
        kind=settled.kind,
        is_listed=settled.is_listed,
        # One condition that must stay hidden hides what is not told apart yet.
        is_public=all(one.is_public and not one.is_sensitive for one in event.conditions),
        # Whoever asks here wants something mended: it is no 举报, which would never be shown.
        nature=_NATURE if _NATURE in usual.natures or not usual.natures else usual.natures[0],
        urgency=usual.tier if usual.tier in ("critical", "urgent") else "normal",
        categories=(event.code, *(one.code for one in event.conditions)),
        attributes=attributes,
    )


def _keywords(event: Event) -> tuple[str, ...]:
    """Synonyms, and the initials that people type."""
    names = [event.name_zh, *(word for one in event.conditions for word in one.synonyms)]
    found = dict.fromkeys([*names, *initials_of(event.name_zh)])
    return tuple(word.replace(",", "，") for word in found if word)


def _notice(limits: Mapping[Clock, Limit]) -> str:
    contact, resolve = limits[Clock.CONTACT], limits[Clock.RESOLVE]
    (contact_zh, contact_en), (resolve_zh, resolve_en) = _UNITS[contact.unit], _UNITS[resolve.unit]
    return (
        f"{contact.amount} {contact_zh}内首次联系，{resolve.amount} {resolve_zh}内办结"
        f" / First contact within {contact.amount} {contact_en},"
        f" done within {resolve.amount} {resolve_en}"
    )
