"""The board's figures over facts, and the lists behind them: the same words make both."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page
from services.intake.rules.board import (
    PARTS,
    SOON,
    THREE,
    THREE_PARTS,
    Tally,
    Terms,
    case_parts,
    case_shares,
)
from services.intake.rules.board_sheet import (
    ALL,
    Board,
    Counts,
    Group,
    Medians,
    Subject,
    assemble,
    median,
)
from services.intake.rules.states import OPEN
from shared.db.arrays import literal
from shared.errors import Rejected

_OPEN: Final = ", ".join(f"'{state}'" for state in sorted(OPEN))
# What `rules/board.py` asks of one life, asked of a row; the flags are made once a row.
_FLAGS: Final = {
    "judged": "NOT f.is_excluded AND f.state NOT IN ('merged', 'void', 'declined')",
    "is_open": f"f.state IN ({_OPEN})",
    "late": (
        "coalesce(f.accept_due_at < coalesce(f.accepted_at, :now), false)"
        " OR coalesce(f.contact_due_at < coalesce(f.contacted_at, :now), false)"
    ),
    "answered": (
        "(f.accept_due_at IS NULL OR f.accepted_at IS NOT NULL)"
        " AND (f.contact_due_at IS NULL OR f.contacted_at IS NOT NULL)"
    ),
    "has_answer_due": (
        "f.dispatched_at IS NOT NULL"
        " AND (f.accept_due_at IS NOT NULL OR f.contact_due_at IS NOT NULL)"
    ),
    "resolve_counts": (
        "f.state <> 'referred' AND f.due_at IS NOT NULL"
        " AND (f.resolved_at IS NOT NULL OR :now > f.due_at)"
    ),
}
_RESPONDS: Final = "judged AND has_answer_due AND (answered OR late)"
_RESOLVES: Final = "judged AND resolve_counts"
_SQL: Final[Mapping[str, str]] = {
    "received": "true",
    "open": "is_open",
    "ended": "ended_at IS NOT NULL",
    "overdue": "is_open AND due_at < :now",
    "soon": "is_open AND due_at >= :now AND due_at < :soon",
    "excluded": "is_excluded",
    "no_place": "NOT has_place",
    "response_due": _RESPONDS,
    "response_met": f"{_RESPONDS} AND NOT late",
    "asked": "judged AND solved IS NOT NULL",
    "solved": "judged AND solved = 'solved'",
    "partly": "judged AND solved = 'partly'",
    "unsolved": "judged AND solved = 'unsolved'",
    "rated": "judged AND satisfied IS NOT NULL",
    "satisfied": "judged AND satisfied = 'satisfied'",
    "basically": "judged AND satisfied = 'basically'",
    "dissatisfied": "judged AND satisfied = 'dissatisfied'",
    "resolve_due": _RESOLVES,
    "resolve_met": f"{_RESOLVES} AND coalesce(resolved_at, :now) <= due_at",
    "resolved_once": "judged AND resolve_count > 0",
    "reworked": "judged AND resolve_count > 0 AND rework_count > 0",
    "dispatched": "judged AND dispatched_at IS NOT NULL",
    "dispatched_right": "judged AND dispatched_at IS NOT NULL AND returned_count = 0",
}
_PLACE: Final = ("community_code", "unit_code")
# What the questions above read.
_JUDGING: Final = (
    *_FLAGS, "ended_at", "due_at", "resolved_at", "is_excluded", "has_place", "solved", "satisfied",
    "resolve_count", "rework_count", "dispatched_at", "returned_count",
)  # fmt: skip
_WHERE: Final = {
    "street": "f.street_code = :street",
    "community": "f.community_code = :community",
    "unit": "f.unit_code = :unit",
    "category": "f.category = :category",
}
_TERMS = text(
    "SELECT partly_percent, basically_percent, response_weight, resolution_weight,"
    " satisfaction_weight, hidden_below FROM board_terms"
    " WHERE starts_on <= :day AND approved_by IS NOT NULL ORDER BY starts_on DESC LIMIT 1"
)
_STREETS = text("SELECT code, name FROM areas WHERE kind = 'street' ORDER BY code")
_GROUPS = text(
    "SELECT g.group_code, g.subject, g.name, g.name_en, g.is_ranked,"
    " coalesce(jsonb_object_agg(s.code, s.name) FILTER (WHERE s.code IS NOT NULL), '{}') AS members"
    " FROM board_groups g LEFT JOIN (SELECT 'community' AS subject, a.code, a.name,"
    " coalesce(m.group_code, (SELECT min(group_code) FROM board_groups"
    " WHERE subject = 'community' AND unit_kind IS NULL AND place ="
    " (SELECT min(place) FROM board_groups WHERE subject = 'community'))) AS group_code"
    " FROM areas a LEFT JOIN board_members m ON m.subject = 'community' AND m.code = a.code"
    " WHERE a.kind = 'community' AND (CAST(:street AS text) IS NULL OR a.parent_code = :street)"
    " UNION ALL SELECT 'unit', u.unit_code, u.name, coalesce(m.group_code, d.group_code)"
    " FROM units u LEFT JOIN board_members m ON m.subject = 'unit' AND m.code = u.unit_code"
    " LEFT JOIN board_groups d ON d.unit_kind = u.kind WHERE u.is_active"
    ") s ON s.group_code = g.group_code AND s.subject = g.subject"
    " GROUP BY g.group_code ORDER BY g.place, g.group_code"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A period, both days included, and what of the district; None is all of it."""

    first: date
    last: date
    street: str | None = None
    community: str | None = None
    unit: str | None = None
    category: str | None = None


