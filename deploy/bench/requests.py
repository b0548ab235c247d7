"""A district with a million requests: how long a page of the list takes, and a month's board.

Requests are filled in by the superuser in the shape that real ones leave; the histories of one
month are read by the real job, the board is the real query, pages come from the real web process.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import quote

import psycopg
from sqlalchemy import make_url

from deploy.bench.counting import CountWrong
from deploy.bench.figures import percentile
from deploy.bench.pages import web_pages
from deploy.bench.sizes import Sizes
from deploy.bench.stage import Say, Stage
from services.intake.actions.facts import read_due
from services.intake.queries.board import Asked, board
from shared.clock import DISTRICT_TIMEZONE
from shared.db.session import Sessions, make_engine, make_sessions
from shared.messaging.transaction import transaction

DATABASE = "intake_grown"
UNITS = 40
BOARDS = 15
_MONTH = Asked(first=date(2026, 9, 1), last=date(2026, 9, 30))
_AS_OF = datetime(2026, 10, 5, 9, 0, tzinfo=DISTRICT_TIMEZONE)

_UNITS = (
    "INSERT INTO units (unit_code, kind, name, name_en, area_code, is_fallback, is_active)"
    " SELECT 'B' || lpad(n::text, 3, '0'), CASE WHEN n %% 3 = 0 THEN 'department' ELSE 'team' END,"
    " '承办单位 ' || n, 'Unit ' || n, a.code, false, true"
    " FROM generate_series(1, %(units)s) n, (SELECT code FROM areas WHERE kind = 'street'"
    " ORDER BY code LIMIT 1) a"
)
# The newest tenth is one month, the others are the three years before it; 2 of 100 are open.
_REQUESTS = (
    "INSERT INTO requests (id, request_no, public_code, state, door, client_id, resident_no, title,"
    " description, category, nature, grid_code, lat, lon, urgency, is_public, unit_code,"
    " returned_count, reopened_count, opened_at, accepted_at, resolved_at, ended_at, due_at,"
    " updated_at, step_count) OVERRIDING SYSTEM VALUE"
    " SELECT n, 'QB' || lpad(n::text, 9, '0'), 'PB' || lpad(n::text, 10, '0'), s.state, 'counter',"
    " 'bench-' || n, p.residents[1 + abs(hashint8(n + 13)) %% cardinality(p.residents)],"
    " '路灯不亮 ' || n, '楼前路灯不亮，夜里看不清路',"
    " lpad((1 + abs(hashint8(n)) %% 60)::text, 4, '0'), 'help',"
    " g.grids[1 + abs(hashint8(n + 11)) %% cardinality(g.grids)], 34.2, 108.9,"
    " CASE abs(hashint8(n + 3)) %% 50 WHEN 0 THEN 'critical' WHEN 1 THEN 'urgent' ELSE 'normal' END"
    ", false, 'B' || lpad((1 + abs(hashint8(n + 5)) %% %(units)s)::text, 3, '0'), 0, 0,"
    " t.at, t.at, CASE WHEN s.is_over THEN t.at + interval '30 hours' END,"
    " CASE WHEN s.is_over THEN t.at + interval '50 hours' END, t.at + interval '7 days', t.at,"
    " CASE WHEN s.is_over THEN 8 ELSE 4 END"
    " FROM generate_series(1, %(all)s) n"
    " CROSS JOIN LATERAL (SELECT CASE abs(hashint8(n + 7)) %% 100 WHEN 0 THEN 'in_progress'"
    " WHEN 1 THEN 'dispatched' WHEN 2 THEN 'declined' ELSE 'closed' END AS state,"
    " abs(hashint8(n + 7)) %% 100 > 1 AS is_over) s"
    " CROSS JOIN LATERAL (SELECT CASE WHEN n > %(older)s"
    " THEN timestamptz '2026-09-01 00:00+08' + interval '30 days' * (n - %(older)s - 1) / %(month)s"
    " ELSE timestamptz '2023-09-01 00:00+08' + interval '1096 days' * n / %(older)s END AS at) t"
    " CROSS JOIN (SELECT array_agg(code ORDER BY code) AS grids FROM areas WHERE kind = 'grid') g"
    " CROSS JOIN (SELECT array_agg(resident_no ORDER BY resident_no) AS residents FROM residents) p"
)
_STEPS = (
    "INSERT INTO request_steps (request_id, step_no, at, action, from_state, to_state, actor_kind,"
    " actor, facts) SELECT r.id, s.no, r.opened_at + s.minutes * interval '1 minute', s.action,"
    " s.was, CASE WHEN s.no = r.step_count THEN r.state ELSE s.came END, 'account', 'bench', '{}'"
    " FROM requests r JOIN (VALUES (1, 0, 'submit', NULL, 'submitted'),"
    " (2, 5, 'admit', 'submitted', 'pending'), (3, 9, 'dispatch', 'pending', 'dispatched'),"
    " (4, 40, 'accept', 'dispatched', 'in_progress'),"
    " (5, 90, 'contact', 'in_progress', 'in_progress'),"
    " (6, 1800, 'resolve', 'in_progress', 'checking'), (7, 2000, 'approve', 'checking', 'rating'),"
    " (8, 3000, 'close', 'rating', 'closed')) AS s (no, minutes, action, was, came)"
    " ON s.no <= r.step_count WHERE r.id > %(older)s"
)
_VERDICTS = (
    "INSERT INTO resident_verdicts (request_id, round, solved, satisfied, way, at)"
    " SELECT id, 0, (ARRAY['solved', 'solved', 'partly', 'unsolved'])[1 + abs(hashint8(id)) %% 4],"
    " (ARRAY['satisfied', 'basically', 'dissatisfied'])[1 + abs(hashint8(id + 1)) %% 3], 'link',"
    " ended_at FROM requests WHERE id > %(older)s AND state = 'closed'"
)
_CLOCKS = (
    "INSERT INTO request_clocks (request_id, kind, run, unit_code, amount, unit, total_s, used_s,"
    " started_at, counts_from, due_at, stopped_at, met, steps_done, explanation, rule_version)"
    " SELECT r.id, c.kind, 1, r.unit_code, 1, 'hours', 0, 0, r.opened_at, r.opened_at,"
    " r.opened_at + c.minutes * interval '1 minute', r.ended_at,"
    " CASE WHEN r.ended_at IS NOT NULL THEN true END, 0, '{}', 'bench' FROM requests r,"
    " (VALUES ('accept', 39 + 60), ('contact', 24 * 60), ('resolve', 10080)) AS c (kind, minutes)"
    " WHERE r.id > %(older)s"
)
_INDEXES = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'requests'"
    " AND indexdef NOT LIKE 'CREATE UNIQUE%'"
)
_NOTED = "INSERT INTO facts_due (request_id) SELECT id FROM requests WHERE id > %(older)s"


@dataclass(frozen=True, slots=True)
class Lists:
    """Milliseconds of pages by filter and of all; seconds of a board; seconds to read a month."""

    requests: int
    pages_ms: dict[str, dict[str, float]]
    all_ms: dict[str, float]
    month: int
    reading_s: float
    board_s: dict[str, float]


def prepare(stage: Stage) -> None:
    """Copy intake's database while nobody has asked for anything in it."""
    stage.ledgers.close()  # a database can be copied only while nobody is in it
    stage.ledgers.on("postgres").execute(
        f"CREATE DATABASE {DATABASE} OWNER intake_owner TEMPLATE intake"
    )


