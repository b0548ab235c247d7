"""Wiring of notify's worker."""

from __future__ import annotations

from services.notify.clients import AliyunSms
from services.notify.config import Settings, read_settings
from services.notify.handlers import create_handlers
from services.notify.models import Contacts
from services.notify.tasks import create_actors, create_jobs
from shared.messaging.worker import WorkerParts, open_sessions


def create_worker(settings: Settings | None = None) -> WorkerParts:
    """Everything the worker process hosts; nothing connects yet."""
    settings = settings or read_settings()
    contacts = Contacts(
        contact_key=settings.contact_key,
        field_key=settings.field_key,
        index_key=settings.index_key,
    )
    gateway = AliyunSms(
        url=settings.sms_url,
        access_key_id=settings.sms_access_key_id,
        access_key_secret=settings.sms_access_key_secret,
        sign_name=settings.sms_sign_name,
    )
    sessions = open_sessions("notify", settings.database_url)
    return WorkerParts(
        service="notify",
        broker_url=settings.broker_url,
        database_url=settings.database_url,
        sessions=sessions,
        handlers=create_handlers(contacts),
        actors=create_actors(sessions, contacts, gateway),
        jobs=create_jobs(),
    )
