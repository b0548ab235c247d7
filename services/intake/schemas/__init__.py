"""The HTTP shapes of intake, for the API and its document."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.intake.rules.judging import Reason
from shared.schemas.verdict import VERDICTS

SEQ_MAX = 2**63 - 1
PAGE_MAX = 1000
TEXT_MAX = 1024


class VerdictSchema(Schema):
    """One verdict, as partners read it in the 202 answer and on their reply queue."""

    source = fields.String(required=True)
    id = fields.String(required=True, metadata={"description": "made-… where no id could be read"})
    verdict = fields.String(required=True, validate=validate.OneOf(VERDICTS))
    reason = fields.String(allow_none=True, validate=validate.OneOf([r.value for r in Reason]))
    detail = fields.String(allow_none=True, metadata={"description": "中文 / English"})
    pointer = fields.String(allow_none=True, metadata={"description": "RFC 6901"})
    received_at = fields.AwareDateTime(required=True)


class LoggedVerdictSchema(VerdictSchema):
    """One line of a partner's log of verdicts; `seq` has no gaps and never changes."""

    partner = fields.String(required=True)
    seq = fields.Integer(required=True)
    type = fields.String(required=True)
    door = fields.String(required=True, validate=validate.OneOf(["amqp", "http", "redrive"]))


class VerdictsSchema(Schema):
    """The answer to POST /events: one verdict per event, in the order they were sent."""

    verdicts = fields.List(fields.Nested(VerdictSchema), required=True)


class VerdictLogSchema(Schema):
    """A part of the log; `next` is what to give as `after`, null at the end."""

    verdicts = fields.List(fields.Nested(LoggedVerdictSchema), required=True)
    next = fields.Integer(allow_none=True)


class VerdictLogQuery(Schema):
    """Either `source` and `id` of one event, or a place in the log."""

    source = fields.String(validate=validate.Length(max=TEXT_MAX))
    id = fields.String(validate=validate.Length(max=TEXT_MAX))
    after = fields.Integer(load_default=0, validate=validate.Range(0, SEQ_MAX))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, PAGE_MAX))


class RejectedSchema(Schema):
    """Rejected events, the newest first; `next` is what to give as `before`."""

    events = fields.List(fields.Nested(LoggedVerdictSchema), required=True)
    next = fields.String(allow_none=True)


class RejectedQuery(Schema):
    """Which of the rejected events."""

    partner = fields.String(validate=validate.Length(max=64))
    reason = fields.String(validate=validate.OneOf([r.value for r in Reason]))
    before = fields.String(validate=validate.Length(max=200))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE_MAX))


class RedriveSchema(Schema):
    """One rejected event: the partner and the number of its verdict."""

    partner = fields.String(required=True, validate=validate.Length(1, 64))
    seq = fields.Integer(required=True, strict=True, validate=validate.Range(1, SEQ_MAX))


class RequestSchema(Schema):
    """诉求, with the resident's name masked."""

    request_no = fields.String(required=True)
    state = fields.String(required=True)
    urgency = fields.String(required=True)
    category = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    grid_code = fields.String(required=True)
    grid_name = fields.String(allow_none=True)
    community_name = fields.String(allow_none=True)
    resident_no = fields.String(allow_none=True)
    resident_name = fields.String(allow_none=True)
    partner = fields.String(allow_none=True)
    source_event_id = fields.String(allow_none=True)
    opened_at = fields.AwareDateTime(required=True)
    accepted_at = fields.AwareDateTime(required=True)


class RequestsSchema(Schema):
    """Requests, the newest first; `next` is what to give as `before`."""

    requests = fields.List(fields.Nested(RequestSchema), required=True)
    next = fields.String(allow_none=True)


class RequestsQuery(Schema):
    """Which of the requests."""

    state = fields.String(validate=validate.Length(max=32))
    urgency = fields.String(validate=validate.OneOf(["normal", "urgent", "critical"]))
    category = fields.String(validate=validate.Length(max=32))
    grid = fields.String(validate=validate.Length(max=32))
    community = fields.String(validate=validate.Length(max=32))
    before = fields.String(validate=validate.Length(max=200))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE_MAX))
