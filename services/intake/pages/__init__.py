"""intake's pages for people: home, overview, requests, residents, rejected events, accounts."""

from __future__ import annotations

from flask import Flask

from services.intake.actions.census import Keys
from services.intake.actions.opening import Seals
from services.intake.pages import (
    accounts,
    alerts,
    appointments,
    board,
    board_public,
    board_repeats,
    calendar,
    catalogue,
    census,
    claims,
    clocks,
    counter,
    desk,
    dispatch,
    dispatch_desk,
    dispatch_rules,
    due,
    exclusions,
    files,
    hall,
    hall_applications,
    home,
    likeness,
    open311,
    overview,
    own_request,
    paper,
    patrols,
    photos,
    privacy,
    rectification,
    register,
    register_files,
    rejected,
    requests,
    residents,
    steps,
    tea_stalls,
    units,
    verdicts,
    wishes,
)
from shared.crypto import BlindIndex, FieldCipher
from shared.db.session import Sessions


def register_pages(
    app: Flask,
    sessions: Sessions,
    *,
    cipher: FieldCipher,
    index: BlindIndex,
    contact: FieldCipher,
) -> None:
    """Add every page, and the sign-in that the other services' pages rely on."""
    home.register_sign_in_pages(app, sessions, index)
    app.register_blueprint(files.make_files(app))
    app.register_blueprint(home.make_home())
    app.register_blueprint(desk.make_desk(sessions))
    app.register_blueprint(likeness.make_likeness(sessions, cipher))
    app.register_blueprint(claims.make_claims(sessions, cipher))
    app.register_blueprint(dispatch.make_dispatch(sessions, cipher))
    app.register_blueprint(dispatch_desk.make_dispatch_desk(sessions))
    app.register_blueprint(dispatch_rules.make_dispatch_rules(sessions))
    app.register_blueprint(clocks.make_clocks(sessions, cipher))
    app.register_blueprint(due.make_due(sessions))
    app.register_blueprint(catalogue.make_catalogue(sessions))
    app.register_blueprint(calendar.make_calendar(sessions))
    app.register_blueprint(overview.make_overview(sessions))
    app.register_blueprint(board.make_board(sessions))
    app.register_blueprint(exclusions.make_exclusions(sessions))
    app.register_blueprint(board_public.make_board_public(sessions))
    app.register_blueprint(board_repeats.make_board_repeats(sessions))
    app.register_blueprint(privacy.make_privacy(sessions, cipher))
    app.register_blueprint(requests.make_requests(sessions, cipher))
    app.register_blueprint(photos.make_photos(sessions, cipher))
    app.register_blueprint(steps.make_steps(sessions, cipher))
    app.register_blueprint(verdicts.make_verdicts(sessions, cipher))
    app.register_blueprint(residents.make_residents(sessions, cipher, index))
    app.register_blueprint(register.make_register(sessions, Keys(cipher, index, contact)))
    app.register_blueprint(census.make_census(sessions, Keys(cipher, index, contact)))
    app.register_blueprint(
        register_files.make_register_files(sessions, Keys(cipher, index, contact))
    )
    app.register_blueprint(units.make_units(sessions))
    app.register_blueprint(rejected.make_rejected(sessions, cipher))
    app.register_blueprint(open311.make_open311_pages(sessions))
    app.register_blueprint(accounts.make_accounts(sessions, index))
    app.register_blueprint(tea_stalls.make_tea_stalls(sessions, Seals(cipher, index)))
    app.register_blueprint(counter.make_counter(sessions, Seals(cipher, index)))
    app.register_blueprint(paper.make_paper(sessions, cipher))
    app.register_blueprint(own_request.make_own_request(sessions, Seals(cipher, index)))
    app.register_blueprint(hall.make_hall(sessions, cipher))
    app.register_blueprint(hall_applications.make_hall_applications(sessions, cipher))
    app.register_blueprint(appointments.make_appointments(sessions, cipher))
    app.register_blueprint(patrols.make_patrols(sessions, Seals(cipher, index)))
    app.register_blueprint(alerts.make_alerts(sessions))
    app.register_blueprint(wishes.make_wishes(sessions, cipher))
    app.register_blueprint(rectification.make_rectification(sessions))
