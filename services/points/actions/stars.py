"""Reckons stars from new entries, writes down when they change, and congratulates once."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text

from services.points.actions.households import SOURCE
from services.points.queries import stars as queries
from services.points.queries.declared import star_ladders
from services.points.queries.stars import Changed
from services.points.rules.stars import Change, Ladder, Totals, changes, ladder_on
from shared import clock
from shared.db.arrays import literal
from shared.ids import uuid7
from shared.messaging.transaction import Transaction
from shared.schemas.envelope import Event, make
from shared.schemas.households import STAR_REACHED

RECKONED_MAX = 2000  # residents of one ladder in one step

_KEEP = text(
    "INSERT INTO star_standings (resident_no, minutes_seq, points_seq, minutes, points, star,"
    " told, on_date, ladder, ladder_version) SELECT d.*, :ladder, :version FROM"
    " unnest(CAST(:resident_nos AS text[]), CAST(:minutes_seqs AS bigint[]),"
    " CAST(:points_seqs AS bigint[]), CAST(:minutes AS bigint[]), CAST(:points AS bigint[]),"
    " CAST(:stars AS int[]), CAST(:told AS int[]), CAST(:days AS date[])) AS d"
    " ON CONFLICT (resident_no, ladder) DO UPDATE SET minutes_seq = excluded.minutes_seq,"
    " points_seq = excluded.points_seq, minutes = excluded.minutes, points = excluded.points,"
    " star = excluded.star, told = excluded.told, on_date = excluded.on_date,"
    " ladder_version = excluded.ladder_version"
)
_MARK = text(
    "INSERT INTO star_changes (resident_no, on_date, star, minutes, points, ladder_version, ladder)"
    " SELECT d.*, :ladder FROM unnest(CAST(:resident_nos AS text[]), CAST(:days AS date[]),"
    " CAST(:stars AS int[]), CAST(:minutes AS bigint[]), CAST(:points AS bigint[]),"
    " CAST(:versions AS int[])) AS d"
    # The day is not over yet: what it ends with is what counts.
    " ON CONFLICT (resident_no, ladder, on_date) DO UPDATE SET star = excluded.star,"
    " minutes = excluded.minutes, points = excluded.points,"
    " ladder_version = excluded.ladder_version"
)


def reckon_stars(tx: Transaction, most: int = RECKONED_MAX) -> int:
    """Bring the stars of at most `most` residents a ladder up to date; how many there were.

    What it costs depends on the new entries alone, never on how long somebody has served.
    """
    reckoned = 0
    today = clock.today()
    for versions in star_ladders(tx.session).values():
        ladder = ladder_on(versions, today)
        if ladder is not None:
            reckoned += _reckon(tx, versions, ladder, today, most)
    return reckoned


def _reckon(tx: Transaction, versions: list[Ladder], ladder: Ladder, today: date, most: int) -> int:
    found = queries.changed(tx.session, ladder, most)
    if not found:
        return 0
    days = queries.days(tx.session, ladder, found, points=ladder.counts_points)
    marked: list[tuple[str, Change]] = []
    standings: list[tuple[Changed, Change]] = []
    for one in found:
        before = _before(one)
        clamped = _clamped(days.get(one.resident_no, {}), before.on_date)
        crossed, stands = changes(versions, clamped, through=today, before=before)
        marked += [(one.resident_no, change) for change in crossed]
        standings.append((one, stands))
    _mark(tx, ladder, marked)
    _keep(tx, ladder, standings, today)
    tx.emit(
        _congratulation(one.resident_no, ladder, stands)
        for one, stands in standings
        if stands.star > one.told
    )
    return len(found)


def _before(one: Changed) -> Change:
    totals = Totals(one.minutes, one.points)
    return Change(one.on_date or date.min, one.star, totals, one.version)


def _clamped(days: dict[date, Totals], earliest: date) -> dict[date, Totals]:
    """An entry that came in late counts from the day that was reckoned last."""
    clamped: dict[date, Totals] = {}
    for on, added in days.items():
        day = max(on, earliest)
        known = clamped.get(day, Totals())
        clamped[day] = Totals(known.minutes + added.minutes, known.points + added.points)
    return clamped


def _mark(tx: Transaction, ladder: Ladder, marked: list[tuple[str, Change]]) -> None:
    if not marked:
        return
    tx.session.execute(
        _MARK,
        {
            "ladder": ladder.name,
            "resident_nos": literal(no for no, _ in marked),
            "days": literal(change.on_date for _, change in marked),
            "stars": literal(change.star for _, change in marked),
            "minutes": literal(change.totals.minutes for _, change in marked),
            "points": literal(change.totals.points for _, change in marked),
            "versions": literal(change.version for _, change in marked),
        },
    )


def _keep(
    tx: Transaction, ladder: Ladder, standings: list[tuple[Changed, Change]], today: date
) -> None:
    tx.session.execute(
        _KEEP,
        {
            "ladder": ladder.name,
            "version": ladder.version,
            "resident_nos": literal(one.resident_no for one, _ in standings),
            "minutes_seqs": literal(one.minutes_upto for one, _ in standings),
            "points_seqs": literal(
                one.points_upto if ladder.counts_points else one.points_after
                for one, _ in standings
            ),
            "minutes": literal(stands.totals.minutes for _, stands in standings),
            "points": literal(stands.totals.points for _, stands in standings),
            "stars": literal(stands.star for _, stands in standings),
            "told": literal(max(one.told, stands.star) for one, stands in standings),
            "days": literal(max(stands.on_date, date(1, 1, 1)) for _, stands in standings),
        },
    )


def _congratulation(resident_no: str, ladder: Ladder, stands: Change) -> Event:
    return make(
        STAR_REACHED,
        {
            "resident_no": resident_no,
            "ladder": ladder.name,
            "star": stands.star,
            "service_minutes": stands.totals.minutes,
            "on_date": stands.on_date,
            "accepted_at": clock.now(),
        },
        source=SOURCE,
        correlationid=str(uuid7()),
    )
