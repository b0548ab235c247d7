"""The HTTP shapes of the register."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.intake.queries.finding import LIMIT, TYPED_CHARACTERS_MAX
from services.intake.rules.census import ENTRIES_MAX


class FindQuery(Schema):
    """What a clerk typed."""

    typed = fields.String(required=True, validate=validate.Length(1, TYPED_CHARACTERS_MAX))
    limit = fields.Integer(load_default=LIMIT, validate=validate.Range(1, 100))


class FoundResidentSchema(Schema):
    """A resident, masked, with the home by which a clerk knows it is the right one."""

    resident_no = fields.String(required=True)
    name = fields.String(required=True)
    phone = fields.String(allow_none=True)
    household_no = fields.String(required=True)
    grid_code = fields.String(required=True)
    grid_name = fields.String(required=True)
    building_no = fields.String(allow_none=True)
    door = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    whereabouts = fields.String(required=True)


class FoundResidentsSchema(Schema):
    """Those found, the surest first."""

    residents = fields.List(fields.Nested(FoundResidentSchema), required=True)


class CensusEntrySchema(Schema):
    """One household; `body` holds the fields of the form."""

    client_id = fields.String(required=True, validate=validate.Length(1, 64))
    body = fields.Dict(keys=fields.String(), required=True)


class CensusEntriesSchema(Schema):
    """What a device kept while it had no network."""

    entries = fields.List(
        fields.Nested(CensusEntrySchema), required=True, validate=validate.Length(1, ENTRIES_MAX)
    )


class CensusVerdictSchema(Schema):
    """accepted and duplicate: it is there. conflict and refused: a person must look."""

    client_id = fields.String(required=True)
    verdict = fields.String(
        required=True, validate=validate.OneOf(["accepted", "duplicate", "conflict", "refused"])
    )
    zh = fields.String(required=True)
    en = fields.String(required=True)
    household_no = fields.String(required=True)
    path = fields.String(required=True)


class CensusVerdictsSchema(Schema):
    """One verdict an entry, in the order they were sent."""

    verdicts = fields.List(fields.Nested(CensusVerdictSchema), required=True)
