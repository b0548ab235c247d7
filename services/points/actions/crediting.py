"""Credits contributions: activities to residents, wishes to partners; whole batches at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions import capping, ledger
from services.points.actions.ledger import Account, Key
from services.points.actions.overlaps import Attendance, count_once
from services.points.actions.public_notices import Listed, list_awards
from services.points.queries import rule_sets
from services.points.rules.caps import Meter, Opening, Place, openings, places
from services.points.rules.earning import Earned, earned, wish_points
from services.points.rules.lots import Lot, expires_on
from services.points.rules.rule_set import RuleSet, in_force
from shared import clock, metrics
from shared.clock import local_date
from shared.db.arrays import literal
from shared.messaging.handlers import Heard
from shared.messaging.transaction import Transaction
from shared.metrics.batches import observe_counted
from shared.schemas import make
from shared.schemas.envelope import Event
from shared.schemas.points import PARTNER_CREDITED, POINTS_CREDITED

SOURCE = "/linli/points"
POINTS = "points"
MINUTES = "service_minutes"
CONTRIBUTION = "partner_contribution"

_AWARDS = text(
    "INSERT INTO awards (award_id, owner, community_code, household_no, on_date, programme,"
    " rule_version, points, service_minutes, accepted_at, explanation, kind, credited_at)"
    " SELECT r.*, :kind, :credited_at FROM ROWS FROM ("
    "unnest(CAST(:award_ids AS uuid[]), CAST(:owners AS text[]), CAST(:communities AS text[]),"
    " CAST(:households AS text[]),"
    " CAST(:days AS date[]), CAST(:programmes AS text[]), CAST(:versions AS int[]),"
    " CAST(:points AS int[]), CAST(:minutes AS int[]), CAST(:accepted AS timestamptz[])),"
    " jsonb_array_elements(CAST(:explanations AS jsonb))) AS r"
)


@dataclass(slots=True)
class _Award:
    """One contribution on its way into the ledger."""

    event: Event
    data: dict[str, Any]
    on: date
    rules: RuleSet | None
    earned: Earned
    points: int = 0
    caps_hit: list[str] | None = None
    counted: list[Place] = field(default_factory=list)

    @property
    def is_shown_first(self) -> bool:
        """Its points wait in the pending account until a public notice has ended."""
        return self.rules is not None and self.rules.notice_days is not None


class _RulesOn(dict[tuple[date, str | None], RuleSet | None]):
    """The rules in force on a day in a community, looked for once a batch."""

    def __init__(self, published: list[RuleSet]) -> None:
        super().__init__()
        self._published = published

    def __missing__(self, place: tuple[date, str | None]) -> RuleSet | None:
        self[place] = in_force(self._published, *place)
        return self[place]


class _Lots:
    """The lots of a batch's awards: by programme and partner, and by the day they end."""

    def __init__(self, session: Session, awards: list[_Award]) -> None:
        self._sources = ledger.sources(
            session,
            {(a.rules.programme, a.data["partner"]) for a in awards if a.rules and a.earned.points},
        )

    def of(self, award: _Award) -> Lot:
        """Where the award's points go; only for one that earned some, so there are rules."""
        if award.rules is None:
            raise ValueError("points without rules")
        source_id = self._sources[award.rules.programme, award.data["partner"]]
        return Lot(expires_on(award.rules.expiry, award.on), source_id)


def credit_activities(tx: Transaction, heard: list[Heard]) -> list[Event]:
    """Points under the caps and all service minutes, one award a contribution."""
    now = clock.now()
    rules_on = _RulesOn(rule_sets(tx.session))
    awards = [_earn(event, data, rules_on) for event, data in heard]
    lots = _Lots(tx.session, awards)
    accounts = ledger.locked(tx.session, _resident_keys(awards))
    _count_time_once(tx.session, awards, accounts, now)
    meter = _metered(tx.session, awards, accounts)
    posting = ledger.posting(tx.session)
    said, shown = [], []
    for award in awards:
        resident_no, award_id = award.data["resident_no"], award.data["contribution_id"]
        points = accounts[POINTS, "resident", resident_no]
        minutes = accounts[MINUTES, "resident", resident_no]
        if award.earned.points and award.rules:
            award.points, award.caps_hit = meter.credit(
                award.earned.points, award.rules.caps, award.counted
            )
            held = points
            if award.is_shown_first:
                held = accounts[POINTS, "pending", resident_no]
                shown.append(award)
            posting.issue(held, award.points, award_id, "award", lots.of(award))
        posting.issue(minutes, award.earned.minutes, award_id, "award")
        said.append(_points_credited(award, points, minutes, now))
    capping.keep(tx.session, meter)
    _write_awards(tx.session, "activity", "resident_no", awards, now)
    posting.post(tx.session, now)
    list_awards(tx.session, [_listed(award, lots) for award in shown if award.points], now)
    _observe(awards, now)
    return said


