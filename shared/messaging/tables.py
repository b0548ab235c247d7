"""The three tables that every service has. Their shape is the same, their rows are its own."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)

OUTBOX_CHANNEL = "linli_outbox"


class MessagingTables(NamedTuple):
    """inbox, outbox and dead_letters of one service."""

    inbox: Table
    outbox: Table
    dead_letters: Table


def define(metadata: MetaData) -> MessagingTables:
    """Add the three tables to a service's metadata."""
    return MessagingTables(_inbox(metadata), _outbox(metadata), _dead_letters(metadata))


def _inbox(metadata: MetaData) -> Table:
    # Event ids are UUID version 7, so old rows are a range of the key and can be swept by it.
    return Table(
        "inbox",
        metadata,
        Column("event_id", Uuid, primary_key=True),
        Column("body_hash", BigInteger, nullable=False),
    )


def _outbox(metadata: MetaData) -> Table:
    return Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        # event: to linli.events; direct: to one service's queue; task: to dramatiq;
        # reply: verdicts for one partner
        Column("kind", Text, nullable=False),
        Column("destination", Text, nullable=False),
        Column("item_count", Integer, nullable=False),
        # JSON texts of the items, joined so that packing them further needs no parsing: events by
        # commas, what goes one by one (tasks, replies) by line feeds, which JSON texts never hold
        Column("items", Text, nullable=False),
        Column("written_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        CheckConstraint("kind IN ('event', 'direct', 'task', 'reply')", name="kind"),
        CheckConstraint("item_count BETWEEN 1 AND 100", name="item_count"),
    )


def _dead_letters(metadata: MetaData) -> Table:
    return Table(
        "dead_letters",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("event_id", Text, nullable=False),
        Column("event_type", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("correlation_id", Text, nullable=False),
        Column("queue", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("state", Text, nullable=False),
        Column("first_failed_at", DateTime(timezone=True), nullable=False),
        Column("last_failed_at", DateTime(timezone=True), nullable=False),
        Column("due_at", DateTime(timezone=True)),
        Column("closed_at", DateTime(timezone=True)),
        Column("closed_by", Text),
        # waiting: tried again by the clock at due_at; open: waits for a person
        CheckConstraint("state IN ('waiting', 'open', 'replayed', 'discarded')", name="state"),
        Index("ix_dead_letters_open", "state", "last_failed_at"),
        Index("uq_dead_letters_event", "event_id", "source", text("md5(body)"), unique=True),
    )
