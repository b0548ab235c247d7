"""Wiring of points' web face: passbooks, rules and totals, as JSON and as pages."""

from __future__ import annotations

from flask import Flask

from services.points.api.corrections import make_corrections
from services.points.api.district import make_district
from services.points.api.flags import make_flags
from services.points.api.journal import make_journal
from services.points.api.passbooks import make_passbooks
from services.points.api.public_notices import make_public_notices
from services.points.api.ratings import make_ratings
from services.points.api.rewards import make_rewards
from services.points.api.rules import make_rules
from services.points.api.time_bank import make_time_bank
from services.points.config import Settings, read_settings
from services.points.pages import make_pages
from services.points.pages.rewards import make_reward_pages
from services.points.pages.time_bank import make_time_bank_pages
from services.points.rules.redemptions import pickup_key
from services.points.rules.time_bank_seals import read_district
from shared.db.session import make_engine, make_sessions
from shared.web.app import create_base_app
from shared.web.database import database_readiness
from shared.web.dead_letters import make_dead_letters
from shared.web.openapi import create_api
from shared.web.settings import WebSettings, read_web_settings

SERVICE = "points"
POOL_SIZE = 4


def create_app(settings: Settings | None = None, web: WebSettings | None = None) -> Flask:
    """The web application; settings that are not given are read from the environment."""
    settings, web = settings or read_settings(), web or read_web_settings()
    engine = make_engine(settings.database_url, pool_size=POOL_SIZE, application="points-web")
    sessions = make_sessions(engine)
    ready = database_readiness(SERVICE, engine, probe="SELECT 1 FROM accounts LIMIT 1")
    app = create_base_app(SERVICE, settings=web, ready=ready)
    app.extensions["linli.engine"] = engine
    api = create_api(app, SERVICE, title="Linli points 积分")
    api.register_blueprint(make_passbooks(sessions))
    api.register_blueprint(make_district(sessions))
    api.register_blueprint(make_ratings(sessions))
    api.register_blueprint(make_journal(sessions))
    api.register_blueprint(make_public_notices(sessions))
    api.register_blueprint(make_rules(sessions))
    api.register_blueprint(make_corrections(sessions))
    api.register_blueprint(make_flags(sessions))
    district = read_district(settings.district_code, settings.time_bank_key)
    api.register_blueprint(make_time_bank(sessions, district))
    codes = pickup_key(web.session_key)
    api.register_blueprint(make_rewards(sessions, codes))
    app.register_blueprint(make_pages(sessions))
    app.register_blueprint(make_reward_pages(sessions, codes))
    app.register_blueprint(make_time_bank_pages(sessions, district))
    app.register_blueprint(make_dead_letters(SERVICE, sessions))
    return app
