"""What the pages of the time bank show: districts, a transfer that waits, one that came."""

from __future__ import annotations

import base64
from datetime import timedelta

from services.points.actions import ledger, time_bank, time_bank_peers
from services.points.actions.documents import write_document
from services.points.actions.time_bank_receiving import receive
from services.points.rules.lots import NEVER, Lot
from services.points.rules.time_bank import PeerTerms
from services.points.rules.time_bank_messages import CoinLot, Proposal
from services.points.rules.time_bank_seals import District, read_district
from shared import clock
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

MAKER, CHECKER = "another-manager", "a-third-manager"


def moved(tx: Transaction, resident: str, settings: dict[str, str]) -> None:
    """Coins to send, a district that never answers, one that waits for its second manager."""
    here = read_district(settings["LINLI_DISTRICT_CODE"], settings["POINTS_TIME_BANK_KEY"])
    east = read_district("990102", base64.b64encode(bytes(range(32))).decode())
    assert here is not None
    assert east is not None
    _register(tx, east, "东湖区", decided=True)
    _register(tx, read_district("990103", base64.b64encode(bytes(32)).decode()), "西山区")
    document_id = uuid7()
    words = {"zh": "服务时长折换时间币", "en": "service made into time coins"}
    write_document(tx.session, document_id, "conversion", made_by=MAKER, facts=words)
    key = (time_bank.ASSET, "resident", resident)
    account = ledger.locked(tx.session, [key])[key]
    source = ("ideal-bank", "district")
    lot = Lot(NEVER, ledger.sources(tx.session, [source])[source])
    posting = ledger.posting(tx.session)
    posting.issue(account, 120, document_id, "conversion", lot)
    posting.post(tx.session, clock.now())
    for amount, to in ((12, "D000123"), (3, "D000456")):
        transfer_id = uuid7()
        wish = time_bank.Wish(
            transfer_id=transfer_id,
            resident_no=resident,
            to_district="990102",
            to_resident=to,
            amount=amount,
            by=resident,
        )
        time_bank.depart(tx, here, wish)
        if amount == 3:
            time_bank.ask_cancel(tx, transfer_id, by=resident)
    now = clock.now()
    arriving = Proposal(
        transfer_id=uuid7(),
        nonce=uuid7().hex,
        from_district="990102",
        to_district=here.code,
        from_resident="D000123",
        to_resident=resident,
        amount=8,
        lots=(CoinLot(NEVER, 8),),
        issued_at=now,
        expires_at=now + timedelta(days=7),
    )
    receive(tx, here, east.seal(arriving.body()))


def _register(
    tx: Transaction, district: District | None, name: str, *, decided: bool = False
) -> None:
    assert district is not None
    terms = PeerTerms(
        code=district.code,
        name=name,
        url="http://127.0.0.1:9",  # where nobody answers
        public_key=district.public_key,
        is_active=True,
        transfer_max=200,
        month_max=400,
        balance_max=1_500,
    )
    change = time_bank_peers.propose_peer(tx, terms, by=MAKER)
    if decided:
        time_bank_peers.decide_peer(tx, change, approved=True, by=CHECKER)
