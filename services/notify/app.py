"""Wiring of notify's web face: the API, the vendor's receipts, the pages."""

from __future__ import annotations

from flask import Flask

from services.notify.api import make_api, make_receipts
from services.notify.config import Settings, read_settings
from services.notify.models import Contacts
from services.notify.pages import make_pages
from shared.db.session import make_engine, make_sessions
from shared.web.app import create_base_app
from shared.web.database import database_readiness
from shared.web.dead_letters import make_dead_letters
from shared.web.openapi import create_api
from shared.web.settings import WebSettings, read_web_settings

SERVICE = "notify"


def create_app(settings: Settings | None = None, web: WebSettings | None = None) -> Flask:
    """The web application; settings that are not given are read from the environment."""
    settings = settings or read_settings()
    engine = make_engine(settings.database_url, application="notify-web")
    sessions = make_sessions(engine)
    contacts = Contacts(
        contact_key=settings.contact_key,
        field_key=settings.field_key,
        index_key=settings.index_key,
    )
    ready = database_readiness(SERVICE, engine)
    app = create_base_app(SERVICE, settings=web or read_web_settings(), ready=ready)
    app.extensions["linli.engine"] = engine
    api = create_api(app, SERVICE, title="Linli notify 通知")
    api.register_blueprint(make_api(sessions, contacts))
    api.register_blueprint(make_receipts(sessions, settings.receipt_token))
    app.register_blueprint(make_pages(sessions, contacts))
    app.register_blueprint(make_dead_letters(SERVICE, sessions))
    return app
