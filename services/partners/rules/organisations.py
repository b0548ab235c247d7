"""What an organisation may be called, which states it passes through, and its usual quota."""

from __future__ import annotations

import re
from enum import StrEnum

from shared.errors import Conflict, Rejected

EVENT_TYPES_MAX = 64
NAME_CHARACTERS_MAX = 200
NO_CHARACTERS_MAX = 64
REASON_CHARACTERS_MAX = 200
QUOTA_MAX = 10**9

# About what one machine of two cores can judge: it stops a sender that loops, not a busy partner.
DEFAULT_PER_MINUTE = 300_000
DEFAULT_PER_DAY = 10_000_000

# Users that a broker commonly has: a partner of that name would be taken for one of them. And
# words that follow /partners/ in an address.
RESERVED_SLUGS = frozenset(
    {"admin", "administrator", "guest", "monitoring", "rabbitmq", "root"}
) | {
    *("linli", "linli-admin", "intake", "points", "partners", "notify"),
    *("api", "dead-letters", "docs", "healthz", "metrics", "new", "readyz", "version"),
}

_slug = re.compile(r"[a-z0-9-]{2,40}").fullmatch
_system = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}").fullmatch
_event_type = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}").fullmatch


class Kind(StrEnum):
    """What sort of organisation it is."""

    ENTERPRISE = "enterprise"
    VOLUNTEER_TEAM = "volunteer_team"
    GOVERNMENT = "government"
    MERCHANT = "merchant"
    TALENT = "talent"
    OTHER = "other"


class Status(StrEnum):
    """Whether it may post. `revoked` is for good."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


def check_slug(slug: str) -> str:
    """The slug; raises Rejected. It is a broker user's name and part of patterns over names."""
    if not _slug(slug):
        raise Rejected(
            "bad_slug",
            f"代号“{slug[:60]}”不合规：2 至 40 个字符，只用小写字母、数字和连字符",
            f"slug {slug[:60]!r}: 2 to 40 of a-z, 0-9 and hyphen",
            pointer="/slug",
        )
    if slug in RESERVED_SLUGS:
        raise Rejected(
            "reserved_slug",
            f"代号“{slug}”为系统保留，请换一个",
            f"slug {slug!r} is reserved: choose another",
            pointer="/slug",
        )
    return slug


def check_system(system: str) -> str:
    """The name of the partner's system, the last part of its events' source; raises Rejected."""
    if not _system(system):
        raise Rejected(
            "bad_system",
            "系统名只能用小写字母、数字、点、下划线和连字符，最多 64 个字符",
            "a system's name has up to 64 of a-z, 0-9, dot, underscore and hyphen",
            pointer="/system",
        )
    return system


def check_event_types(event_types: list[str]) -> list[str]:
    """The types without doubles, sorted; raises Rejected."""
    if len(event_types) > EVENT_TYPES_MAX or not all(_event_type(each) for each in event_types):
        raise Rejected(
            "bad_event_types",
            f"事件类型最多 {EVENT_TYPES_MAX} 个，例如 linli.activity.attended.v1",
            f"at most {EVENT_TYPES_MAX} event types, such as linli.activity.attended.v1",
            pointer="/agreement/event_types",
        )
    return sorted(set(event_types))


def check_not_revoked(slug: str, status: str) -> None:
    """A revoked organisation never comes back; raises Conflict."""
    if status == Status.REVOKED:
        raise Conflict(
            "revoked",
            f"合伙人 {slug} 已注销，不能再更改；如需恢复合作请用新代号登记",
            f"partner {slug} was revoked for good: register it again under a new slug",
        )