def credit_wishes(tx: Transaction, heard: list[Heard]) -> list[Event]:
    """The partner's contribution account gets what the wish's colour is worth."""
    now = clock.now()
    rules_on = _RulesOn(rule_sets(tx.session))
    awards = [_wish(event, data, rules_on) for event, data in heard]
    accounts = ledger.locked(
        tx.session, [(CONTRIBUTION, "partner", a.data["partner"]) for a in awards]
    )
    posting = ledger.posting(tx.session)
    said = []
    for award in awards:
        account = accounts[CONTRIBUTION, "partner", award.data["partner"]]
        posting.issue(account, award.points, award.data["contribution_id"], "award")
        said.append(_partner_credited(award, account, now))
    _write_awards(tx.session, "wish", "partner", awards, now)
    posting.post(tx.session, now)
    _observe(awards, now)
    return said


def _earn(event: Event, data: dict[str, Any], rules_on: _RulesOn) -> _Award:
    on = local_date(data["checked_in_at"])
    rules = rules_on[on, data["community_code"]]
    return _Award(event, data, on, rules, _earned(data, rules, on, data["minutes"]))


def _earned(data: dict[str, Any], rules: RuleSet | None, on: date, minutes: int) -> Earned:
    return earned(
        rules,
        kind=data["activity_kind"],
        minutes=minutes,
        evidence=data["evidence"],
        on=on,
        resident_no=data["resident_no"],
    )


def _count_time_once(
    session: Session, awards: list[_Award], accounts: Mapping[Key, Account], now: datetime
) -> None:
    """What overlaps with what was counted before earns neither time nor points again."""
    timed = [a for a in awards if a.rules and a.rules.time_counted_once and a.earned.minutes]
    if not timed:
        return
    attended = [
        Attendance(
            a.data["contribution_id"],
            accounts[MINUTES, "resident", a.data["resident_no"]].id,
            a.data["resident_no"],
            a.on,
            (a.data["checked_in_at"], a.data["checked_out_at"]),
        )
        for a in timed
    ]
    counting = count_once(session, attended, now)
    for award in timed:
        if (minutes := counting.get(award.data["contribution_id"])) is not None:
            award.earned = _earned(award.data, award.rules, award.on, minutes)
            lost = award.data["minutes"] - minutes
            award.earned.explanation["minutes_overlapped"] = lost


def _metered(session: Session, awards: list[_Award], accounts: Mapping[Key, Account]) -> Meter:
    """What the caps of a batch have counted; `counted` of each award is filled in."""
    opened: dict[tuple[int, date], list[Opening]] = {}
    for award in awards:
        if award.rules is None or not award.earned.points:
            continue
        day = id(award.rules), award.on
        if day not in opened:
            opened[day] = openings(award.rules.caps, award.on)
        data = award.data
        account = accounts[POINTS, "resident", data["resident_no"]]
        award.counted = places(
            opened[day],
            {
                "person": account.id,
                "household": data["household_no"],
                "activity": f"{data['partner']}/{data['activity_code']}",
                "community": data["community_code"],
            },
        )
    return capping.metered(session, (award.counted for award in awards))


def _wish(event: Event, data: dict[str, Any], rules_on: _RulesOn) -> _Award:
    on = local_date(data["delivered_at"])
    rules = rules_on[on, None]  # a partner's contribution belongs to no community
    points = wish_points(rules, data["colour"])
    gained = Earned(points, 0, {"colour": data["colour"], "wish_code": data["wish_code"]})
    return _Award(event, data, on, rules, gained, points, [])


