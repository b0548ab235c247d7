"""How values are written on pages: filters and small functions for templates."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from flask import Flask, request, url_for

from shared.clock import DISTRICT_TIMEZONE
from shared.web import charts
from shared.web.i18n import language

NOTHING = "—"
_STATIC = Path(__file__).parent / "static"


def or_dash(value: object) -> object:
    """The value, or — when there is none (0 is a value)."""
    return NOTHING if value is None or value == "" else value


def local_time(at: datetime | None) -> str:
    """2026-11-22 11:55, the district's time."""
    return NOTHING if at is None else at.astimezone(DISTRICT_TIMEZONE).strftime("%Y-%m-%d %H:%M")


def local_day(on: date | datetime | None) -> str:
    """2026-11-22 / 2026年11月22日, the district's day."""
    if on is None:
        return NOTHING
    if isinstance(on, datetime):
        on = on.astimezone(DISTRICT_TIMEZONE).date()
    return on.isoformat() if language() == "en" else f"{on.year}年{on.month}月{on.day}日"


def number(value: float | None) -> str:
    """1,234 (and — for None)."""
    return NOTHING if value is None else f"{value:,}"


def signed(value: int | None) -> str:
    """+12, −3, 0: what an entry adds or takes."""
    if value is None:
        return NOTHING
    return f"{value:,}".replace("-", "−") if value <= 0 else f"+{value:,}"


def fen(value: int | None) -> str:
    """¥12.34 from whole fen."""
    if value is None:
        return NOTHING
    sign, whole = ("−" if value < 0 else ""), abs(value)
    return f"{sign}¥{whole // 100:,}.{whole % 100:02d}"


def minutes(value: int | None) -> str:
    """90 -> 1 小时 30 分 / 1 h 30 min."""
    if value is None:
        return NOTHING
    hours, rest = divmod(value, 60)
    if language() == "en":
        parts = ([f"{hours:,} h"] if hours else []) + ([f"{rest} min"] if rest or not hours else [])
    else:
        parts = ([f"{hours:,} 小时"] if hours else []) + (
            [f"{rest} 分"] if rest or not hours else []
        )
    return " ".join(parts)


def url_with(**changes: object) -> str:
    """This page's own address with some query parameters changed (None takes one away)."""
    kept = {name: value for name, value in request.args.items() if name not in changes}
    kept |= {name: str(value) for name, value in changes.items() if value is not None}
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def here() -> str:
    """This page's address with its query, to come back to."""
    return request.full_path if request.query_string else request.path


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a static file; it changes with the file, so caches never serve an old one."""
    return url_for("static", filename=name, v=_digest(name))


def install(app: Flask) -> None:
    """Give templates these filters and functions."""
    app.jinja_env.filters.update(
        or_dash=or_dash,
        local_time=local_time,
        local_day=local_day,
        number=number,
        signed=signed,
        fen=fen,
        minutes=minutes,
    )
    app.jinja_env.globals.update(
        asset=asset,
        url_with=url_with,
        here=here,
        NOTHING=NOTHING,
        column_shapes=charts.columns,
        line_points=charts.line,
        share=charts.share,
    )
