"""A person proclaims an alert level; the due list of patrols follows in the same transaction."""

from __future__ import annotations

from sqlalchemy import text

from services.intake.actions import patrol_dues
from services.intake.models import AlertLevel
from services.intake.rules.alerts import BASIS_CHARACTERS_MAX, Level
from shared import clock
from shared.errors import Conflict, Rejected
from shared.messaging.transaction import Transaction

_AREA = text("SELECT 1 FROM areas WHERE code = :code AND kind <> 'grid'")
_OWN = text("SELECT level FROM alert_levels WHERE area_code = :code ORDER BY id DESC LIMIT 1")


def proclaim(tx: Transaction, area_code: str, level: str, basis: str, by: str) -> int:
    """Put an area under a level from now on; how many spots got another due time.

    Raises Rejected naming the field, and Conflict when it is proclaimed already.
    """
    if level not in set(Level):
        listed = "、".join(Level)
        raise _wrong("level", f"须为其中之一：{listed}", f"must be one of {', '.join(Level)}")
    if not basis.strip() or len(basis) > BASIS_CHARACTERS_MAX or "\x00" in basis:
        raise _wrong(
            "basis",
            f"须写明依据（如文号、来电人），1 至 {BASIS_CHARACTERS_MAX} 个字符",
            f"say what it rests on, 1 to {BASIS_CHARACTERS_MAX} characters",
        )
    if tx.session.execute(_AREA, {"code": area_code}).scalar() is None:
        raise _wrong("area_code", "没有这个区、街道或社区", "there is no such area")
    patrol_dues.lock(tx)
    newest = tx.session.execute(_OWN, {"code": area_code}).scalar() or Level.NORMAL
    if newest == level:
        raise Conflict(
            "same_level",
            "该地区已是这一级别，无须再次发布",
            "this level is in force there already",
            pointer="/level",
        )
    tx.session.add(
        AlertLevel(
            area_code=area_code,
            level=level,
            since=clock.now(),
            proclaimed_by=by,
            basis=basis.strip(),
        )
    )
    tx.session.flush()
    return patrol_dues.follow(tx)


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("alert", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")
