"""Engines and sessions. Nothing here commits: the frame in shared/messaging does."""

from __future__ import annotations

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

Sessions = sessionmaker[Session]

STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 20_000


def make_engine(url: str, *, pool_size: int = 5, application: str = "linli") -> Engine:
    """An engine on psycopg 3; connections are checked before use, so a restart heals itself."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=True,
        pool_timeout=10,
        connect_args={
            "application_name": application,
            "connect_timeout": 5,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
            f" -c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC",
        },
    )


def make_sessions(engine: Engine) -> Sessions:
    """Sessions whose objects stay readable after the frame has committed."""
    return sessionmaker(engine, expire_on_commit=False)


def listen_connection(url: str, *, application: str) -> psycopg.Connection[tuple[object, ...]]:
    """A plain autocommit connection for LISTEN and advisory locks, outside the pool."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, application_name=application, connect_timeout=5)
