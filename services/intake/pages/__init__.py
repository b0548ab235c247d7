"""intake's pages for people: home, overview, requests, residents, rejected events, accounts."""

from __future__ import annotations

from flask import Flask

from services.intake.actions.opening import Seals
from services.intake.pages import (
    accounts,
    desk,
    files,
    home,
    overview,
    photos,
    rejected,
    requests,
    residents,
    tea_stalls,
)
from shared.crypto import BlindIndex, FieldCipher
from shared.db.session import Sessions


def register_pages(
    app: Flask, sessions: Sessions, *, cipher: FieldCipher, index: BlindIndex
) -> None:
    """Add every page, and the sign-in that the other services' pages rely on."""
    home.register_sign_in_pages(app, sessions, index)
    app.register_blueprint(files.make_files(app))
    app.register_blueprint(home.make_home())
    app.register_blueprint(desk.make_desk())
    app.register_blueprint(overview.make_overview(sessions))
    app.register_blueprint(requests.make_requests(sessions, cipher))
    app.register_blueprint(photos.make_photos(sessions, cipher))
    app.register_blueprint(residents.make_residents(sessions, cipher, index))
    app.register_blueprint(rejected.make_rejected(sessions, cipher))
    app.register_blueprint(accounts.make_accounts(sessions, index))
    app.register_blueprint(tea_stalls.make_tea_stalls(sessions, Seals(cipher, index)))
