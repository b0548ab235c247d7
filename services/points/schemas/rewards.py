"""The HTTP shapes of rewards and redemptions."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.points.rules.redemptions import QUANTITY_MAX
from services.points.rules.rewards import ASSETS, KINDS

ID_MAX = 2**63 - 1


class RewardSchema(Schema):
    """奖品: what can be redeemed, for how much, and how many are left (null: no end)."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(list(KINDS)))
    title = fields.String(required=True)
    about = fields.String(required=True)
    place = fields.String(required=True)
    partner = fields.String(allow_none=True)
    community_code = fields.String(allow_none=True)
    asset = fields.String(required=True, validate=validate.OneOf(list(ASSETS)))
    price = fields.Integer(required=True)
    minutes = fields.Integer(allow_none=True)
    min_service_minutes = fields.Integer(required=True)
    limit_count = fields.Integer(allow_none=True)
    limit_span = fields.String(allow_none=True)
    is_exchange_day = fields.Boolean(
        required=True, metadata={"description": "今日可兑 / can be redeemed today"}
    )
    left = fields.Integer(allow_none=True)


class SlotSchema(Schema):
    """A time of a venue that has not begun."""

    id = fields.Integer(required=True)
    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    is_taken = fields.Boolean(required=True)


class RewardsSchema(Schema):
    """The catalogue of today."""

    rewards = fields.List(fields.Nested(RewardSchema), required=True)


class OneRewardSchema(RewardSchema):
    """A reward; a venue with its times."""

    slots = fields.List(fields.Nested(SlotSchema), required=True)


class RewardsQuery(Schema):
    """Which rewards."""

    kind = fields.String(load_default=None, validate=validate.OneOf(list(KINDS)))


class RedeemSchema(Schema):
    """What to redeem; a clerk names the resident."""

    reward_id = fields.Integer(required=True, strict=True, validate=validate.Range(1, ID_MAX))
    quantity = fields.Integer(load_default=1, strict=True, validate=validate.Range(1, QUANTITY_MAX))
    slot_id = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(1, ID_MAX)
    )
    resident_no = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 32))
    use_household = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={
            "description": "先用自己的积分，不够再用家人共用的"
            " / own points first, then those the household shares"
        },
    )


class CodeSchema(Schema):
    """A pickup code, as it was shown or scanned."""

    code = fields.String(required=True, validate=validate.Length(1, 40))


class RedemptionSchema(Schema):
    """兑换. The code is told to its owner alone, while it is held."""

    redemption_no = fields.String(required=True)
    reward_id = fields.Integer(required=True)
    title = fields.String(required=True)
    kind = fields.String(required=True)
    partner = fields.String(allow_none=True)
    quantity = fields.Integer(required=True)
    asset = fields.String(required=True)
    price = fields.Integer(required=True)
    from_household = fields.Integer(
        allow_none=True,
        metadata={
            "description": "其中家人共用的积分，只给本人和社区"
            " / how much of the price the household paid; null for partners"
        },
    )
    place = fields.String(required=True)
    state = fields.String(required=True)
    held_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(required=True)
    settled_at = fields.AwareDateTime(allow_none=True)
    settled_how = fields.String(allow_none=True)
    starts_at = fields.AwareDateTime(allow_none=True)
    ends_at = fields.AwareDateTime(allow_none=True)
    code = fields.String(allow_none=True)


class RedemptionsSchema(Schema):
    """A part of the list, newest first; `next` is what to give as `before`, null at the end."""

    redemptions = fields.List(fields.Nested(RedemptionSchema), required=True)
    next = fields.Integer(allow_none=True)


class RedemptionsQuery(Schema):
    """A place in the list."""

    before = fields.Integer(load_default=ID_MAX, validate=validate.Range(1, ID_MAX))
