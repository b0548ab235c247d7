"""The HTTP shapes of notify's API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from services.notify.queries import PAGE_MAX
from services.notify.rules import LANGUAGES, Channel, Kind, State
from shared.clock import DISTRICT_TIMEZONE

RECEIPTS_MAX = 1000
_TEXT = validate.Length(min=1, max=500)
_CODE = validate.Length(min=1, max=64)
_RESIDENT_NO = validate.Length(min=1, max=32)


class NoticesQuery(Schema):
    """Which notices."""

    after = fields.UUID(metadata={"description": "上一页的 next / `next` of the page before"})
    resident_no = fields.String(
        validate=_RESIDENT_NO,
        metadata={"description": "只看这位居民 / of this resident only"},
    )
    limit = fields.Integer(load_default=PAGE_MAX, validate=validate.Range(1, PAGE_MAX))


class NoticeSchema(Schema):
    """A notice in the reader's language."""

    id = fields.UUID()
    resident_no = fields.String()
    kind = fields.String(validate=validate.OneOf(list(Kind)))
    title = fields.String()
    text = fields.String()
    accepted_at = fields.AwareDateTime(
        metadata={"description": "事件受理时间 / when the event was accepted"}
    )
    created_at = fields.AwareDateTime()
    read_at = fields.AwareDateTime(allow_none=True)


class NoticesSchema(Schema):
    """A page of notices, oldest first."""

    notices = fields.List(fields.Nested(NoticeSchema))
    next = fields.UUID(
        allow_none=True, metadata={"description": "下一页的 after / `after` of the next page"}
    )


class CountsSchema(Schema):
    """Notices by kind."""

    request_receipt = fields.Integer()
    wish = fields.Integer()
    points_credited = fields.Integer()
    points_expiring = fields.Integer()
    points_shared = fields.Integer()
    star_reached = fields.Integer()
    points_disputed = fields.Integer()
    dispute_decided = fields.Integer()
    points_posted = fields.Integer()
    redemption_held = fields.Integer()
    redemption_posted = fields.Integer()
    redemption_released = fields.Integer()
    points_corrected = fields.Integer()
    coins_departed = fields.Integer()
    coins_returned = fields.Integer()
    coins_arrived = fields.Integer()


class DeliveriesQuery(Schema):
    """Which deliveries."""

    state = fields.String(validate=validate.OneOf(list(State)))
    before = fields.UUID(metadata={"description": "上一页的 next / `next` of the page before"})
    limit = fields.Integer(load_default=PAGE_MAX, validate=validate.Range(1, PAGE_MAX))


class DeliverySchema(Schema):
    """A delivery; name and phone are masked."""

    id = fields.UUID()
    resident_no = fields.String()
    name = fields.String()
    phone = fields.String()
    kind = fields.String()
    channel = fields.String()
    state = fields.String()
    attempts = fields.Integer()
    last_error = fields.String(allow_none=True)
    next_attempt_at = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime()
    sent_at = fields.AwareDateTime(allow_none=True)
    delivered_at = fields.AwareDateTime(allow_none=True)


class DeliveriesSchema(Schema):
    """A page of deliveries, newest first."""

    deliveries = fields.List(fields.Nested(DeliverySchema))
    next = fields.UUID(allow_none=True)


class TextSchema(Schema):
    """One text of a template version."""

    channel = fields.String(required=True, validate=validate.OneOf(list(Channel)))
    language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))
    body = fields.String(
        required=True,
        validate=_TEXT,
        metadata={"description": "占位符写作 {name} / placeholders are written {name}"},
    )
    provider_code = fields.String(load_default=None, allow_none=True, validate=_CODE)


class NewVersionSchema(Schema):
    """A new version of a kind: all its channels and languages at once."""

    kind = fields.String(required=True, validate=validate.OneOf(list(Kind)))
    active_from = fields.AwareDateTime(
        load_default=None,
        allow_none=True,
        metadata={"description": "生效时间，默认立即 / when it takes effect, now by default"},
    )
    texts = fields.List(
        fields.Nested(TextSchema), required=True, validate=validate.Length(min=1, max=16)
    )


class VersionSchema(Schema):
    """A version that was added."""

    kind = fields.String()
    version = fields.Integer()


class TemplateSchema(TextSchema):
    """One text as it is kept."""

    id = fields.UUID()
    kind = fields.String()
    version = fields.Integer()
    active_from = fields.AwareDateTime()


class TemplatesSchema(Schema):
    """All texts of all versions, newest version first."""

    templates = fields.List(fields.Nested(TemplateSchema))


class ReceiptAnswerSchema(Schema):
    """What the vendor expects to hear."""

    code = fields.Integer()
    msg = fields.String()


class ReceiptSchema(Schema):
    """One report of the vendor. Its phone number is not among the fields: it goes no further."""

    class Meta:
        unknown = EXCLUDE

    out_id = fields.UUID(load_default=None, allow_none=True)
    biz_id = fields.String(
        load_default=None, allow_none=True, validate=validate.Length(min=1, max=100)
    )
    success = fields.Boolean(required=True)
    err_code = fields.String(load_default="", allow_none=True, validate=validate.Length(max=100))
    report_time = fields.NaiveDateTime(
        load_default=None, allow_none=True, format="%Y-%m-%d %H:%M:%S"
    )

    @post_load
    def _finish(self, values: dict[str, Any], **_: Any) -> dict[str, Any]:
        at: datetime | None = values["report_time"]
        values["report_time"] = at and at.replace(tzinfo=DISTRICT_TIMEZONE)
        values["err_code"] = (values["err_code"] or "unknown").replace("\0", "")
        if values["biz_id"] and "\0" in values["biz_id"]:
            raise ValidationError("NUL", "biz_id")
        return values


def load_receipts(body: object) -> tuple[list[dict[str, Any]], int]:
    """The reports that can be read, and how many cannot; ValidationError when it is no list.

    One broken report must not make the vendor send all the others again for ever.
    """
    if not isinstance(body, list):
        raise ValidationError("须为 JSON 数组\nmust be a JSON array")
    if len(body) > RECEIPTS_MAX:
        raise ValidationError(f"最多 {RECEIPTS_MAX} 条\nat most {RECEIPTS_MAX} reports")
    schema = ReceiptSchema()
    read, unreadable = [], 0
    for one in body:
        try:
            read.append(schema.load(one))
        except (ValidationError, ValueError):
            unreadable += 1
    return read, unreadable
