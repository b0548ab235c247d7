"""How the ledger does as it grows: what an award costs, and how long a passbook takes to show.

A ledger of its own is filled by the superuser behind the guard's back, in the shape that real
awards leave (two entries, a lot, an award with its explanation), then measured through the real
code: batches through the frame, pages through the real web process.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import psycopg
from pika.channel import Channel
from pika.spec import BasicProperties
from sqlalchemy import make_url

from deploy.bench import anchors
from deploy.bench.district import Invention, recorded_event
from deploy.bench.figures import percentile
from deploy.bench.pages import Reader, passbook_pages
from deploy.bench.sizes import Sizes
from deploy.bench.stage import Say, Stage
from services.points.handlers import make_handlers
from shared.db.session import make_engine, make_sessions
from shared.messaging.dead_letters import Failure
from shared.messaging.frame import Frame, Incoming
from shared.messaging.reading import Delivery

DATABASE = "points_grown"
RESIDENTS = 5000
ENTRIES_AN_AWARD = 2  # points and service minutes
# After a checkpoint PostgreSQL writes each page whole once; with one every quarter of an hour that
# is next to nothing, so it is done with (three awards for each resident) before we look.
WARM_UP_TURNS = 4
BATCH = 400  # events in a transaction: half of what a worker takes at most

_OPEN = (
    "INSERT INTO accounts (asset, owner_kind, owner)"
    " SELECT asset, 'resident', 'R' || lpad(n::text, 6, '0')"
    " FROM generate_series(1, %s) n, unnest(ARRAY['points', 'service_minutes']) asset"
    " ON CONFLICT DO NOTHING"
)
_SOURCE = (
    "INSERT INTO lot_sources (programme, partner) VALUES ('ideal-bank', 'enterprise-01')"
    " ON CONFLICT DO NOTHING"
)
# Awards of the past: the same day for all, so that they use up no cap of the months measured.
_AWARDS = (
    "CREATE TEMP TABLE made AS SELECT gen_random_uuid() AS award_id, a.owner, a.id, m.id AS minutes"
    ", a.seq + g AS seq, a.balance + 5 * g AS balance, m.seq + g AS minutes_seq,"
    " m.balance + 60 * g AS minutes_balance"
    " FROM generate_series(1, %s) g, accounts a JOIN accounts m ON m.owner = a.owner"
    " AND m.owner_kind = 'resident' AND m.asset = 'service_minutes'"
    " WHERE a.owner_kind = 'resident' AND a.asset = 'points' ORDER BY g, a.id"
)
_FILL = (
    "INSERT INTO awards (award_id, kind, owner, community_code, household_no, on_date, programme,"
    " rule_version, points, service_minutes, explanation, accepted_at, credited_at)"
    " SELECT award_id, 'activity', owner, '990101001001', 'H' || owner, '2014-06-01', NULL, NULL,"
    " 5, 60, jsonb_build_object('kind', 'elder_care', 'minutes', 60, 'evidence', 'self_check',"
    " 'points_per_hour', 5, 'minutes_counted', 60, 'points_before_caps', 5, 'points', 5,"
    " 'caps_hit', '[]'::jsonb, 'activity_code', 'grown', 'partner', 'enterprise-01'),"
    " now(), now() FROM made",
    "INSERT INTO transfers (credit_account_id, credit_seq, credit_balance, debit_account_id, asset,"
    " amount, kind, document_id, expires_on, source_id, posted_at)"
    " SELECT l.account_id, l.seq, l.balance, i.id, l.asset, l.amount, 'award', award_id,"
    " l.expires_on, CASE WHEN l.asset = 'points' THEN s.id END, now()"
    " FROM made, LATERAL (VALUES"
    " (made.id, made.seq, made.balance, 'points', 5, '9999-12-31'::date),"
    " (made.minutes, made.minutes_seq, made.minutes_balance, 'service_minutes', 60, NULL))"
    " AS l (account_id, seq, balance, asset, amount, expires_on),"
    " accounts i, lot_sources s WHERE i.owner_kind = 'issuer' AND i.asset = l.asset"
    " AND (s.programme, s.partner) = ('ideal-bank', 'enterprise-01')",
    "INSERT INTO lots (account_id, expires_on, source_id, remaining)"
    " SELECT made.id, '9999-12-31', s.id, 5 * count(*) FROM made, lot_sources s"
    " WHERE (s.programme, s.partner) = ('ideal-bank', 'enterprise-01') GROUP BY made.id, s.id"
    " ON CONFLICT (account_id, expires_on, source_id)"
    " DO UPDATE SET remaining = lots.remaining + excluded.remaining",
    "UPDATE accounts a SET seq = m.seq, balance = m.balance FROM (SELECT id, max(seq) AS seq,"
    " max(balance) AS balance FROM made GROUP BY id UNION ALL SELECT minutes, max(minutes_seq),"
    " max(minutes_balance) FROM made GROUP BY minutes) m WHERE a.id = m.id",
)


@dataclass
class Growth:
    """Figures by number of entries; rates are a second."""

    award_us: dict[int, float] = field(default_factory=dict)
    award_us_spread: dict[int, tuple[float, float]] = field(default_factory=dict)
    transfers_over_tpcb: list[float] = field(default_factory=list)
    pages_ms: dict[str, float] = field(default_factory=dict)
    pages_entries: int = 0


def prepare(stage: Stage) -> None:
    """Copy the ledger while there is nothing in it but the rules."""
    stage.ledgers.close()  # a database can be copied only while nobody is in it
    stage.ledgers.on("postgres").execute(
        f"CREATE DATABASE {DATABASE} OWNER points_owner TEMPLATE points"
    )


def measure(stage: Stage, sizes: Sizes, say: Say) -> Growth:
    """Fill and measure in turns, and the pages at the last size."""
    found = Growth()
    numbers = [f"R{n:06d}" for n in range(1, RESIDENTS + 1)]
    invention = Invention(numbers, seed=11)
    url = make_url(stage.settings["POINTS_DATABASE_URL"]).set(database=DATABASE)
    shown = url.render_as_string(hide_password=False)
    with _taker(shown) as frame:
        for entries in sizes.growth:
            say(f"  账本 / a ledger of {entries:,} entries")
            _fill(stage, entries)
            _measure_awards(frame, invention, entries, sizes, found)
            low, high = found.award_us_spread[entries]
            say(f"    {found.award_us[entries]:,.0f} µs ({low:,.0f}–{high:,.0f}) an award")
        _against_pgbench(stage, frame, invention, sizes, found)
    found.pages_entries = sizes.growth[-1]
    with passbook_pages(stage, shown) as reader:
        found.pages_ms = _read_pages(reader, numbers, sizes)
    stage.ledgers.close()
    stage.ledgers.on("postgres").execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    return found


@contextmanager
def _taker(url: str) -> Iterator[Frame]:
    engine = make_engine(url, pool_size=2, application="bench-points")
    try:
        yield Frame("points", "points.events", make_sessions(engine), make_handlers())
    finally:
        engine.dispose()


def _fill(stage: Stage, entries: int) -> None:
    """Up to so many entries, the same number for every resident."""
    with psycopg.connect(
        stage.stack.postgres.superuser_url, dbname=DATABASE, autocommit=True
    ) as connection:
        connection.execute("SET session_replication_role = replica")  # no trigger: see above
        connection.execute(_OPEN, (RESIDENTS,))
        connection.execute(_SOURCE)
        row = connection.execute("SELECT count(*) FROM transfers").fetchone()
        each = round((entries - (row[0] if row else 0)) / ENTRIES_AN_AWARD / RESIDENTS)
        if each > 0:
            connection.execute(_AWARDS, (each,))
            for statement in _FILL:
                connection.execute(statement)
            connection.execute("DROP TABLE made")
        connection.execute("VACUUM (ANALYZE) transfers, awards, lots, accounts")
        connection.execute("CHECKPOINT")


def _measure_awards(
    frame: Frame, invention: Invention, entries: int, sizes: Sizes, found: Growth
) -> None:
    took_us = [
        _take(frame, invention, f"grown{entries}x{turn}", sizes.growth_awards)
        for turn in range(WARM_UP_TURNS + sizes.growth_turns)
    ][WARM_UP_TURNS:]
    found.award_us[entries] = statistics.median(took_us)
    found.award_us_spread[entries] = (min(took_us), max(took_us))


def _take(frame: Frame, invention: Invention, tag: str, count: int) -> float:
    """Microseconds an award, from decoded events to the commit, in one thread."""
    prepared: list[Incoming | Failure] = []
    for one in invention.activities(tag, count):
        prepared.extend(frame.prepare(_delivery(recorded_event(*one).encode())))
    begun = time.perf_counter()
    for at in range(0, count, BATCH):
        frame.process([prepared[at : at + BATCH]])
    return (time.perf_counter() - begun) / count * 1e6


def _delivery(body: bytes) -> Delivery:
    # The frame reads nothing of a delivery but its body.
    return Delivery(body, BasicProperties(), "", 0, cast("Channel", None))


def _against_pgbench(
    stage: Stage, frame: Frame, invention: Invention, sizes: Sizes, found: Growth
) -> None:
    """Transfers posted in batches for each transaction of TPC-B, in turns."""
    anchors.prepare_pgbench(stage)
    for turn in range(sizes.repetitions):
        tpcb = anchors.pgbench_rate(stage, 1, sizes.pgbench_s)["rate"]
        us = _take(frame, invention, f"tpcb{turn}", sizes.growth_awards)
        found.transfers_over_tpcb.append(ENTRIES_AN_AWARD * 1e6 / us / tpcb)


def _read_pages(reader: Reader, numbers: list[str], sizes: Sizes) -> dict[str, float]:
    chosen = random.Random(3).choices(numbers, k=sizes.growth_pages)  # noqa: S311 - a sample
    took_s = [reader.read(number) for number in chosen]
    return {
        "p50": percentile(took_s, 0.5) * 1000,
        "p99": percentile(took_s, 0.99) * 1000,
        "max": max(took_s) * 1000,
    }
