"""An intake of the test's own: its database, its keys, its web face, a small district."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from services.intake.actions import accounts, partners, register
from services.intake.app import create_app
from services.intake.config import Settings
from shared import clock
from shared.crypto import BlindIndex, FieldCipher
from shared.db.session import Sessions, make_engine, make_sessions
from shared.messaging.transaction import transaction
from shared.schemas.wire import ACTIVITY_ATTENDED, REQUEST_SUBMITTED
from shared.web.settings import WebSettings
from tests.emptying import Emptier

NOW = datetime(2026, 10, 21, 4, 33, 30, tzinfo=UTC)
PASSWORD = "Sparrow-Dance-7"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
GRID = "990101001001001"

DISTRICT = {
    "code": "990101",
    "name": "示范区",
    "streets": [
        {
            "code": "990101001",
            "name": "合心街道",
            "communities": [
                {
                    "code": "990101001001",
                    "name": "鹊舞社区",
                    "grids": [
                        {"code": GRID, "name": "鹊舞第1网格"},
                        {"code": "990101001001002", "name": "鹊舞第2网格"},
                    ],
                }
            ],
        }
    ],
}
RESIDENTS = [
    {"resident_no": "R000001", "household_no": "H00001", "name": "欧阳若兰",
     "phone": "13911112222", "birth_year": "1985", "grid_code": GRID, "language": "zh"},
    {"resident_no": "R000002", "household_no": "H00001", "name": "司徒雪",
     "phone": "13733334444", "birth_year": "2001", "grid_code": GRID, "language": "en"},
]  # fmt: skip


def key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


class Intake:
    """The service under test, without broker."""

    def __init__(self, app: Flask, sessions: Sessions, settings: Settings) -> None:
        self.app, self.sessions, self.settings = app, sessions, settings
        self.cipher = FieldCipher(settings.field_key)
        self.contact_cipher = FieldCipher(settings.contact_key)
        self.index = BlindIndex(settings.index_key)
        self._numbers = itertools.count(1)

    # the district
    def load(self, rows: list[dict[str, Any]] | None = None) -> int:
        with transaction(self.sessions) as tx:
            register.load_district(tx, DISTRICT)
            return register.load_residents(
                tx,
                RESIDENTS if rows is None else rows,
                cipher=self.cipher,
                index=self.index,
                contact_cipher=self.contact_cipher,
            )

    def partner(self, slug: str = "tea-house", **changes: Any) -> dict[str, str]:
        """Make a partner known; the headers that open the door for it."""
        api_key = f"key-{slug}-{next(self._numbers)}"
        agreement = {
            "no": "HX-1",
            "valid_from": changes.pop("valid_from", date(2026, 1, 1)),
            "valid_to": changes.pop("valid_to", date(2026, 12, 31)),
            "event_types": changes.pop("event_types", [ACTIVITY_ATTENDED, REQUEST_SUBMITTED]),
        }
        quota = {
            "per_minute": changes.pop("per_minute", 1000),
            "per_day": changes.pop("per_day", 10_000),
        }
        data = {
            "slug": slug,
            "name": "茶舍",
            "system": "main",
            "revision": next(self._numbers),
            "agreement": agreement,
            "quota": quota,
            "api_key_hashes": [hashlib.sha256(api_key.encode()).hexdigest()],
        }
        with transaction(self.sessions) as tx:
            partners.activate(tx.session, {**data, **changes})
        return {"Authorization": f"Bearer {api_key}"}

    def suspend(self, slug: str = "tea-house") -> None:
        with transaction(self.sessions) as tx:
            partners.suspend(tx.session, {"slug": slug, "revision": 10**6})

    # the door
    def post(
        self, body: Any, headers: dict[str, str], content_type: str = STRUCTURED
    ) -> TestResponse:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.app.test_client().post(
            "/events", data=data, headers=headers, content_type=content_type
        )

    def get(self, path: str, headers: dict[str, str] | None = None) -> TestResponse:
        return self.app.test_client().get(path, headers=headers or {})

    # people
    def account(self, role: str, subject: str | None = None, login: str = "") -> str:
        login = login or f"{role}-{next(self._numbers)}"
        with transaction(self.sessions) as tx:
            accounts.add_account(
                tx, login=login, role=role, subject=subject, display_name=role, password=PASSWORD
            )
        return login

    def signed_in(self, role: str, subject: str | None = None) -> Browser:
        browser = Browser(self.app)
        answer = browser.sign_in(self.account(role, subject))
        assert answer.status_code == 303, answer.text
        return browser

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        with self.sessions() as session:
            return [dict(row) for row in session.execute(text(sql), values).mappings()]

    def one(self, sql: str, **values: Any) -> Any:
        (row,) = self.rows(sql, **values)
        return next(iter(row.values()))

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The events of a type that wait in the outbox, oldest first."""
        rows = self.rows(
            "SELECT items FROM outbox WHERE kind = 'event' AND destination = :kind ORDER BY id",
            kind=kind,
        )
        return [event for row in rows for event in orjson.loads(f"[{row['items']}]")]


