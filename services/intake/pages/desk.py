"""受理工作台: the one page from which staff reach all that intake can do."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template

from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t

ROLES = ("staff", "manager", "operator", "auditor")


@dataclass(frozen=True, slots=True)
class Place:
    """A page that the desk leads to, what it is for, and who may open it."""

    path: str
    zh: str
    en: str
    about_zh: str
    about_en: str
    roles: frozenset[str] = frozenset(ROLES)


PLACES = (
    Place(
        "/requests",
        "诉求",
        "Requests",
        "查、办、看进度",
        "Find, handle, follow",
        frozenset({"staff", "operator", "auditor"}),
    ),
    Place(
        "/residents",
        "居民",
        "Residents",
        "居民名册",
        "The register",
        frozenset({"staff", "operator"}),
    ),
)


def make_desk() -> Blueprint:
    """`/desk`."""
    blueprint = Blueprint("desk", __name__)

    @blueprint.get("/desk")
    @require_role(*ROLES)
    def show_desk() -> str:
        role = signed_in().role
        places = [
            (place.path, t(place.zh, place.en), t(place.about_zh, place.about_en))
            for place in PLACES
            if role in place.roles
        ]
        return render_template("intake_desk.html", places=places)

    return blueprint
