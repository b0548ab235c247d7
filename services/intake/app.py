"""Wiring of intake's web face: the partner door, the console's JSON, the pages."""

from __future__ import annotations

from flask import Flask

from services.intake.actions.census import Keys
from services.intake.actions.opening import Seals
from services.intake.api.console import make_console
from services.intake.api.door import DoorRequest
from services.intake.api.events import make_events
from services.intake.api.handling import make_handling_api
from services.intake.api.open311 import make_open311
from services.intake.api.open311.document import declare
from services.intake.api.residents import make_register_api
from services.intake.config import Settings, read_settings
from services.intake.pages import register_pages
from shared.crypto import BlindIndex, FieldCipher
from shared.db.session import make_engine, make_sessions
from shared.web.app import create_base_app
from shared.web.database import database_readiness
from shared.web.dead_letters import make_dead_letters
from shared.web.openapi import create_api
from shared.web.settings import WebSettings, read_web_settings

SERVICE = "intake"
POOL_SIZE = 10


def create_app(settings: Settings | None = None, web: WebSettings | None = None) -> Flask:
    """The web application; settings that are not given are read from the environment."""
    settings = settings or read_settings()
    engine = make_engine(settings.database_url, pool_size=POOL_SIZE, application="intake-web")
    sessions = make_sessions(engine)
    cipher = FieldCipher(settings.field_key)

    ready = database_readiness(SERVICE, engine)
    app = create_base_app(SERVICE, settings=web or read_web_settings(), ready=ready)
    app.request_class = DoorRequest
    app.extensions["linli.engine"] = engine
    api = create_api(app, SERVICE, title="Linli intake 受理")
    api.register_blueprint(make_events(sessions, cipher))
    api.register_blueprint(make_console(sessions, cipher))
    api.register_blueprint(make_handling_api(sessions, cipher))
    open311, elsewhere = make_open311(sessions, Seals(cipher, BlindIndex(settings.index_key)))
    declare(api)
    api.register_blueprint(open311)
    app.register_blueprint(elsewhere)
    index, contact = BlindIndex(settings.index_key), FieldCipher(settings.contact_key)
    api.register_blueprint(make_register_api(sessions, Keys(cipher, index, contact)))
    register_pages(app, sessions, cipher=cipher, index=index, contact=contact)
    app.register_blueprint(make_dead_letters(SERVICE, sessions))
    return app
