"""Engines and sessions. Nothing here commits: the frame in shared/messaging does."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session, sessionmaker

Sessions = sessionmaker[Session]

STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 20_000
IDLE_S = 1.0


def make_engine(url: str, *, pool_size: int = 5, application: str = "linli") -> Engine:
    """An engine on psycopg 3. A connection that was idle is checked before use, so a restart of
    the database heals itself; one that was just used is not, which saves a round trip.
    """
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=10,
        connect_args={
            "application_name": application,
            "connect_timeout": 5,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
            f" -c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC",
        },
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _check_if_idle)
    return engine


def _note_use(_connection: Any, record: Any) -> None:
    record.info["used_at_s"] = time.monotonic()


def _check_if_idle(connection: Any, record: Any, _proxy: Any) -> None:
    """Raise DisconnectionError, at which the pool opens another connection."""
    used_at_s = record.info.get("used_at_s")
    if used_at_s is None or time.monotonic() - used_at_s < IDLE_S:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error as problem:
        raise DisconnectionError from problem


def make_sessions(engine: Engine) -> Sessions:
    """Sessions whose objects stay readable after the frame has committed."""
    return sessionmaker(engine, expire_on_commit=False)


def listen_connection(url: str, *, application: str) -> psycopg.Connection[tuple[object, ...]]:
    """A plain autocommit connection for LISTEN and advisory locks, outside the pool."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, application_name=application, connect_timeout=5)