def _resident_keys(awards: list[_Award]) -> list[Key]:
    # Both, even where an award earns no points: the event tells the balances of both.
    keys: list[Key] = [
        (asset, "resident", a.data["resident_no"]) for asset in (POINTS, MINUTES) for a in awards
    ]
    keys += [
        (POINTS, "pending", a.data["resident_no"])
        for a in awards
        if a.is_shown_first and a.earned.points
    ]
    return keys


def _listed(award: _Award, lots: _Lots) -> Listed:
    if award.rules is None or award.rules.notice_days is None:
        raise ValueError("shown without rules that ask for it")
    return Listed(
        award_id=award.data["contribution_id"],
        resident_no=award.data["resident_no"],
        community_code=award.data["community_code"],
        on=award.on,
        points=award.points,
        lot=lots.of(award),
        days=award.rules.notice_days,
    )


def _write_awards(
    session: Session, kind: str, owner: str, awards: list[_Award], now: datetime
) -> None:
    session.execute(
        _AWARDS,
        {
            "kind": kind,
            "credited_at": now,
            "award_ids": literal(a.data["contribution_id"] for a in awards),
            "owners": literal(a.data[owner] for a in awards),
            "communities": literal(a.data.get("community_code") for a in awards),
            "households": literal(a.data.get("household_no") for a in awards),
            "days": literal(a.on for a in awards),
            "programmes": literal(a.rules.programme if a.rules else None for a in awards),
            "versions": literal(a.rules.version if a.rules else None for a in awards),
            "points": literal(a.points for a in awards),
            "minutes": literal(a.earned.minutes for a in awards),
            "explanations": orjson.dumps([_explanation(a) for a in awards]).decode(),
            "accepted": literal(a.data["accepted_at"] for a in awards),
        },
    )


def _explanation(award: _Award) -> dict[str, Any]:
    return {
        **award.earned.explanation,
        "caps_hit": award.caps_hit or [],
        "points": award.points,
        "activity_code": award.data.get("activity_code"),
        "partner": award.data["partner"],
    }


def _points_credited(award: _Award, points: Account, minutes: Account, now: datetime) -> Event:
    data = award.data
    return make(
        POINTS_CREDITED,
        {
            "award_id": data["contribution_id"],
            "contribution_id": data["contribution_id"],
            "resident_no": data["resident_no"],
            "points": 0 if award.is_shown_first else award.points,
            "points_pending": award.points if award.is_shown_first else 0,
            "service_minutes": award.earned.minutes,
            "points_balance": points.balance,
            "minutes_balance": minutes.balance,
            "activity_code": data["activity_code"],
            "activity_kind": data["activity_kind"],
            "on_date": award.on,
            "caps_hit": award.caps_hit or [],
            "rule": _rule(award.rules),
            "accepted_at": data["accepted_at"],
            "credited_at": now,
        },
        source=SOURCE,
        correlationid=award.event.correlationid,
        causationid=award.event.id,
        traceparent=award.event.traceparent,
    )


def _partner_credited(award: _Award, account: Account, now: datetime) -> Event:
    data = award.data
    return make(
        PARTNER_CREDITED,
        {
            "award_id": data["contribution_id"],
            "contribution_id": data["contribution_id"],
            "partner": data["partner"],
            "points": award.points,
            "balance": account.balance,
            "wish_code": data["wish_code"],
            "colour": data["colour"],
            "credited_at": now,
        },
        source=SOURCE,
        correlationid=award.event.correlationid,
        causationid=award.event.id,
        traceparent=award.event.traceparent,
    )


def _rule(rules: RuleSet | None) -> dict[str, Any]:
    # Without rules for the day there is still a sentence to say: programme "none".
    if rules is None:
        return {"programme": "none", "version": 1}
    return {"programme": rules.programme, "version": rules.version}


def _observe(awards: list[_Award], now: datetime) -> None:
    lags_s: Counter[float] = Counter()
    for at, count in Counter(award.data["accepted_at"] for award in awards).items():
        lags_s[(now - at).total_seconds()] += count
    observe_counted(metrics.event_to_credit, lags_s)
