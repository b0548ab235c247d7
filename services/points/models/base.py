"""What all tables of points share: one metadata, and how values are stored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import DeclarativeBase

from shared.db.base import new_metadata
from shared.messaging import tables

metadata = new_metadata()


class Base(DeclarativeBase):
    """All instants are stored with their zone; text has no length but what checks give it."""

    metadata = metadata
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's name
        datetime: DateTime(timezone=True),
        str: Text,
    }


messaging = tables.define(metadata)
