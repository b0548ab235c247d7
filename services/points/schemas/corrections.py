"""The HTTP shapes of corrections, paper books and flags."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.points.rules.corrections import (
    ASSETS,
    POLICIES,
    REASONS,
    TEXT_MAX,
    TEXT_MIN,
)
from services.points.rules.flags import KINDS, STATES

_TEXT = validate.Length(TEXT_MIN, TEXT_MAX)
_CODE = validate.Length(1, 64)
_POLICY = validate.OneOf([str(one) for one in POLICIES])
CORRECTION_STATES = ("open", "approved", "refused", "lapsed")


class _WhySchema(Schema):
    reason_code = fields.String(required=True, validate=validate.OneOf(list(REASONS)))
    reason = fields.String(
        required=True,
        validate=_TEXT,
        metadata={"description": "不写姓名、电话 / no names, no telephone numbers"},
    )


class AwardReversalSchema(_WhySchema):
    """Reverse an award; without `policy` what its rules declare, else within the balance."""

    award_id = fields.UUID(required=True)
    policy = fields.String(load_default=None, allow_none=True, validate=_POLICY)


class DocumentReversalSchema(_WhySchema):
    """Reverse an adjustment or an import as a whole."""

    document_id = fields.UUID(required=True)
    policy = fields.String(load_default="within_balance", validate=_POLICY)


class AdjustmentSchema(_WhySchema):
    """Add to an account of a resident, or take from it (negative)."""

    resident_no = fields.String(required=True, validate=validate.Length(1, 32))
    asset = fields.String(required=True, validate=validate.OneOf(list(ASSETS)))
    amount = fields.Integer(required=True, strict=True)
    expires_on = fields.Date(load_default=None, allow_none=True)
    once = fields.UUID(
        load_default=None,
        allow_none=True,
        metadata={"description": "自拟编号，防重复提出 / your own id against asking twice"},
    )


class CorrectionDecisionSchema(Schema):
    """Why it is approved or refused."""

    decision = fields.String(required=True, validate=_TEXT)


class CorrectionSchema(Schema):
    """更正: a proposal as it stands."""

    correction_id = fields.UUID(required=True)
    kind = fields.String(required=True)
    subject_id = fields.UUID(allow_none=True)
    policy = fields.String(allow_none=True)
    resident_no = fields.String(allow_none=True)
    body = fields.Dict(keys=fields.String(), required=True)
    reason_code = fields.String(required=True)
    reason = fields.String(required=True)
    state = fields.String(required=True)
    made_by = fields.String(required=True)
    made_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True)
    checked_by = fields.String(allow_none=True)
    checked_at = fields.AwareDateTime(allow_none=True)
    decision = fields.String(allow_none=True)
    document_id = fields.UUID(allow_none=True)


class CorrectionsSchema(Schema):
    """Proposals, the newest first."""

    corrections = fields.List(fields.Nested(CorrectionSchema), required=True)


class CorrectionsQuery(Schema):
    """Which proposals."""

    state = fields.String(load_default=None, validate=validate.OneOf(CORRECTION_STATES))
    before = fields.AwareDateTime(load_default=None, metadata={"description": "made_at"})


class ImportProblemSchema(Schema):
    """What is wrong in a row and a column; row 0 is the whole file."""

    row = fields.Integer(required=True)
    column = fields.String(required=True)
    zh = fields.String(required=True)
    en = fields.String(required=True)


class ImportSchema(Schema):
    """What the dry run of a file found; `state` is its proposal's."""

    import_id = fields.UUID(required=True)
    format = fields.String(required=True)
    row_count = fields.Integer(required=True)
    problem_count = fields.Integer(required=True)
    problems = fields.List(fields.Nested(ImportProblemSchema), required=True)
    made_by = fields.String(required=True)
    made_at = fields.AwareDateTime(required=True)
    correction_id = fields.UUID(allow_none=True)
    state = fields.String(allow_none=True)
    document_id = fields.UUID(allow_none=True)
    reverted_by = fields.UUID(allow_none=True)


class ImportSubmissionSchema(Schema):
    """Why a file is brought in."""

    reason = fields.String(required=True, validate=_TEXT)


class FlagSchema(Schema):
    """疑点: what a person should look at."""

    flag_id = fields.UUID(required=True)
    kind = fields.String(required=True)
    subject = fields.String(required=True)
    evidence = fields.Dict(keys=fields.String(), required=True)
    state = fields.String(required=True)
    raised_at = fields.AwareDateTime(required=True)
    checked_by = fields.String(allow_none=True)
    checked_at = fields.AwareDateTime(allow_none=True)
    decision = fields.String(allow_none=True)


class FlagsSchema(Schema):
    """Flags, the newest first."""

    flags = fields.List(fields.Nested(FlagSchema), required=True)


class FlagsQuery(Schema):
    """Which flags."""

    state = fields.String(load_default=None, validate=validate.OneOf(list(STATES)))
    kind = fields.String(load_default=None, validate=validate.OneOf(list(KINDS)))


class JudgementSchema(CorrectionDecisionSchema):
    """What somebody found."""

    outcome = fields.String(required=True, validate=validate.OneOf(["dismissed", "confirmed"]))


class OrganiserSchema(Schema):
    """A resident who organises for a partner."""

    partner = fields.String(required=True, validate=_CODE)
    resident_no = fields.String(required=True, validate=validate.Length(1, 32))


class DeclaredOrganiserSchema(OrganiserSchema):
    """As it was declared."""

    declared_by = fields.String(required=True)
    declared_at = fields.AwareDateTime(required=True)


class OrganisersSchema(Schema):
    """All that stand."""

    organisers = fields.List(fields.Nested(DeclaredOrganiserSchema), required=True)
