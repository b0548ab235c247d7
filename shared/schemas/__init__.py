"""The words Linli's events are made of: the envelope, one schema per type, and the contract."""

from __future__ import annotations

from shared.schemas.envelope import (
    BadEnvelope,
    EnvelopeProblem,
    Event,
    check_envelope,
    content_hash,
    decode,
    encode,
    make,
)
from shared.schemas.moments import parse_time
from shared.schemas.registry import (
    INTERNAL_TYPES,
    PARTNER_TYPES,
    SCHEMAS,
    SchemaProblem,
    UnknownType,
    load,
    validate_fast,
)

__all__ = [
    "INTERNAL_TYPES",
    "PARTNER_TYPES",
    "SCHEMAS",
    "BadEnvelope",
    "EnvelopeProblem",
    "Event",
    "SchemaProblem",
    "UnknownType",
    "check_envelope",
    "content_hash",
    "decode",
    "encode",
    "load",
    "make",
    "parse_time",
    "validate_fast",
]