def terms_on(session: Session, day: date) -> Terms:
    """The terms in force on a day."""
    return Terms(**session.execute(_TERMS, {"day": day}).mappings().one())


def groups(session: Session, street: str | None = None) -> list[Group]:
    """The groups with their members, in the order of the board."""
    rows = session.execute(_GROUPS, {"street": street}).mappings()
    return [Group(**{**row, "members": dict(sorted(row["members"].items()))}) for row in rows]


def streets(session: Session) -> list[tuple[str, str]]:
    """(code, name) of each street."""
    return [(row.code, row.name) for row in session.execute(_STREETS)]


def board(session: Session, asked: Asked, now: datetime) -> Board:
    """The board of a period as of `now`."""
    terms = terms_on(session, asked.first)
    counted = counts(session, asked, terms, now)
    return assemble(counted, terms, groups(session, asked.street))


def counts(session: Session, asked: Asked, terms: Terms, now: datetime) -> Counts:
    """All that the board counts, in a few statements."""
    given = _given(asked, now)
    cells = _cells(session, _rows(asked, *_JUDGING, *_PLACE), given)
    split = list(
        session.execute(text(_rows(asked, "case_id", "request_id") + _SPLIT), given).scalars()
    )
    parts = _parts_of_split(session, asked, given, split) if split else {}
    days: dict[date, tuple[int, int]] = {}
    categories: dict[str, int] = {}
    for row in session.execute(
        text(_rows(asked, "received_on", "category", "is_open") + _DAYS), given
    ):
        if row.received_on is None:
            categories[row.category] = row.received
        else:
            days[row.received_on] = (row.received, row.open)
    return Counts(
        cells=cells,
        shares=_shares(cells, parts, terms),
        medians=_medians(
            session, _rows(asked, *_PLACE, "received_at", "contacted_at", "resolved_at"), given
        ),
        days=days,
        categories=categories,
    )


# Cases that are more than one request here; few, unless somebody splits what is one.
_SPLIT = " SELECT DISTINCT case_id FROM f WHERE case_id <> request_id"
_DAYS = (
    " SELECT received_on, category, count(*) AS received, count(*) FILTER (WHERE is_open) AS open"
    " FROM f GROUP BY GROUPING SETS ((received_on), (category))"
)
# Lists of whole minutes: sorting some of them here is quicker than ordered aggregates are.
_MINUTES = (
    " SELECT coalesce(community_code, '') AS community, coalesce(unit_code, '') AS unit,"
    " string_agg(floor(date_part('epoch', contacted_at - received_at) / 60)::int::text, ' ')"
    " AS contact,"
    " string_agg(floor(date_part('epoch', resolved_at - received_at) / 60)::int::text, ' ')"
    " AS resolve FROM f GROUP BY 1, 2"
)


def _rows(asked: Asked, *columns: str) -> str:
    """These columns and flags of the period's rows, as the beginning of a statement."""
    chosen = "".join(
        f" AND {condition}" for name, condition in _WHERE.items() if getattr(asked, name)
    )
    named = ", ".join(
        f"({_FLAGS[name]}) AS {name}" if name in _FLAGS else f"f.{name}" for name in columns
    )
    return (
        f"WITH f AS (SELECT {named} FROM request_facts f"
        # OFFSET 0: each flag is worked out once a row, not once for each figure that asks.
        f" WHERE f.received_on BETWEEN :first AND :last{chosen} OFFSET 0)"
    )


def _given(asked: Asked, now: datetime) -> dict[str, Any]:
    return {**asdict(asked), "now": now, "soon": now + SOON}


_ASKED_OF_CASES: Final = sorted(
    {part for whole, parts in THREE_PARTS.values() for part in (whole, *parts)}
)

Cell = tuple[str, str]


def _cells(session: Session, rows: str, given: Mapping[str, Any]) -> dict[Cell, Tally]:
    counted = ", ".join(f"count(*) FILTER (WHERE {_SQL[part]}) AS {part}" for part in PARTS)
    found = session.execute(
        text(f"{rows} SELECT community_code, unit_code, {counted} FROM f GROUP BY 1, 2"), given
    ).mappings()
    return {
        (row["community_code"] or "", row["unit_code"] or ""): Tally(
            counts={part: row[part] for part in PARTS}
        )
        for row in found
    }