def measure(stage: Stage, sizes: Sizes, say: Say) -> Lists:
    """Fill, read the month's histories, make boards, read pages; raises CountWrong."""
    month = sizes.requests // 10
    say(f"  诉求 / {sizes.requests:,} requests, {month:,} of them in one month")
    fill(stage.stack.postgres.superuser_url, sizes.requests, month)
    url = make_url(stage.settings["INTAKE_DATABASE_URL"]).set(database=DATABASE)
    address = url.render_as_string(hide_password=False)
    engine = make_engine(address, pool_size=1, application="bench-board")
    try:
        reading_s, board_s = read_and_count(make_sessions(engine), month)
    finally:
        engine.dispose()
    say(f"    {reading_s:.1f} s to read, board {board_s['p50']:.2f} s, max {board_s['max']:.2f} s")
    pages_ms = _pages(stage, address, sizes.request_pages)
    every = [each for times in pages_ms.values() for each in times]
    stage.ledgers.close()
    stage.ledgers.on("postgres").execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    found = Lists(
        sizes.requests,
        {name: _summary(times) for name, times in pages_ms.items()},
        _summary(every),
        month,
        reading_s,
        board_s,
    )
    say(f"    list p50 {found.all_ms['p50']:.1f} ms, p99 {found.all_ms['p99']:.1f} ms")
    return found


