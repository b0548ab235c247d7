"""How long it takes to seal a million entries and to verify them, through the real code."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg
from sqlalchemy import make_url

from deploy.bench.counting import CountWrong
from deploy.bench.sizes import Sizes
from deploy.bench.stage import Say, Stage
from services.points.actions.sealing import seal
from services.points.actions.verifying import walk
from shared.db.session import Sessions, make_engine, make_sessions
from shared.messaging.transaction import transaction

DATABASE = "points_proving"
ENTRIES_AN_ACCOUNT = 20
COMMUNITIES = 30

# Filled by the superuser behind the guard's back, in the shape that awards of minutes leave.
_ACCOUNTS = (
    "INSERT INTO accounts (asset, owner_kind, owner, balance, seq) SELECT 'service_minutes',"
    " 'resident', 'S' || lpad(n::text, 7, '0'), 60 * %(each)s, %(each)s"
    " FROM generate_series(1, %(count)s) n"
)
_RESIDENTS = (
    "INSERT INTO residents (resident_no, household_no, grid_code, community_code, revision)"
    " SELECT 'S' || lpad(n::text, 7, '0'), 'H', 'g', 'c' || n %% %(communities)s, 1"
    " FROM generate_series(1, %(count)s) n"
)
_TRANSFERS = (
    "INSERT INTO transfers (credit_account_id, credit_seq, credit_balance, debit_account_id,"
    " asset, amount, kind, document_id, posted_at)"
    " SELECT a.id, n, 60 * n, i.id, a.asset, 60, 'award', gen_random_uuid(), now()"
    " FROM generate_series(1, %(each)s) n, accounts a, accounts i WHERE a.owner LIKE 'S%%'"
    " AND i.owner_kind = 'issuer' AND i.asset = a.asset"
)


@dataclass(frozen=True, slots=True)
class Proved:
    """How many entries were sealed and verified, each in how many seconds."""

    entries: int
    sealing_s: float
    verifying_s: float


def prepare(stage: Stage) -> None:
    """Copy the ledger while there is nothing in it but the rules."""
    stage.ledgers.close()  # a database can be copied only while nobody is in it
    stage.ledgers.on("postgres").execute(
        f"CREATE DATABASE {DATABASE} OWNER points_owner TEMPLATE points"
    )


def measure(stage: Stage, sizes: Sizes, say: Say) -> Proved:
    """Fill, seal, verify; raises CountWrong."""
    say(f"  封存 / {sizes.proving:,} entries are sealed and verified")
    _fill(stage, sizes.proving // ENTRIES_AN_ACCOUNT)
    url = make_url(stage.settings["POINTS_DATABASE_URL"]).set(database=DATABASE)
    engine = make_engine(
        url.render_as_string(hide_password=False), pool_size=1, application="bench-points"
    )
    sessions = make_sessions(engine)
    try:
        begun = time.perf_counter()
        sealed = _seal(sessions)
        between = time.perf_counter()
        verified = _verify(sessions)
        ended = time.perf_counter()
    finally:
        engine.dispose()
    if not sealed == verified >= sizes.proving:
        raise CountWrong(f"{sealed} sealed, {verified} verified of {sizes.proving}")
    stage.ledgers.close()
    stage.ledgers.on("postgres").execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    found = Proved(sealed, between - begun, ended - between)
    say(f"    {found.sealing_s:.1f} s, {found.verifying_s:.1f} s")
    return found


def _seal(sessions: Sessions) -> int:
    count, is_done = 0, False
    while not is_done:
        with transaction(sessions) as tx:
            done = seal(tx)
        count, is_done = count + done.entry_count, done.is_done
    return count


def _verify(sessions: Sessions) -> int:
    count = 0
    with sessions() as session:
        for part in walk(session):
            count += part.entry_count
            if part.breaks:
                raise CountWrong(f"the proof is broken: {part.breaks[0]}")
    return count


def _fill(stage: Stage, accounts: int) -> None:
    told = {"each": ENTRIES_AN_ACCOUNT, "count": accounts, "communities": COMMUNITIES}
    with psycopg.connect(
        stage.stack.postgres.superuser_url, dbname=DATABASE, autocommit=True
    ) as connection:
        connection.execute("SET session_replication_role = replica")  # no trigger: see above
        for statement in (_ACCOUNTS, _RESIDENTS, _TRANSFERS):
            connection.execute(statement, told)
        connection.execute("VACUUM (ANALYZE) transfers, accounts, residents")
        connection.execute("CHECKPOINT")
