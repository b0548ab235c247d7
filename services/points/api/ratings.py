"""Stars and scores as of any day, and the rules that were declared."""

from __future__ import annotations

from datetime import date
from typing import Any

from services.points.api.passbooks import PREFIX
from services.points.queries import declared, ratings, stars
from services.points.rules.rating import Score, Scored, score
from services.points.rules.stars import Ladder, Totals, changes, ladder_on, progress
from services.points.schemas.ratings import DeclaredRulesSchema, OnQuery, RatingSchema
from shared import clock
from shared.db.session import Sessions
from shared.web.access import public, require_role
from shared.web.auth import require_subject
from shared.web.openapi import ApiBlueprint

OFFICE = frozenset({"staff", "manager", "auditor"})


def make_ratings(sessions: Sessions) -> ApiBlueprint:
    """The two routes."""
    blueprint = ApiBlueprint(
        "ratings", __name__, url_prefix=PREFIX, description="星级与评价 / stars and ratings"
    )

    @blueprint.route("/ratings/<resident_no>", methods=["GET"])
    @blueprint.arguments(OnQuery, location="query")
    @blueprint.response(200, RatingSchema)
    @blueprint.alt_response(403, schema="Problem", description="只能看自己的 / only your own")
    @require_role("resident", *OFFICE)
    def get_rating(asked: dict[str, Any], resident_no: str) -> dict[str, Any]:
        """某日的星级与评价，由流水算出。 / Stars and score as of a day, from the entries."""
        require_subject(resident_no, unless=OFFICE)
        on: date = asked["on"] or clock.today()
        with sessions() as session:
            rating = declared.rating_on(session, on)
            facts = ratings.facts(session, resident_no, on) if rating else {}
            notes = ratings.notes(session, resident_no, on) if rating else []
            standings = []
            for versions in declared.star_ladders(session).values():
                if (ladder := ladder_on(versions, on)) is None:
                    continue
                days = stars.all_days(session, resident_no, ladder)
                standings.append(_stars_view(ladder, changes(versions, days, through=on)[1].totals))
        found = score(rating, facts, notes, on) if rating else None
        return {
            "resident_no": resident_no,
            "on": on,
            "stars": standings,
            "rating": _score_view(found, rating.version) if rating and found else None,
        }

    @blueprint.route("/declared-rules", methods=["GET"])
    @blueprint.response(200, DeclaredRulesSchema)
    @public
    def list_declared() -> dict[str, Any]:
        """星级、评价、荣誉、折换与家庭限额的规则。 / Declared rules, the newest first."""
        with sessions() as session:
            return {"rules": declared.published(session)}

    return blueprint


def _stars_view(ladder: Ladder, totals: Totals) -> dict[str, Any]:
    stands = progress(ladder, totals)
    return {
        "ladder": ladder.name,
        "version": ladder.version,
        "star": stands.star,
        "stars": stands.stars,
        "service_minutes": totals.minutes,
        "points_earned": totals.points,
        "minutes_left": stands.minutes_left,
        "points_left": stands.points_left,
    }


def _score_view(found: Score, version: int) -> dict[str, Any]:
    return {
        "score": found.score,
        "base": found.base,
        "version": version,
        "parts": [_part_view(one) for one in found.parts],
        "deductions": [_part_view(one) for one in found.deductions],
    }


def _part_view(one: Scored) -> dict[str, Any]:
    return {
        "code": one.code,
        "name": {"zh": one.name.zh, "en": one.name.en},
        "points": one.points,
        "points_max": one.most,
        "reason": one.reason,
        "why": {"zh": one.why.zh, "en": one.why.en},
    }