class Browser:
    """A client that keeps its cookies and sends the CSRF token of the page it last saw."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers={"Accept": "text/html"})

    def token(self) -> str:
        with self.client.session_transaction() as session:
            return str(session.get("csrf_token", ""))

    def post(self, path: str, **form: str) -> TestResponse:
        form.setdefault("csrf_token", self.token())
        return self.client.post(path, data=form, headers={"Accept": "text/html"})

    def sign_in(self, login: str, password: str = PASSWORD, **form: str) -> TestResponse:
        self.get("/sign-in")
        answer = self.post("/sign-in", login=login, password=password, **form)
        if answer.status_code == 303:
            self.get("/")
        return answer


def activity(event_id: str = "e-1", **changes: Any) -> dict[str, Any]:
    """A sound event of the partner `tea-house`."""
    data = {
        "activity_code": "ACT-1",
        "activity_kind": "culture",
        "resident_no": "R000001",
        "checked_in_at": "2026-10-21T08:00:00+08:00",
        "checked_out_at": "2026-10-21T10:00:00+08:00",
        "evidence": "organiser",
        **changes.pop("data", {}),
    }
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/partners/tea-house/main",
        "type": ACTIVITY_ATTENDED,
        "time": "2026-10-21T10:00:00+08:00",
        "data": data,
        **changes,
    }


def asked(event_id: str = "q-1", **data: Any) -> dict[str, Any]:
    """A sound request of the partner `tea-house`."""
    shown = {
        "title": "路灯不亮",
        "description": "3号楼前路灯不亮",
        "category": "0102",
        "resident_no": "R000001",
        "grid_code": GRID,
        "urgency": "normal",
        **data,
    }
    return {**activity(event_id), "type": REQUEST_SUBMITTED, "data": shown}


@pytest.fixture(scope="module")
def emptier(databases: dict[str, str]) -> Emptier:
    """Knows the database as it is before the first test."""
    return Emptier(databases["INTAKE_DATABASE_URL"])


@pytest.fixture(scope="module")
def intake_of_module(databases: dict[str, str], emptier: Emptier) -> Iterator[Intake]:
    settings = Settings(
        database_url=databases["INTAKE_DATABASE_URL"],
        broker_url="",
        partner_broker_url="",
        field_key=key(),
        index_key=key(),
        contact_key=key(),
    )
    app = create_app(settings, WebSettings(session_key="k" * 40))
    engine = make_engine(settings.database_url)
    yield Intake(app, make_sessions(engine), settings)
    engine.dispose()
    app.extensions["linli.engine"].dispose()


@pytest.fixture
def intake(intake_of_module: Intake, emptier: Emptier) -> Iterator[Intake]:
    """With its district loaded and the clock stopped at NOW; emptied afterwards."""
    clock.freeze(NOW)
    intake_of_module.load()
    yield intake_of_module
    clock.freeze(None)
    emptier.empty()


def later(**by: float) -> None:
    clock.advance(timedelta(**by))
