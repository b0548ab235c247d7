"""A service's desk: the one page from which its people reach all that it can do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import render_template

from shared.web.auth import signed_in
from shared.web.i18n import t


@dataclass(frozen=True, slots=True)
class Place:
    """A page that a desk leads to, what it is for, and who may open it (None: all of the desk)."""

    path: str
    zh: str
    en: str
    about_zh: str
    about_en: str
    roles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Tiding:
    """Something that this reader must act on now, and the page where."""

    path: str
    words: str
    tone: str = "warn"


def render_desk(title: str, places: Iterable[Place], tidings: Iterable[Tiding] = ()) -> str:
    """The page with the places that whoever is signed in may open."""
    role = signed_in().role
    shown = [
        (place.path, t(place.zh, place.en), t(place.about_zh, place.about_en))
        for place in places
        if place.roles is None or role in place.roles
    ]
    return render_template("desk.html", title=title, places=shown, tidings=list(tidings))