def fill(superuser_url: str, requests: int, month: int, database: str = DATABASE) -> None:
    """Make the requests, and the histories and verdicts of the newest month."""
    told = {"all": requests, "month": month, "older": requests - month, "units": UNITS}
    with psycopg.connect(superuser_url, dbname=database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no trigger, no key: quick
        connection.execute("SET work_mem = '256MB'")
        connection.execute("SET maintenance_work_mem = '256MB'")
        # Indexes are made once over all rows, as a restored database has them.
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        connection.execute(_UNITS, told)
        connection.execute(_REQUESTS, told)
        for _, statement in indexes:
            connection.execute(statement)
        for statement in (_STEPS, _VERDICTS, _CLOCKS, _NOTED):
            connection.execute(statement, told)
        connection.execute(
            "INSERT INTO posts (account_no, unit_code, duty, since)"
            " VALUES ('bench', 'B001', 'handler', now()), ('bench', 'B002', 'handler', now())"
        )
        connection.execute("VACUUM (ANALYZE) requests, request_steps, resident_verdicts, units")
        connection.execute("CHECKPOINT")


def read_and_count(sessions: Sessions, month: int) -> tuple[float, dict[str, float]]:
    """Seconds to read the month's histories, and of boards of it."""
    begun = time.perf_counter()
    noted = 1
    while noted:
        with transaction(sessions) as tx:
            noted = read_due(tx)
    reading_s = time.perf_counter() - begun
    times = []
    for _ in range(BOARDS):
        begun = time.perf_counter()
        with sessions() as session:
            made = board(session, _MONTH, _AS_OF)
        times.append(time.perf_counter() - begun)
        if made.total["received"] != month or not made.rates["response"].value:
            raise CountWrong(f"the board counts {made.total.counts}")
    return reading_s, _summary(times, 1.0)


def paths() -> dict[str, str]:
    """What people open most, by name."""
    community = "990101001001"
    return {
        "newest": "/requests",
        "open": "/requests?group=open",
        "overdue": "/requests?group=overdue",
        "ended": "/requests?group=ended",
        "unit": "/requests?unit=B007",
        "my units": "/requests?mine=1",
        "my open": "/requests?mine=1&group=open",
        "community": f"/requests?community={community}",
        "community open": f"/requests?community={community}&group=open",
        "category": "/requests?category=0042",
        "state": "/requests?state=declined",
        "rare state": "/requests?state=void",
        "critical": "/requests?urgency=critical",
        "days": "/requests?since=2025-03-01&until=2025-03-07",
        "number": "/requests?q=QB000500000",
        "deep": f"/requests?before={quote('2024-05-01T00:00:00+08:00,9223372036854775807')}",
    }


def _pages(stage: Stage, address: str, each: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in paths()}
    with web_pages(stage, "intake", address) as reader:
        for turn in range(each + 2):
            for name, path in paths().items():
                begun = time.perf_counter()
                status, page = reader.get(path)
                took_s = time.perf_counter() - begun
                if status != 200 or b"<main" not in page:
                    raise CountWrong(f"{path} answered {status}: {page[:300]!r}")
                if turn >= 2:  # what is read for the first time is not what people wait for
                    found[name].append(took_s)
    return found


def _summary(times_s: list[float], unit: float = 1000.0) -> dict[str, float]:
    return {
        "p50": percentile(times_s, 0.5) * unit,
        "p99": percentile(times_s, 0.99) * unit,
        "max": max(times_s) * unit,
    }
