"""The base of intake's tables, and the three messaging tables that every service has."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase

from shared.db.base import new_metadata
from shared.messaging import tables

metadata = new_metadata()


class Base(DeclarativeBase):
    """All instants are stored with their zone."""

    metadata = metadata
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's name


messaging = tables.define(metadata)
