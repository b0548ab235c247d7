"""The HTTP shapes of rules: drafts, checks and simulations."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.points.rules.rule_set import REASON_CHARS_MAX, REASON_CHARS_MIN

_REVISION = validate.Range(1, 2**31 - 1)


class RuleBodySchema(Schema):
    """Rules as they are written; see examples/programmes."""

    body = fields.Dict(keys=fields.String(), required=True)


class RuleProblemSchema(Schema):
    """What is wrong at one place of the rules, and what to do about it."""

    pointer = fields.String(required=True, metadata={"description": "RFC 6901, into body"})
    zh = fields.String(required=True)
    en = fields.String(required=True)


class CheckedRulesSchema(Schema):
    """All problems (none: the rules could be published), and the rules in plain words."""

    problems = fields.List(fields.Nested(RuleProblemSchema), required=True)
    zh = fields.List(fields.String(), required=True)
    en = fields.List(fields.String(), required=True)


class RevisionSchema(Schema):
    """The revision that was seen; another one is refused."""

    revision = fields.Integer(required=True, validate=_REVISION)


class EditedRulesSchema(RuleBodySchema):
    """A new body for the revision that was seen."""

    revision = fields.Integer(required=True, validate=_REVISION)


class RejectedRulesSchema(RevisionSchema):
    """Why a draft is refused."""

    reason = fields.String(
        required=True, validate=validate.Length(REASON_CHARS_MIN, REASON_CHARS_MAX)
    )


class RuleDraftSchema(Schema):
    """积分规则草案, with what its last simulation found while it has not changed since."""

    draft_id = fields.UUID(required=True)
    body = fields.Dict(keys=fields.String(), required=True)
    revision = fields.Integer(required=True)
    state = fields.String(
        required=True, metadata={"description": "draft, submitted, published, rejected"}
    )
    made_by = fields.String(required=True)
    made_at = fields.AwareDateTime(required=True)
    changed_at = fields.AwareDateTime(required=True)
    submitted_at = fields.AwareDateTime(allow_none=True)
    checked_by = fields.String(allow_none=True)
    checked_at = fields.AwareDateTime(allow_none=True)
    reason = fields.String(allow_none=True)
    simulated = fields.Dict(keys=fields.String(), allow_none=True)
    simulated_at = fields.AwareDateTime(allow_none=True)


class RuleDraftsSchema(Schema):
    """Open drafts first, then those decided last."""

    drafts = fields.List(fields.Nested(RuleDraftSchema), required=True)
