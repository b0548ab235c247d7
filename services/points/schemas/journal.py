"""What may be asked of the exported ledger."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load, validate, validates_schema

from services.points.rules.journal import FORMATS

NAME_MAX = 64


class JournalQuery(Schema):
    """Which part of the ledger, in which form; days are inclusive (Asia/Shanghai)."""

    format = fields.String(load_default=FORMATS[0], validate=validate.OneOf((*FORMATS, "xlsx")))
    owner = fields.String(load_default="", validate=validate.Length(max=NAME_MAX))
    community = fields.String(load_default="", validate=validate.Length(max=NAME_MAX))
    first = fields.Date(load_default=None, allow_none=True)
    last = fields.Date(load_default=None, allow_none=True)

    @pre_load
    def forget_blanks(self, data: Any, **_: Any) -> dict[str, Any]:
        """A form sends what was not filled in as nothing."""
        return {name: value for name, value in data.items() if value != ""}

    @validates_schema
    def check_days(self, data: dict[str, Any], **_: Any) -> None:
        """The last day is not before the first."""
        first, last = data.get("first"), data.get("last")
        if first and last and last < first:
            raise ValidationError(
                "截止日不能早于起始日 / must not be before the first day", field_name="last"
            )
