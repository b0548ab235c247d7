"""Every event type with its schema, and the one function that loads an event's data."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from shared.errors import Rejected
from shared.schemas import (
    corrections,
    hall,
    households,
    intake,
    notify,
    partners,
    points,
    redemptions,
    time_bank,
    wire,
    wishes,
    worker,
)
from shared.schemas.acceptors import Acceptor, compile_acceptor
from shared.schemas.fields import EventData

PARTNER_SCHEMAS: dict[str, EventData] = dict(wire.SCHEMAS)
SCHEMAS: dict[str, EventData] = {
    **wire.SCHEMAS,
    **intake.SCHEMAS,
    **points.SCHEMAS,
    **redemptions.SCHEMAS,
    **time_bank.SCHEMAS,
    **households.SCHEMAS,
    **corrections.SCHEMAS,
    **partners.SCHEMAS,
    **notify.SCHEMAS,
    **wishes.SCHEMAS,
    **hall.SCHEMAS,
    **worker.SCHEMAS,
}
PARTNER_TYPES: frozenset[str] = frozenset(wire.SCHEMAS)
INTERNAL_TYPES: frozenset[str] = frozenset(SCHEMAS) - PARTNER_TYPES

ACCEPTORS: dict[str, Acceptor] = {
    kind: compile_acceptor(schema) for kind, schema in SCHEMAS.items()
}


class SchemaProblem(Rejected):
    """Data does not fit its type. `pointer` is the RFC 6901 place in the event."""

    def __init__(self, pointer: str, zh: str, en: str) -> None:
        super().__init__("schema", zh, en, pointer=pointer)
        self.pointer: str = pointer


class UnknownType(Rejected):
    """No schema has this type."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            "unsupported_type",
            f"不支持的事件类型：{kind[:256]}",
            f"unsupported event type: {kind[:256]}",
            pointer="/type",
        )


def validate_fast(kind: str, data: object) -> dict[str, Any] | None:
    """The loaded values if the data is plainly right, None in doubt; KeyError: unknown type."""
    return ACCEPTORS[kind](data)


def load(kind: str, data: object) -> dict[str, Any]:
    """The data of an event of type `kind`, checked: unknown fields dropped, times as aware
    datetimes, days as dates, Linli's own ids as UUIDs. Takes what a JSON parser returns.

    Raises SchemaProblem for the first field that is wrong, UnknownType for a type without schema.
    """
    accept = ACCEPTORS.get(kind)
    if accept is None:
        raise UnknownType(kind)
    values = accept(data)
    return values if values is not None else _load_slowly(kind, data)


def _load_slowly(kind: str, data: object) -> dict[str, Any]:
    if data is None:
        raise SchemaProblem(
            "/data", "缺少 data，请附上事件内容", "data is missing: send the event's content"
        )
    if not isinstance(data, dict):
        raise SchemaProblem("/data", "data 必须是 JSON 对象", "data must be a JSON object")
    try:
        loaded: dict[str, Any] = SCHEMAS[kind].load(data)
    except ValidationError as refusal:
        raise _first_problem(refusal) from None
    return loaded


def _first_problem(refusal: ValidationError) -> SchemaProblem:
    """The first field that is wrong, in the order of the schema."""
    steps: list[str] = []
    errors: Any = refusal.messages
    while isinstance(errors, dict):
        step, errors = next(iter(errors.items()))
        if step != "_schema":
            steps.append(str(step))
    message = str(errors[0] if isinstance(errors, list) else errors)
    zh, _, en = message.partition("\n")
    name = ".".join(steps) or "data"
    escaped = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return SchemaProblem(f"/data{escaped}", f"{name}：{zh}", f"{name}: {en or zh}")
