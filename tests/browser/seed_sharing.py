"""A relative who shares points, and a redemption that took some of them and was given up."""

from __future__ import annotations

from services.points.actions import ledger, rewards
from services.points.actions.documents import write_document
from services.points.actions.redemptions import Asked, redeem
from services.points.actions.redemptions_claimed import cancel
from services.points.queries.rewards import spendable
from services.points.rules.lots import NEVER, Lot
from services.points.rules.redemptions import number_of, pickup_key
from services.points.rules.rewards import Terms
from shared import clock
from shared.ids import uuid7
from shared.messaging.transaction import Transaction
from tests.browser.seed_standing import CHECKER, MAKER, RELATIVE

SHARED = 30


def shared(tx: Transaction, session_key: str, resident: str) -> dict[str, str]:
    """Addresses' parts: `shared`, a redemption of more than the resident has."""
    _give(tx, RELATIVE, SHARED)
    own = spendable(tx.session, resident, clock.today())["points"]
    terms = Terms(
        kind="goods",
        title="电饭煲一台",
        place="幸福里社区党群服务中心一楼服务台",
        price=own + SHARED // 2,
        active_from=clock.today().replace(day=1),
    )
    reward = rewards.add(tx, terms, stock=3, by=MAKER)
    asked = Asked(
        key=str(uuid7()), resident_no=resident, reward_id=reward, use_household=True, by=resident
    )
    done = redeem(tx, asked, pickup_key(session_key)).answer()
    cancel(tx, number_of(done.redemption_no) or 0, resident_no=resident, by=resident)
    return {"shared": done.redemption_no, "dear": str(reward)}


def _give(tx: Transaction, resident: str, amount: int) -> None:
    key = ("points", "resident", resident)
    account = ledger.locked(tx.session, [key])[key]
    source = ("paper-books", "community")
    lot = Lot(NEVER, ledger.sources(tx.session, [source])[source])
    document_id, posting = uuid7(), ledger.posting(tx.session)
    write_document(tx.session, document_id, "import", made_by=MAKER, checked_by=CHECKER, facts={})
    posting.issue(account, amount, document_id, "import", lot)
    posting.post(tx.session, clock.now())
