"""折换: one asset becomes another only as declared, in whole units, the remainder kept.

Service time and honours are counted for a conversion and stay where they are: each minute counts
once for each asset it is converted to, whatever versions of the rule come and go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.points.rules.declaring import choice, flag, table, whole, wrong
from services.points.rules.lots import expires_on

AMOUNT_MAX = 10**9
ASSETS = ("points", "service_minutes", "honour_points", "time_coins")
# Never spent, so a conversion may only count them; and nothing turns into service or honour.
COUNTED_ONLY = frozenset({"service_minutes", "honour_points"})
INTO = ("points", "time_coins")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """`from_amount` of one asset make `to_amount` of another; `by_right` without being asked."""

    name: str
    version: int
    from_asset: str
    to_asset: str
    from_amount: int
    to_amount: int
    consumes: bool
    by_right: bool
    expiry: Any


@dataclass(frozen=True, slots=True)
class Converted:
    """What is taken (or counted), what comes of it, and what is left for the next time."""

    taken: int
    made: int
    left: int


def read_conversion(
    name: str, version: int, valid_from: date, body: Mapping[str, Any]
) -> Conversion:
    """A conversion from its declared form; raises Rejected."""
    told = table(
        body,
        "",
        required=("from_asset", "to_asset", "from_amount", "to_amount", "consumes"),
        optional=("by_right", "expiry"),
    )
    from_asset = choice(told["from_asset"], "/from_asset", ASSETS)
    to_asset = choice(told["to_asset"], "/to_asset", INTO)
    consumes = flag(told["consumes"], "/consumes")
    if from_asset == to_asset:
        raise wrong("/to_asset", "须与转出的资产不同", "must differ from the asset it comes from")
    if consumes and from_asset in COUNTED_ONLY:
        raise wrong(
            "/consumes",
            "服务时长与荣誉分只计不减，请改为 false",
            "service time and honours are never spent: set it to false",
        )
    if not consumes and from_asset not in COUNTED_ONLY:
        raise wrong(
            "/consumes",
            "此资产折换后须扣减，请改为 true",
            "this asset must be taken when it is converted: set it to true",
        )
    expiry = told.get("expiry", "never")
    try:
        expires_on(expiry, valid_from)
    except ValueError:
        raise wrong(
            "/expiry",
            '应为 never、year_end 或 {"months": n}',
            'must be never, year_end or {"months": n}',
        ) from None
    return Conversion(
        name=name,
        version=version,
        from_asset=from_asset,
        to_asset=to_asset,
        from_amount=whole(told["from_amount"], "/from_amount", 1, AMOUNT_MAX),
        to_amount=whole(told["to_amount"], "/to_amount", 1, AMOUNT_MAX),
        consumes=consumes,
        by_right=flag(told.get("by_right", False), "/by_right"),
        expiry=expiry,
    )


def converted(rule: Conversion, available: int) -> Converted:
    """What `available` of the one asset makes of the other; the remainder stays."""
    units = max(available, 0) // rule.from_amount
    taken = units * rule.from_amount
    return Converted(taken, units * rule.to_amount, max(available, 0) - taken)
