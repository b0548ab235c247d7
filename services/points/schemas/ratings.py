"""HTTP shapes of stars, scores and declared rules."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.points.schemas.books import WordsSchema


class OnQuery(Schema):
    """As of which day; today when it is not given."""

    on = fields.Date(load_default=None, metadata={"description": "Asia/Shanghai"})


class StarsSchema(Schema):
    """星级: where a resident stands on one ladder."""

    ladder = fields.String(required=True)
    version = fields.Integer(required=True)
    star = fields.Integer(required=True)
    stars = fields.Integer(required=True)
    service_minutes = fields.Integer(required=True)
    points_earned = fields.Integer(required=True)
    minutes_left = fields.Integer(required=True)
    points_left = fields.Integer(required=True)


class PartSchema(Schema):
    """One part of a score, with its reason."""

    code = fields.String(required=True)
    name = fields.Nested(WordsSchema, required=True)
    points = fields.Integer(required=True)
    points_max = fields.Integer(required=True)
    reason = fields.String(
        required=True, metadata={"description": "full, counted, repaired, nothing_yet, deducted"}
    )
    why = fields.Nested(WordsSchema, required=True)


class ScoreSchema(Schema):
    """信用评价: a score and the parts it is the sum of."""

    score = fields.Integer(required=True, metadata={"description": "0–1,000"})
    base = fields.Integer(required=True)
    version = fields.Integer(required=True)
    parts = fields.List(fields.Nested(PartSchema), required=True)
    deductions = fields.List(fields.Nested(PartSchema), required=True)


class RatingSchema(Schema):
    """A resident's stars and score as of a day; no score before a rating was declared."""

    resident_no = fields.String(required=True)
    on = fields.Date(required=True)
    stars = fields.List(fields.Nested(StarsSchema), required=True)
    rating = fields.Nested(ScoreSchema, allow_none=True)


class DeclaredRuleSchema(Schema):
    """A declared version, as it was published; who decided it is on the proposals' page."""

    kind = fields.String(required=True)
    name = fields.String(required=True)
    version = fields.Integer(required=True)
    valid_from = fields.Date(required=True)
    body = fields.Dict(keys=fields.String(), required=True)
    published_at = fields.AwareDateTime(required=True)


class DeclaredRulesSchema(Schema):
    """The newest declared rules of all kinds."""

    rules = fields.List(fields.Nested(DeclaredRuleSchema), required=True)
