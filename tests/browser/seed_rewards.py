"""A catalogue of all four kinds for the pages, and redemptions in each of their states."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from services.points.actions import ledger, rewards
from services.points.actions.documents import write_document
from services.points.actions.redemptions import Asked, Redeemed, redeem
from services.points.actions.redemptions_claimed import cancel, collect
from services.points.queries.honour_certificates import honour_of
from services.points.rules.lots import NEVER, Lot
from services.points.rules.redemptions import make_code, number_of, pickup_key
from services.points.rules.rewards import Terms
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

BY = "manager"
PLACE = "幸福里社区党群服务中心一楼服务台"


def offered(tx: Transaction, session_key: str, resident: str, partner: str) -> dict[str, str]:
    """Addresses' parts: `reward`, `venue`, `held`, `collected` and `released`."""
    first = clock.today().replace(day=1)
    rice = rewards.add(
        tx,
        Terms(
            kind="goods",
            title="东北大米（五公斤装）",
            about="每袋五公斤，由便民店提供，凭码领取。",
            place=PLACE,
            partner=partner,
            price=12,
            value_fen=3590,
            active_from=first,
            limit_count=20,
            limit_span="quarter",
            weekdays=(1, 2, 3, 4, 5, 6, 7),
        ),
        stock=40,
        by=BY,
    )
    venue = rewards.add(
        tx,
        Terms(
            kind="venue",
            title="社区多功能会议室",
            place="党群服务中心二楼",
            price=5,
            venue_code="room-201",
            active_from=first,
        ),
        stock=None,
        by=BY,
    )
    _others(tx, partner, first)
    now = clock.now()
    for day in (2, 3):
        at = datetime.combine(now + timedelta(days=day), datetime.min.time(), DISTRICT_TIMEZONE)
        for hour in (9, 14):
            starts_at = at + timedelta(hours=hour)
            rewards.add_slot(tx, venue, starts_at, starts_at + timedelta(hours=3), by=BY)
    _give(tx, resident, 200)
    key = pickup_key(session_key)
    held, collected, released = (_redeem(tx, resident, rice, key) for _ in range(3))
    collect(tx, make_code(key, collected.redemption_id), partner=partner, by=partner)
    honour = _redeem(tx, resident, _star(tx, first), key)
    collect(tx, make_code(key, honour.redemption_id), partner=None, by=BY)
    printed = honour_of(tx.session, honour.redemption_id)
    cancel(tx, number_of(released.redemption_no) or 0, resident_no=resident, by=resident)
    return {
        "reward": str(rice),
        "venue": str(venue),
        "held": held.redemption_no,
        "collected": collected.redemption_no,
        "released": released.redemption_no,
        "honoured": honour.redemption_no,
        "honour": printed.code if printed else "",
        "pickup_code": make_code(key, held.redemption_id),
    }


def _star(tx: Transaction, on: date) -> int:
    terms = Terms(kind="honour", title="社区服务之星", place=PLACE, price=8, active_from=on)
    return rewards.add(tx, terms, stock=10, by=BY)


def _others(tx: Transaction, partner: str, on: date) -> None:
    for terms, stock in (
        (
            Terms(
                kind="honour",
                title="年度最美志愿者提名",
                place=PLACE,
                price=100,
                min_service_minutes=6000,
                active_from=on,
                limit_count=1,
                limit_span="year",
            ),
            10,
        ),
        (
            Terms(
                kind="service",
                title="上门理发一次",
                about="由合伙人上门，先电话预约。",
                place="居民家中",
                partner=partner,
                price=1,
                asset="time_coins",
                minutes=40,
                active_from=on,
                month_days=(1, 15),
            ),
            None,
        ),
        (
            Terms(
                kind="goods",
                title="食用油一桶",
                place=PLACE,
                price=90_000,
                active_from=on,
            ),
            3,
        ),
        (Terms(kind="goods", title="抽纸一提", place=PLACE, price=3, active_from=on), 0),
    ):
        rewards.add(tx, terms, stock=stock, by=BY)


def _give(tx: Transaction, resident: str, amount: int) -> None:
    mine = ("points", "resident", resident)
    account = ledger.locked(tx.session, [mine])[mine]
    source = ledger.sources(tx.session, [("ideal-bank", "district")])["ideal-bank", "district"]
    document_id = uuid7()
    facts = {"zh": "纸质存折转入", "en": "from a paper book"}
    write_document(tx.session, document_id, "import", made_by=BY, checked_by="another", facts=facts)
    posting = ledger.posting(tx.session)
    posting.issue(account, amount, document_id, "import", Lot(NEVER, source))
    posting.post(tx.session, clock.now())


def _redeem(tx: Transaction, resident: str, reward_id: int, key: bytes) -> Redeemed:
    asked = Asked(key=str(uuid7()), resident_no=resident, reward_id=reward_id, by=resident)
    return redeem(tx, asked, key).answer()
