"""Examples of declared rules, to be edited: what a manager begins with when he proposes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STARS: Mapping[str, Any] = {
    "levels": [{"hours": hours, "points": 0} for hours in (100, 300, 600, 1000, 1500)]
}
STARS_SHORT: Mapping[str, Any] = {
    "levels": [{"hours": hours, "points": 0} for hours in (30, 60, 100, 200, 300)]
}
STARS_TWO_KEYS: Mapping[str, Any] = {
    "programme": "ideal-bank",
    "levels": [
        {"hours": hours, "points": points}
        for hours, points in (
            (50, 500),
            (100, 1000),
            (200, 2100),
            (400, 4200),
            (800, 8400),
            (1000, 10500),
            (2000, 21000),
        )
    ],
}
HONOURS: Mapping[str, Any] = {
    "levels": {
        "nation": 50,
        "province": 30,
        "prefecture": 20,
        "county": 15,
        "street": 10,
        "community": 5,
    }
}
TIME_COINS: Mapping[str, Any] = {
    "from_asset": "service_minutes",
    "to_asset": "time_coins",
    "from_amount": 60,
    "to_amount": 1,
    "consumes": False,
    "by_right": True,
    "expiry": "never",
}
HOUSEHOLD: Mapping[str, Any] = {
    "gift_day_max": 50,
    "gift_month_max": 200,
    "spend_month_max": 500,
}
RATING: Mapping[str, Any] = {
    "base": 600,
    "parts": [
        {
            "code": "volunteer",
            "zh": "志愿服务",
            "en": "Volunteering",
            "improve_zh": "参加志愿服务，每满 10 小时加 1 分。",
            "improve_en": "Volunteer: every 10 hours add 1.",
            "attribute": "service_minutes",
            "max": 50,
            "points": 1,
            "per": 600,
            "decay_percent": 20,
        },
        {
            "code": "continuity",
            "zh": "持之以恒",
            "en": "Continuity",
            "improve_zh": "每月参加一次服务。",
            "improve_en": "Serve once every month.",
            "attribute": "active_months",
            "max": 120,
            "points": 5,
            "per": 1,
            "decay_percent": 30,
        },
        {
            "code": "honesty",
            "zh": "诚信记录",
            "en": "Honest records",
            "improve_zh": "服务时本人签到签退。",
            "improve_en": "Sign in and out yourself.",
            "attribute": "self_checked_days",
            "max": 80,
            "points": 2,
            "per": 1,
            "decay_percent": 20,
        },
        {
            "code": "honours",
            "zh": "荣誉",
            "en": "Honours",
            "improve_zh": "获得的荣誉请社区登记。",
            "improve_en": "Have honours you receive registered by your community.",
            "attribute": "honour_points",
            "max": 100,
            "points": 1,
            "per": 1,
        },
        {
            "code": "giving",
            "zh": "乐于助人",
            "en": "Giving",
            "improve_zh": "把用不完的积分捐入社区积分池。",
            "improve_en": "Give points you do not need to the community's pool.",
            "attribute": "donated_points",
            "max": 50,
            "points": 1,
            "per": 10,
            "decay_percent": 20,
        },
    ],
    "rewards": [
        {"reward": "commendation", "from": 700},
        {"reward": "venue_priority", "from": 650},
        {"reward": "exchange_discount", "from": 700},
    ],
    "deductions": {"enabled": False, "items": []},
}

# By kind: name, and rules.
EXAMPLES: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
    "star": (("default", STARS), ("youth", STARS_SHORT), ("two-keys", STARS_TWO_KEYS)),
    "rating": (("default", RATING),),
    "honour": (("default", HONOURS),),
    "conversion": (("hour-to-coin", TIME_COINS),),
    "household": (("default", HOUSEHOLD),),
}
