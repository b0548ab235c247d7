"""The HTTP shapes of points, for the API and its document."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.points.queries import SEQ_MAX

PAGE_MAX = 200
PAGE_DEFAULT = 50
RESIDENT_ASSETS = ("points", "service_minutes")


class CapSchema(Schema):
    """A limit that took something, and how many points it allows."""

    code = fields.String(required=True)
    points_max = fields.Integer(allow_none=True)


class WordsSchema(Schema):
    """One text in both languages."""

    zh = fields.String(required=True)
    en = fields.String(required=True)


class EntrySchema(Schema):
    """流水: one entry of one account, and why it is what it is."""

    seq = fields.Integer(required=True, metadata={"description": "无空号 / has no gaps"})
    asset = fields.String(required=True)
    amount = fields.Integer(required=True)
    balance = fields.Integer(required=True, metadata={"description": "入账后余额 / after it"})
    on_date = fields.Date(required=True, metadata={"description": "Asia/Shanghai"})
    posted_at = fields.AwareDateTime(required=True)
    document_id = fields.UUID(required=True)
    kind = fields.String(required=True, metadata={"description": "activity, wish"})
    programme = fields.String(allow_none=True)
    rule_version = fields.Integer(allow_none=True)
    inputs = fields.Dict(
        keys=fields.String(), metadata={"description": "入账时存下的依据 / stored when credited"}
    )
    caps_hit = fields.List(fields.Nested(CapSchema), required=True)
    explanation = fields.Nested(WordsSchema, required=True)


class PassbookSchema(Schema):
    """存折: what a resident holds, and the last entries of points."""

    resident_no = fields.String(required=True)
    points = fields.Integer(required=True)
    points_pending = fields.Integer(
        required=True,
        metadata={"description": "公示中，不计入余额 / on notice, not in the balance"},
    )
    service_minutes = fields.Integer(required=True)
    entry_counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    last_entries = fields.List(fields.Nested(EntrySchema), required=True)


class EntriesSchema(Schema):
    """A part of an account, newest first; `next` is what to give as `before`, null at the end."""

    entries = fields.List(fields.Nested(EntrySchema), required=True)
    next = fields.Integer(allow_none=True)


class PageQuery(Schema):
    """A place in an account."""

    before = fields.Integer(load_default=SEQ_MAX, validate=validate.Range(1, SEQ_MAX))
    limit = fields.Integer(load_default=PAGE_DEFAULT, validate=validate.Range(1, PAGE_MAX))


class EntriesQuery(PageQuery):
    """A place in one of a resident's accounts."""

    asset = fields.String(load_default="points", validate=validate.OneOf(RESIDENT_ASSETS))


class PartnerAccountSchema(Schema):
    """贡献簿: what a partner has contributed."""

    slug = fields.String(required=True)
    points = fields.Integer(required=True)
    entry_count = fields.Integer(required=True)
    entries = fields.List(fields.Nested(EntrySchema), required=True)
    next = fields.Integer(allow_none=True)


class RuleSetSchema(Schema):
    """A published version of a programme's rules, as it was published."""

    programme = fields.String(required=True)
    version = fields.Integer(required=True)
    valid_from = fields.Date(required=True)
    published_at = fields.AwareDateTime(required=True)
    in_force = fields.Boolean(required=True, metadata={"description": "今日有效 / today"})
    body = fields.Dict(keys=fields.String(), required=True)


class RulesSchema(Schema):
    """All published versions, the newest first."""

    rules = fields.List(fields.Nested(RuleSetSchema), required=True)


class TotalsSchema(Schema):
    """The whole ledger, counted now; every imbalance must be 0."""

    residents_with_points = fields.Integer(required=True)
    points = fields.Integer(required=True)
    service_minutes = fields.Integer(required=True)
    partner_contribution = fields.Integer(required=True)
    honour_points = fields.Integer(required=True)
    time_coins = fields.Integer(required=True)
    imbalance = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    reconciled_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "上次核账 / the last full reconciliation"}
    )
