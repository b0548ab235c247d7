"""The OpenAPI documents of the four services, as their web apps serve them.

The apps are built with settings that lead nowhere: nothing connects, because only the document
is asked for.
"""

from __future__ import annotations

import base64
import importlib
from typing import Any

from deploy.cli.services import NAMES

_KEY = base64.b64encode(bytes(32)).decode()
NOWHERE = {
    "LINLI_SESSION_KEY": "only-for-the-document-and-never-in-use",
    "LINLI_PUBLIC_URL": "http://localhost",
    "LINLI_BROKER_URL": "amqp://nobody@localhost/linli",
    "LINLI_PARTNER_BROKER_URL": "amqp://nobody@localhost/partners",
    "LINLI_RABBITMQ_MANAGEMENT_URL": "http://localhost",
    "NOTIFY_SMS_URL": "http://localhost",
    "NOTIFY_SMS_ACCESS_KEY_ID": "nobody",
    "NOTIFY_SMS_ACCESS_KEY_SECRET": "nothing",
    **{f"{name.upper()}_DATABASE_URL": f"postgresql://localhost/{name}" for name in NAMES},
    **dict.fromkeys(
        (
            "INTAKE_FIELD_KEY",
            "INTAKE_INDEX_KEY",
            "NOTIFY_FIELD_KEY",
            "NOTIFY_INDEX_KEY",
            "LINLI_CONTACT_KEY",
        ),
        _KEY,
    ),
}


def documents() -> dict[str, dict[str, Any]]:
    """By service, the document that /<service>/openapi.json serves."""
    from shared.web.settings import read_web_settings  # noqa: PLC0415

    web = read_web_settings(NOWHERE)
    found = {}
    for name in NAMES:
        settings = importlib.import_module(f"services.{name}.config").read_settings(NOWHERE)
        app = importlib.import_module(f"services.{name}.app").create_app(settings, web)
        found[name] = app.test_client().get(f"/{name}/openapi.json").get_json()
    return found
