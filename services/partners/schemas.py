"""The HTTP shapes of partners, for the API and its document."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.partners.rules import organisations as rules
from services.partners.rules.organisations import Kind, Status

PAGE_MAX = 50
OVERLAP_HOURS_MAX = 30 * 24

_kinds = validate.OneOf([kind.value for kind in Kind])
_statuses = validate.OneOf([status.value for status in Status])
_quota = validate.Range(0, rules.QUOTA_MAX)


def _whole(**options: object) -> fields.Integer:
    return fields.Integer(strict=True, **options)  # type: ignore[arg-type]


class AgreementSchema(Schema):
    """意向书: both days belong to it (Asia/Shanghai)."""

    no = fields.String(required=True, validate=validate.Length(1, rules.NO_CHARACTERS_MAX))
    valid_from = fields.Date(required=True)
    valid_to = fields.Date(required=True)
    event_types = fields.List(
        fields.String(validate=validate.Length(1, 128)),
        required=True,
        validate=validate.Length(1, rules.EVENT_TYPES_MAX),
    )


class QuotaSchema(Schema):
    """Events by both doors together; 0 is none."""

    per_minute = _whole(required=True, validate=_quota)
    per_day = _whole(required=True, validate=_quota)


class NewOrganisationSchema(Schema):
    """An organisation to register."""

    slug = fields.String(required=True, validate=validate.Regexp(r"^[a-z0-9-]{2,40}\Z"))
    name = fields.String(required=True, validate=validate.Length(1, rules.NAME_CHARACTERS_MAX))
    kind = fields.String(required=True, validate=_kinds)
    system = fields.String(load_default="main", validate=validate.Length(1, 64))
    agreement = fields.Nested(AgreementSchema, required=True)
    quota = fields.Nested(QuotaSchema)


class OrganisationSchema(Schema):
    """An organisation with the agreement in force."""

    slug = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True, validate=_kinds)
    system = fields.String(required=True)
    status = fields.String(required=True, validate=_statuses)
    reason = fields.String(allow_none=True)
    activating = fields.Boolean(required=True, metadata={"description": "active soon"})
    revision = fields.Integer(required=True)
    agreement = fields.Nested(AgreementSchema, required=True)
    quota = fields.Nested(QuotaSchema, required=True)
    contribution = fields.Integer(required=True, metadata={"description": "贡献值 / points"})
    broker_problem = fields.String(allow_none=True, metadata={"description": "中文 / English"})
    registered_at = fields.AwareDateTime(required=True)


class OrganisationsSchema(Schema):
    """Organisations by slug; `next` is what to give as `after`, null at the end."""

    organisations = fields.List(fields.Nested(OrganisationSchema), required=True)
    next = fields.String(allow_none=True)


class OrganisationsQuery(Schema):
    """Filters of the list."""

    after = fields.String(load_default="", validate=validate.Length(max=40))
    status = fields.String(validate=_statuses)
    kind = fields.String(validate=_kinds)
    q = fields.String(validate=validate.Length(max=100))
    limit = fields.Integer(load_default=PAGE_MAX, validate=validate.Range(1, PAGE_MAX))


class CredentialsSchema(Schema):
    """Shown once, kept nowhere."""

    amqp_user = fields.String(required=True)
    amqp_password = fields.String(required=True)
    exchange = fields.String(required=True, metadata={"description": "publish here"})
    reply_queue = fields.String(required=True, metadata={"description": "read verdicts here"})
    api_key = fields.String(required=True, metadata={"description": "Bearer key of POST /events"})


class RegisteredSchema(Schema):
    """A new organisation and its credentials."""

    organisation = fields.Nested(OrganisationSchema, required=True)
    credentials = fields.Nested(CredentialsSchema, required=True)


class SuspendSchema(Schema):
    """Why; the partner is told."""

    reason = fields.String(required=True, validate=validate.Length(1, rules.REASON_CHARACTERS_MAX))


class RotateSchema(Schema):
    """How long the old API key works on, in hours; 0 cuts key and connections at once."""

    overlap_hours = _whole(load_default=168, validate=validate.Range(0, OVERLAP_HOURS_MAX))
