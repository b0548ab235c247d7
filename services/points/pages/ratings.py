"""星级与信用评价: where somebody stands and why, how to do better, and how to appeal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote
from uuid import UUID, uuid4

from flask import Blueprint, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.points import queries
from services.points.actions.conversions import convert
from services.points.actions.proposals import propose
from services.points.queries import declared, ratings, stars
from services.points.queries import households as homes
from services.points.queries.stars import Recorded
from services.points.rules.honours import LEVELS
from services.points.rules.rating import ATTRIBUTES, REWARDS, Scored, score
from services.points.rules.stars import Ladder, Progress, changes, ladder_on, progress
from shared import clock
from shared.db.session import Sessions
from shared.messaging.transaction import Transaction
from shared.web.access import public, require_role
from shared.web.acting import act
from shared.web.auth import require_subject, signed_in
from shared.web.i18n import t

OFFICE = frozenset({"staff", "manager", "auditor"})
ASSETS = {
    "points": ("积分", "Points"),
    "service_minutes": ("服务时长", "Service time"),
    "honour_points": ("荣誉分", "Honour points"),
    "time_coins": ("时间币", "Time coins"),
}
HONOUR_LEVELS = {
    "nation": ("国家级", "National"),
    "province": ("省级", "Provincial"),
    "prefecture": ("市级", "Prefectural"),
    "county": ("区县级", "County"),
    "street": ("街镇级", "Street"),
    "community": ("社区级", "Community"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a resident stands on one ladder, and the changes that were written down."""

    ladder: Ladder
    progress: Progress
    changes: list[Recorded]


def add_ratings(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/ratings for everybody, /points/ratings/<resident_no> for one."""

    @blueprint.get("/points/ratings")
    @public
    def explain_ratings() -> str:
        today = clock.today()
        with sessions() as session:
            return render_template(
                "ratings.html",
                ladders=_ladders_on(session, today),
                rating=declared.rating_on(session, today),
                scale=declared.honour_scale_on(session, today),
                conversions=declared.conversions_on(session, today),
                limits=declared.limits_on(session, today),
                numbered=lambda levels: list(enumerate(levels, 1)),
                **_words(),
            )

    @blueprint.get("/points/ratings/find")
    @require_role("resident", *OFFICE)
    def find_rating() -> Response:
        account = signed_in()
        asked = account.subject if account.role == "resident" else request.args.get("no", "")
        return redirect(address(asked.strip()[:32]) if asked.strip() else "/points/ratings", 303)

    @blueprint.get("/points/ratings/<resident_no>")
    @require_role("resident", *OFFICE)
    def show_rating(resident_no: str) -> str:
        account = require_subject(resident_no, unless=OFFICE)
        with sessions() as session:
            return render_template(
                "rating.html",
                resident_no=resident_no,
                is_own=account.role == "resident",
                **_shown(session, resident_no, clock.today()),
                **_words(),
            )

    _add_verbs(blueprint, sessions)


def _add_verbs(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post("/points/ratings/<resident_no>/appeals")
    @require_role("resident", "staff")
    def appeal(resident_no: str) -> Response:
        part, _, note_id = request.form.get("part", "").partition("|")
        body = {"part": part, "note_id": note_id} if note_id else {"part": part}

        def verb(tx: Transaction, by: str) -> None:
            propose(
                tx,
                "appeal",
                body,
                reason=request.form.get("reason", ""),
                by=by,
                resident_no=resident_no,
                proposal_id=_once(),
            )

        done = t("申诉已提交，由另一人裁定。", "Your appeal is open; somebody else will decide it.")
        return _act(sessions, resident_no, verb, done)

    @blueprint.post("/points/ratings/<resident_no>/conversions")
    @require_role("resident")
    def convert_own(resident_no: str) -> Response:
        def verb(tx: Transaction, by: str) -> None:
            convert(tx, resident_no, request.form.get("rule", ""), by=by)

        return _act(sessions, resident_no, verb, t("已折换。", "Converted."))


def _act(
    sessions: Sessions, resident_no: str, verb: Callable[[Transaction, str], None], done: str
) -> Response:
    account = require_subject(resident_no, unless=frozenset({"staff"}))
    by = account.account_no
    return act(sessions, lambda tx: verb(tx, by), back=address(resident_no), done=done, typed=True)


def address(resident_no: str) -> str:
    """The page of a resident's stars and score."""
    return f"/points/ratings/{quote(resident_no, safe='')}"


def standings(session: Session, resident_no: str, on: date) -> list[Standing]:
    """Where a resident stands on every ladder on a day, reckoned from all entries."""
    found = []
    for name, versions in declared.star_ladders(session).items():
        ladder = ladder_on(versions, on)
        if ladder is None:
            continue
        days = stars.all_days(session, resident_no, ladder)
        stands = changes(versions, days, through=on)[1]
        recorded = stars.history(session, resident_no, name)
        found.append(
            Standing(ladder=ladder, progress=progress(ladder, stands.totals), changes=recorded)
        )
    return found


def _shown(session: Session, resident_no: str, on: date) -> dict[str, object]:
    rating = declared.rating_on(session, on)
    notes = ratings.notes(session, resident_no, on)
    found = score(rating, ratings.facts(session, resident_no, on), notes, on) if rating else None
    held = queries.holdings(session, "resident", resident_no)
    return {
        "standings": standings(session, resident_no, on),
        "rating": rating,
        "score": found,
        "parts": found.parts if found else (),
        "deductions": found.deductions if found else (),
        "honours": ratings.honours(session, resident_no, on),
        "held": [(code, held[code].balance if code in held else 0) for code in ASSETS],
        "appeals": declared.proposals(session, resident_no=resident_no, kind="appeal", most=20),
        "conversions": declared.conversions_on(session, on),
        "appealable": _appealable(found.parts, found.deductions) if found else [],
        "home": homes.home(session, resident_no),
        "once": uuid4(),
        "on": on,
    }


def _appealable(parts: tuple[Scored, ...], deductions: tuple[Scored, ...]) -> list[tuple[str, str]]:
    """What may be appealed against, for a select: a deduction, or a part that seems too low."""
    return [
        *((f"{one.name.zh}|{one.code}", t(one.name.zh, one.name.en)) for one in deductions),
        *((one.code, t(one.name.zh, one.name.en)) for one in parts if one.points < one.most),
    ]


def _ladders_on(session: Session, on: date) -> list[Ladder]:
    known = declared.star_ladders(session).values()
    return [ladder for versions in known if (ladder := ladder_on(versions, on)) is not None]


def _words() -> dict[str, object]:
    return {
        "asset_words": {code: t(*said) for code, said in ASSETS.items()},
        "level_words": {code: t(*HONOUR_LEVELS[code]) for code in LEVELS},
        "attribute_words": {code: t(said.zh, said.en) for code, said in ATTRIBUTES.items()},
        "reward_words": {code: t(said.zh, said.en) for code, said in REWARDS.items()},
    }


def _once() -> UUID | None:
    try:
        return UUID(request.form.get("once", ""))
    except ValueError:
        return None
