"""How long it takes to end a million lots at once, as a year's end does, through the real sweep."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg
from sqlalchemy import make_url

from deploy.bench.counting import CountWrong
from deploy.bench.sizes import Sizes
from deploy.bench.stage import Say, Stage
from services.points import tasks
from services.points.actions.reconciling import reconcile
from shared.db.session import make_engine, make_sessions
from shared.messaging.transaction import transaction

DATABASE = "points_expiring"
LOTS_AN_ACCOUNT = 2
WORKERS = 2
LIMIT_S = 600.0

# Filled by the superuser behind the guard's back; the sum of what was issued is made good by one
# transfer into each account, so that the ledger balances before and after.
_SOURCES = (
    "INSERT INTO lot_sources (programme, partner) SELECT 'bench-' || n, 'bench'"
    " FROM generate_series(1, %s) n"
)
_ACCOUNTS = (
    "INSERT INTO accounts (asset, owner_kind, owner, balance, seq)"
    " SELECT 'points', 'resident', 'E' || lpad(n::text, 7, '0'), 5 * %s, %s"
    " FROM generate_series(1, %s) n"
)
_LOTS = (
    "INSERT INTO lots SELECT a.id, current_date - 2, s.id, 5 FROM accounts a, lot_sources s"
    " WHERE a.owner LIKE 'E%%' AND s.partner = 'bench'"
)
_TRANSFERS = (
    "INSERT INTO transfers (credit_account_id, credit_seq, credit_balance, debit_account_id,"
    " asset, amount, kind, document_id, expires_on, source_id, posted_at)"
    " SELECT l.account_id, n, 5 * n, i.id, 'points', 5, 'award', gen_random_uuid(),"
    " l.expires_on, l.source_id, now() - interval '1 year' FROM (SELECT *, row_number() OVER"
    " (PARTITION BY account_id ORDER BY source_id) AS n FROM lots) l, accounts i"
    " WHERE i.owner_kind = 'issuer' AND i.asset = 'points'"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How many lots ended in how many seconds."""

    lots: int
    seconds: float


def prepare(stage: Stage) -> None:
    """Copy the ledger while there is nothing in it but the rules."""
    stage.ledgers.close()  # a database can be copied only while nobody is in it
    stage.ledgers.on("postgres").execute(
        f"CREATE DATABASE {DATABASE} OWNER points_owner TEMPLATE points"
    )


def measure(stage: Stage, sizes: Sizes, say: Say) -> Ended:
    """Fill, then sweep with as many workers as there are cores; raises CountWrong."""
    say(f"  到期 / {sizes.expiring:,} lots end")
    _fill(stage, sizes.expiring)
    url = make_url(stage.settings["POINTS_DATABASE_URL"]).set(database=DATABASE)
    engine = make_engine(
        url.render_as_string(hide_password=False), pool_size=WORKERS, application="bench-points"
    )
    sessions = make_sessions(engine)
    try:
        begun = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as pool:
            jobs = [pool.submit(tasks.expire, sessions, limit_s=LIMIT_S) for _ in range(WORKERS)]
            lots = sum(job.result().lots for job in jobs)
        seconds = time.perf_counter() - begun
        with transaction(sessions) as tx:
            imbalance = reconcile(tx)
    finally:
        engine.dispose()
    if lots != sizes.expiring or any(imbalance.values()):
        raise CountWrong(f"{lots} of {sizes.expiring} lots ended: {imbalance}")
    stage.ledgers.close()
    stage.ledgers.on("postgres").execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    say(f"    {seconds:.1f} s")
    return Ended(lots, seconds)


def _fill(stage: Stage, lots: int) -> None:
    with psycopg.connect(
        stage.stack.postgres.superuser_url, dbname=DATABASE, autocommit=True
    ) as connection:
        connection.execute("SET session_replication_role = replica")  # no trigger: see above
        connection.execute(_SOURCES, (LOTS_AN_ACCOUNT,))
        each = (LOTS_AN_ACCOUNT, LOTS_AN_ACCOUNT, lots // LOTS_AN_ACCOUNT)
        connection.execute(_ACCOUNTS, each)
        connection.execute(_LOTS.replace("%%", "%"))
        connection.execute(_TRANSFERS)
        connection.execute("VACUUM (ANALYZE) transfers, lots, accounts")
        connection.execute("CHECKPOINT")
