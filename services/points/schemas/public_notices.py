"""The HTTP shapes of public notices."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.points.rules.public_notices import (
    DAYS_MAX,
    TEXT_MAX,
    TEXT_MIN,
    Outcome,
    Reason,
    State,
)

LINES_PAGE_MAX = 200
LINE_NO_MAX = 2**31 - 1


class NoticeSchema(Schema):
    """公示: a notice of one community's awards of a period."""

    notice_no = fields.String(required=True)
    community_code = fields.String(required=True)
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    days = fields.Integer(required=True)
    published_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    closed_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "全部办结 / when every line was decided"}
    )
    line_count = fields.Integer(required=True)
    points = fields.Integer(required=True)


class NoticesSchema(Schema):
    """Notices; `next` is what to give as `before`, null at the end."""

    current = fields.List(fields.Nested(NoticeSchema), required=True)
    past = fields.List(fields.Nested(NoticeSchema), required=True)
    next = fields.UUID(allow_none=True)


class NoticesQuery(Schema):
    """A place in the past notices."""

    before = fields.UUID(load_default=None, allow_none=True)


class NoticeLineSchema(Schema):
    """A line as anybody may see it: numbers are masked."""

    line_no = fields.Integer(required=True)
    on_date = fields.Date(required=True)
    resident = fields.String(required=True, metadata={"description": "已遮盖 / masked"})
    household = fields.String(required=True, metadata={"description": "已遮盖 / masked"})
    activity_kind = fields.String(allow_none=True)
    activity_code = fields.String(allow_none=True)
    minutes = fields.Integer(allow_none=True)
    points = fields.Integer(required=True)
    state = fields.String(required=True, validate=validate.OneOf(list(State)))


class NoticeLinesSchema(Schema):
    """Lines of a notice; `next` is what to give as `after`, null at the end."""

    lines = fields.List(fields.Nested(NoticeLineSchema), required=True)
    next = fields.Integer(allow_none=True)


class NoticeLinesQuery(Schema):
    """A place in a notice."""

    after = fields.Integer(load_default=0, validate=validate.Range(0, LINE_NO_MAX))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, LINES_PAGE_MAX))


class NewNoticeSchema(Schema):
    """What to show: a community's awards of a period, both days inclusive."""

    community_code = fields.String(required=True, validate=validate.Length(1, 32))
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    days = fields.Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=validate.Range(1, DAYS_MAX),
        metadata={"description": "不填则按规则 / as the rules ask when it is not given"},
    )


class NewObjectionSchema(Schema):
    """What is the matter with a line; never shown to the public."""

    reason = fields.String(required=True, validate=validate.OneOf(list(Reason)))
    text = fields.String(required=True, validate=validate.Length(TEXT_MIN, TEXT_MAX))


class ObjectionSchema(Schema):
    """An objection that was taken."""

    objection_id = fields.UUID(required=True)


class DecisionSchema(Schema):
    """What a manager decides on a disputed line."""

    outcome = fields.String(required=True, validate=validate.OneOf(list(Outcome)))
    decision = fields.String(required=True, validate=validate.Length(TEXT_MIN, TEXT_MAX))


class DisputeSchema(Schema):
    """A line that waits for a decision."""

    notice_no = fields.String(required=True)
    line_no = fields.Integer(required=True)
    resident_no = fields.String(required=True)
    on_date = fields.Date(required=True)
    points = fields.Integer(required=True)
    ends_at = fields.AwareDateTime(required=True)
    raised_at = fields.AwareDateTime(required=True)
    objections = fields.Integer(required=True)
    reasons = fields.List(fields.String(), required=True)


class DisputesSchema(Schema):
    """The oldest objection first."""

    disputes = fields.List(fields.Nested(DisputeSchema), required=True)


class TieSchema(Schema):
    """A notice against the ledger, in points."""

    lines = fields.Integer(required=True)
    awarded = fields.Integer(required=True)
    posted = fields.Integer(required=True)
    reversed = fields.Integer(required=True)
    undecided = fields.Integer(required=True)
    is_sound = fields.Boolean(required=True)
