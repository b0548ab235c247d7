"""What notify is told by its environment, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared import config

TASK_QUEUE = "notify.tasks"
SEND_SMS = "send_sms"  # the actor that makes one attempt at one delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Keys are base64 of 32 bytes. Without a receipt token every receipt is refused."""

    broker_url: str
    database_url: str
    contact_key: str
    field_key: str
    index_key: str
    sms_url: str
    sms_access_key_id: str
    sms_access_key_secret: str
    sms_sign_name: str
    receipt_token: str


def read_settings(env: Mapping[str, str] | None = None) -> Settings:
    """The settings of both the worker and the web app; raises MissingSetting."""
    return Settings(
        broker_url=config.read("LINLI_BROKER_URL", env=env),
        database_url=config.read("NOTIFY_DATABASE_URL", env=env),
        contact_key=config.read("LINLI_CONTACT_KEY", env=env),
        field_key=config.read("NOTIFY_FIELD_KEY", env=env),
        index_key=config.read("NOTIFY_INDEX_KEY", env=env),
        sms_url=config.read("NOTIFY_SMS_URL", env=env),
        sms_access_key_id=config.read("NOTIFY_SMS_ACCESS_KEY_ID", env=env),
        sms_access_key_secret=config.read("NOTIFY_SMS_ACCESS_KEY_SECRET", env=env),
        sms_sign_name=config.read("NOTIFY_SMS_SIGN_NAME", "邻里", env),
        receipt_token=config.read("NOTIFY_SMS_RECEIPT_TOKEN", "", env),
    )
