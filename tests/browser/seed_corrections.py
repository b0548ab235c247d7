"""What the pages of corrections, paper books and flags show: one of each kind and state."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from services.points.actions import corrections, flags, importing
from services.points.queries.corrections import awards_of, known_residents
from services.points.rules.paper_books import COLUMNS
from shared import clock
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

CLERK, MAKER, CHECKER = "a-clerk", "another-manager", "a-third-manager"
WHY, YES = "核对签到表后发现记录有误", "已与活动组织者核对，同意"


def corrected(tx: Transaction, resident: str, partner: str) -> dict[str, str]:
    """Proposals in every state, a file with problems and one without, flags to judge."""
    others = list(
        tx.session.execute(text("SELECT resident_no FROM residents ORDER BY 1 LIMIT 2")).scalars()
    )
    whom = resident if known_residents(tx.session, [resident]) else others[0]
    award = next(
        one for one in awards_of(tx.session, resident) if one.points and not one.is_pending
    )
    reversal = corrections.propose_award_reversal(
        tx, award.award_id, by=MAKER, reason_code="not_done", reason=WHY, policy="debt"
    )
    corrections.approve(tx, reversal, by=CHECKER, decision=YES)
    waiting = _adjusted(tx, whom, 15)
    refused = _adjusted(tx, whom, -5)
    corrections.refuse(tx, refused, by=CHECKER, decision="签到表无误，不调整")
    good = _file(tx, [("B-2026-001", n, whom, "2026-03-01", n, 30 * n, "") for n in range(1, 8)])
    corrections.approve(
        tx,
        corrections.propose_import(tx, good, by=CLERK, reason="纸质存折结转"),
        by=CHECKER,
        decision=YES,
    )
    bad = _file(
        tx,
        [
            ("B-2026-001", 1, whom, "2026-03-01", 99, "", ""),
            ("B-2026-002", 1, "R999999", "2026-03-01", 1, "", ""),
            ("B-2026-002", 2, whom, "去年", "=1+1", "", ""),
        ],
    )
    flags.declare_organiser(tx, partner, whom, by=MAKER)
    flags.raise_flags(tx.session, _odd(resident, str(award.award_id), others), clock.now())
    return {
        "reversal": str(reversal),
        "adjustment": str(waiting),
        "import_good": str(good),
        "import_bad": str(bad),
        "award": str(awards_of(tx.session, resident)[-1].award_id),
    }


def _adjusted(tx: Transaction, whom: str, amount: int) -> UUID:
    return corrections.propose_adjustment(
        tx,
        whom,
        by=CLERK,
        asset="points",
        amount=amount,
        reason_code="missed",
        reason="八月巡逻班次漏记，值班表可查，漏记的两次都有组织者签字",
        once=uuid7(),
    )


def _file(tx: Transaction, rows: list[tuple[object, ...]]) -> UUID:
    heading = ",".join(column.code for column in COLUMNS[:7])
    lines = [heading, *(",".join(str(cell) for cell in row) for row in rows)]
    return importing.check_file(tx, "\n".join(lines).encode(), by=CLERK).import_id


def _odd(resident: str, award: str, others: list[str]) -> list[flags.Raised]:
    ring = [resident, *others, resident]
    return [
        flags.Raised(
            kind="overlap",
            subject=resident,
            evidence_key=award,
            evidence={"on_date": "2026-10-09", "minutes": 45, "awards": [award]},
        ),
        flags.Raised(
            kind="gift_ring",
            subject=resident,
            evidence_key="a ring",
            evidence={"members": ring, "points": 50, "documents": []},
        ),
        flags.Raised(
            kind="density",
            subject=resident,
            evidence_key="a day",
            evidence={
                "on_date": "2026-10-09",
                "awards_count": 9,
                "minutes": 840,
                "awards": [award],
            },
        ),
    ]
