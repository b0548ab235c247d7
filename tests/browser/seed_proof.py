"""What the pages of the proof and of certificates show: a day that is over, and one of each."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import text

from services.points.actions import certificates
from services.points.actions.sealing import LOCK_KEY, seal
from services.points.queries.certificates import Office, certificate, community_of
from shared import clock
from shared.messaging.transaction import Transaction

MAKER, CHECKER = "another-clerk", "another-manager"
LONG = "示范区理想街道幸福里社区居民委员会（新时代文明实践站）"


def certified(tx: Transaction, resident: str) -> dict[str, str]:
    """Everything sealed and the day closed; certificates in notice, to be issued, asked for."""
    tx.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    seal(tx)
    clock.advance(timedelta(days=1))
    try:
        seal(tx)  # as it will be after midnight: the day has its root
    finally:
        clock.advance(-timedelta(days=1))
    community = community_of(tx.session, resident) or ""
    office = Office(
        community_code=community,
        issuer=LONG,
        responsible="负责人甲",
        handler="经办人乙",
        contact="示范区理想路 1 号便民服务大厅 010-00000000",
        notice_days=7,
    )
    certificates.keep_office(tx, office, CHECKER)
    since, today = date(2020, 1, 1), clock.today()
    issued, made, _ = (
        certificates.ask(tx, resident, since, today, "升学使用", MAKER) for _ in range(3)
    )
    certificates.make(tx, issued, MAKER)
    certificates.make(tx, made, MAKER)
    certificates.issue(tx, issued, CHECKER)
    told = certificate(tx.session, issued)
    return {"certificate": told.code if told else "", "community": community}
