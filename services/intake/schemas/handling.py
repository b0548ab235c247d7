"""The HTTP shapes of a request's steps."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.intake.rules.closing import OUTCOMES
from services.intake.rules.handling import TURNS
from services.intake.rules.requests import CLIENT_ID_CHARACTERS_MAX, DESCRIPTION_CHARACTERS_MAX


class StepAskedSchema(Schema):
    """One step that is asked for; what more it needs depends on the step."""

    action = fields.String(
        required=True, validate=validate.OneOf([action.value for action in TURNS])
    )
    note = fields.String(load_default="", validate=validate.Length(max=DESCRIPTION_CHARACTERS_MAX))
    reason = fields.String(
        load_default="",
        validate=validate.Length(max=64),
        metadata={"description": "理由代码 / code of the reason: decline, void, refer, shelve, …"},
    )
    outcome = fields.String(
        load_default="",
        validate=validate.OneOf(["", *OUTCOMES]),
        metadata={"description": "办理结果，只用于 resolve / the handler's word, for resolve"},
    )
    handler = fields.String(
        load_default="",
        validate=validate.Length(max=64),
        metadata={"description": "承办人账号，只用于 assign / account, for assign"},
    )
    client_id = fields.String(
        required=True,
        validate=validate.Length(1, CLIENT_ID_CHARACTERS_MAX),
        metadata={"description": "调用方自定的编号，重发同一编号只算一步 / safe to repeat"},
    )


class StepTakenSchema(Schema):
    """What came of it."""

    step_no = fields.Integer(required=True)
    state = fields.String(required=True)
    is_new = fields.Boolean(
        required=True, metadata={"description": "false：此前已答过 / had been answered before"}
    )


class HistoryStepSchema(Schema):
    """One step of the log; `facts` holds codes and numbers."""

    step_no = fields.Integer(required=True)
    at = fields.AwareDateTime(required=True)
    action = fields.String(required=True)
    from_state = fields.String(allow_none=True)
    to_state = fields.String(required=True)
    actor_kind = fields.String(required=True)
    unit_name = fields.String(allow_none=True)
    duty = fields.String(allow_none=True)
    facts = fields.Dict(required=True)
    rule_version = fields.String(allow_none=True)


class HistorySchema(Schema):
    """The whole history of a request, the oldest step first."""

    steps = fields.List(fields.Nested(HistoryStepSchema), required=True)
