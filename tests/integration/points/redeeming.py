"""Small ways to fill a catalogue, to give points, and to redeem, for tests of redemptions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text

from services.points.actions import ledger as books
from services.points.actions import rewards
from services.points.actions.redemptions import Asked, Redeemed, redeem
from services.points.actions.redemptions_claimed import cancel, collect
from services.points.actions.redemptions_settling import release_due
from services.points.queries.rewards import HOLD_BREAKS, STOCK_BREAKS, Found
from services.points.rules.lots import Lot
from services.points.rules.redemptions import make_code, number_of, pickup_key
from services.points.rules.rewards import Terms
from shared import clock
from shared.errors import LinliError
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from shared.schemas import make
from shared.schemas.envelope import Event
from tests.integration.points.database import Ledger

KEY = pickup_key("k" * 40)
SHOP = "merchant-31"
NOW = datetime(2026, 10, 15, 2, 0, tzinfo=UTC)  # a Thursday
END = date(2026, 12, 31)


def terms(**changed: Any) -> Terms:
    """Rice for 10 points from a shop, for everybody on every day."""
    told: dict[str, Any] = {
        "kind": "goods",
        "title": "大米一袋",
        "price": 10,
        "place": "幸福里便民店",
        "partner": SHOP,
        "active_from": date(2026, 1, 1),
        "value_fen": 500,
    }
    return Terms(**(told | changed))


def offered(ledger: Ledger, *, stock: int | None = 5, **changed: Any) -> int:
    """A reward in the catalogue; its id."""
    with transaction(ledger.sessions) as tx:
        return rewards.add(tx, terms(**changed), stock=stock, by="manager-1")


def slot(ledger: Ledger, reward_id: int, starts_at: datetime, hours: int = 2) -> int:
    """A time of a venue; its id."""
    with transaction(ledger.sessions) as tx:
        ends_at = starts_at + timedelta(hours=hours)
        return rewards.add_slot(tx, reward_id, starts_at, ends_at, by="manager-1")


def give(
    ledger: Ledger,
    resident_no: str,
    amount: int,
    *,
    expires_on: date = END,
    asset: str = "points",
    programme: str = "ideal-bank",
) -> None:
    """Points (or another asset) of one lot."""
    with transaction(ledger.sessions) as tx:
        account = books.locked(tx.session, [(asset, "resident", resident_no)])
        has_lots = asset in {"points", "time_coins"}
        source = books.sources(tx.session, [(programme, SHOP)])[programme, SHOP]
        posting = books.posting(tx.session)
        lot = Lot(expires_on, source) if has_lots else None
        posting.issue(account[asset, "resident", resident_no], amount, uuid7(), "award", lot)
        posting.post(tx.session, clock.now())


def lives_in(ledger: Ledger, resident_no: str, community: str) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO residents VALUES (:no, 'H1', 'G1', :community, 1)"
                " ON CONFLICT (resident_no) DO NOTHING"
            ),
            {"no": resident_no, "community": community},
        )


def ask(
    ledger: Ledger,
    resident_no: str,
    reward_id: int,
    *,
    quantity: int = 1,
    slot_id: int | None = None,
    key: str = "",
    by: str = "",
    use_household: bool = False,
) -> Redeemed:
    """Redeem as a page does: the refusal is raised after the commit."""
    asked = Asked(
        key=key or str(uuid7()),
        resident_no=resident_no,
        reward_id=reward_id,
        quantity=quantity,
        slot_id=slot_id,
        use_household=use_household,
        by=by or resident_no,
    )
    with transaction(ledger.sessions) as tx:
        outcome = redeem(tx, asked, KEY)
    return outcome.answer()


def code_of(redeemed: Redeemed | Found) -> str:
    return make_code(KEY, redeemed.redemption_id)


def confirm(ledger: Ledger, code: str, *, partner: str | None = SHOP, by: str = "till") -> Found:
    with transaction(ledger.sessions) as tx:
        done = collect(tx, code, partner=partner, by=by)
    if isinstance(done, LinliError):
        raise done
    return done


def give_up(ledger: Ledger, redeemed: Redeemed, resident_no: str | None) -> None:
    number = number_of(redeemed.redemption_no)
    assert number is not None
    with transaction(ledger.sessions) as tx:
        cancel(tx, number, resident_no=resident_no, by=resident_no or "clerk-1")


def run_clock(ledger: Ledger) -> int:
    with transaction(ledger.sessions) as tx:
        return release_due(tx)


def claimed(code: str, *, partner: str = SHOP, at: datetime | None = None) -> Event:
    """What intake says of a partner's claim."""
    event_id = f"event-{uuid7()}"
    return make(
        "linli.redemption.claimed.v1",
        {
            "claim_id": uuid7(),
            "partner": partner,
            "source_event_id": event_id,
            "code": code,
            "collected_at": at or clock.now(),
            "accepted_at": clock.now(),
        },
        source="/linli/intake",
        correlationid=event_id,
    )


def held(ledger: Ledger, resident_no: str, asset: str = "points") -> dict[str, int]:
    """What a resident has, and has put aside."""
    found = ledger.rows(
        "SELECT owner_kind, balance FROM accounts WHERE owner = :owner AND asset = :asset",
        owner=resident_no,
        asset=asset,
    )
    return dict(found)


def lots(ledger: Ledger, resident_no: str, kind: str = "resident") -> list[tuple[Any, ...]]:
    """(last day, programme, left) of the lots with something left."""
    return ledger.rows(
        "SELECT l.expires_on, s.programme, l.remaining FROM lots l"
        " JOIN accounts a ON a.id = l.account_id JOIN lot_sources s ON s.id = l.source_id"
        " WHERE a.owner = :owner AND a.owner_kind = :kind AND l.remaining > 0 ORDER BY 1, 2",
        owner=resident_no,
        kind=kind,
    )


def stock(ledger: Ledger, reward_id: int) -> tuple[int | None, int, int]:
    """Stocked, held, collected."""
    ((stocked, put_aside, collected),) = ledger.rows(
        "SELECT stocked, held, collected FROM reward_stocks WHERE reward_id = :id", id=reward_id
    )
    return stocked, put_aside, collected


def assert_sound(ledger: Ledger) -> None:
    """Ledger, lots, stock and holds agree."""
    assert set(ledger.reconcile().values()) == {0}
    assert ledger.rows(STOCK_BREAKS) == []
    assert ledger.rows(HOLD_BREAKS) == []


def everything(ledger: Ledger) -> dict[str, list[tuple[Any, ...]]]:
    """The ledger, and all that a redemption touches."""
    tables = ("redemptions", "reward_stocks", "stock_movements", "venue_slots", "documents")
    return ledger.snapshot() | {
        name: ledger.rows(f"SELECT t.*, xmin::text FROM {name} t ORDER BY 1") for name in tables
    }