def _parts_of_split(
    session: Session, asked: Asked, given: Mapping[str, Any], split: list[int]
) -> dict[tuple[Cell, int], Tally]:
    """What was split, by cell and case."""
    counted = ", ".join(
        f"count(*) FILTER (WHERE {_SQL[part]}) AS {part}" for part in _ASKED_OF_CASES
    )
    found = session.execute(
        text(
            f"{_rows(asked, *_JUDGING, *_PLACE, 'case_id')} SELECT community_code, unit_code,"
            f" case_id, {counted} FROM f WHERE case_id = ANY(CAST(:split AS bigint[]))"
            " GROUP BY 1, 2, 3"
        ),
        {**given, "split": literal(split)},
    ).mappings()
    return {
        ((row["community_code"] or "", row["unit_code"] or ""), row["case_id"]): Tally(
            counts={part: row[part] for part in _ASKED_OF_CASES}
        )
        for row in found
    }


def _shares(
    cells: Mapping[Cell, Tally], parts: Mapping[tuple[Cell, int], Tally], terms: Terms
) -> dict[Subject, dict[str, tuple[int, int]]]:
    """Per subject and rate: the sum of the cases' shares in millionths, and their number.

    A case of one request is whole or nothing, so those come from the cells as they are; only
    what was split is put together again.
    """
    made: defaultdict[Subject, dict[str, tuple[int, int]]] = defaultdict(
        lambda: dict.fromkeys(THREE, (0, 0))
    )
    for side, subject in enumerate(("community", "unit")):
        alone: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for cell, one in cells.items():
            alone[cell[side]].update({part: one[part] for part in _ASKED_OF_CASES})
        cases: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        for (cell, case_id), one in parts.items():
            alone[cell[side]].subtract(one.counts)
            cases[cell[side], case_id].update(one.counts)
        for code, counted in alone.items():
            _add(made[subject, code], _of_single(counted, terms))
        for (code, _), counted in cases.items():
            _add(made[subject, code], case_shares([Tally(counts=counted)], terms))
    return dict(made)


def _of_single(alone: Mapping[str, int], terms: Terms) -> dict[str, tuple[int, int]]:
    return {
        name: (sum(10_000 * weight * alone[part] for part, weight in parts), alone[whole])
        for name, (whole, parts) in case_parts(terms).items()
    }


def _add(sums: dict[str, tuple[int, int]], more: Mapping[str, tuple[int, int]]) -> None:
    for name, (total, number) in more.items():
        sums[name] = (sums[name][0] + total, sums[name][1] + number)


def _medians(session: Session, rows: str, given: Mapping[str, Any]) -> dict[Subject, Medians]:
    waits: defaultdict[Subject, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for row in session.execute(text(rows + _MINUTES), given):
        minutes = [
            sorted(map(int, each.split())) if each else [] for each in (row.contact, row.resolve)
        ]
        for subject in (ALL, ("community", row.community), ("unit", row.unit)):
            for known, more in zip(waits[subject], minutes, strict=True):
                known.extend(more)
    return {subject: Medians(*map(median, lists)) for subject, lists in waits.items()}


_LISTING = ("state", "category", "community_code", "unit_code", "received_at")
_LISTED = (
    " SELECT f.request_id AS id, r.request_no, r.title, f.state, r.urgency, f.category,"
    " c.name AS community_name, u.name AS unit_name, f.received_at, f.due_at, f.resolved_at,"
    " f.solved, f.satisfied FROM f JOIN requests r ON r.id = f.request_id"
    " LEFT JOIN areas c ON c.code = f.community_code"
    " LEFT JOIN units u ON u.unit_code = f.unit_code"
    " WHERE f.request_id IN (SELECT request_id FROM f WHERE %s AND request_id < :before"
    " ORDER BY request_id DESC LIMIT :limit) ORDER BY f.request_id DESC"
)


def count_of(session: Session, asked: Asked, part: str, now: datetime) -> int:
    """One figure alone; raises Rejected for one that there is not."""
    _check_part(part)
    found = session.execute(
        text(f"{_rows(asked, *_JUDGING)} SELECT count(*) FROM f WHERE {_SQL[part]}"),
        _given(asked, now),
    )
    return int(found.scalar_one())


def _check_part(part: str) -> None:
    if part not in _SQL:
        raise Rejected("part", "没有这个数字", "there is no such figure", pointer="/part")


def behind(
    session: Session,
    asked: Asked,
    part: str,
    now: datetime,
    *,
    before: int | None = None,
    limit: int = PAGE,
) -> Page:
    """Exactly the requests that a figure counts, the newest first; raises Rejected."""
    _check_part(part)
    found = session.execute(
        text(_rows(asked, "request_id", *_JUDGING, *_LISTING) + _LISTED % _SQL[part]),
        {**_given(asked, now), "before": before or 2**62, "limit": limit + 1},
    )
    rows = [dict(row) for row in found.mappings()]
    return Page(rows[:limit], str(rows[limit - 1]["id"]) if len(rows) > limit else None)
