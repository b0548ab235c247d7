"""What rules would have given for what people have done: a draft over history, award by award.

Awards are taken in the order in which they were credited, so that caps meet them as they did
then. Those from before the time that is simulated are not judged again: they only fill the
windows of caps that reach further back. By the rules that were applied to each of them, the
ledger comes out to the point: the self-check of every simulation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.points.rules.caps import Cap, Opening, new_meter, openings, places
from services.points.rules.earning import earned
from services.points.rules.rule_set import RuleSet, in_force

MONTHS = 12
COMMUNITIES_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What somebody did, as it was stored with its award, and what it was credited."""

    resident_no: str
    household_no: str
    community_code: str
    on: date
    kind: str
    minutes: int
    evidence: str
    activity: str  # partner/activity code
    programme: str | None
    version: int | None
    points: int


Published = Mapping[tuple[str | None, int | None], RuleSet]


class Replay:
    """Credits deeds by the rules that `rules_of` gives for each; None is no rules."""

    def __init__(
        self, rules_of: Callable[[Deed], RuleSet | None], published: Published, first: date
    ) -> None:
        self._rules_of = rules_of
        self._published = published
        self._first = first
        self._meter = new_meter()
        self._opened: dict[tuple[int, date], list[Opening]] = {}

    def credit(self, deed: Deed) -> tuple[int, list[str]]:
        """Points, and the caps that took something; of an earlier deed what it was credited."""
        rules = self._rules_of(deed)
        if deed.on < self._first:
            self._remember(deed, rules)
            return deed.points, []
        gained = earned(
            rules,
            kind=deed.kind,
            minutes=deed.minutes,
            evidence=deed.evidence,
            on=deed.on,
            resident_no=deed.resident_no,
        )
        if rules is None or not gained.points:
            return gained.points, []
        day = id(rules), deed.on
        if day not in self._opened:
            self._opened[day] = openings(rules.caps, deed.on)
        counted = places(self._opened[day], _scopes(deed))
        return self._meter.credit(gained.points, rules.caps, counted)

    def _remember(self, deed: Deed, rules: RuleSet | None) -> None:
        # A cap counts what was awarded under versions that declare it.
        by = self._published.get((deed.programme, deed.version))
        if rules is None or by is None or not deed.points:
            return
        caps = [cap for cap in rules.caps if by.cap(cap.code) is not None]
        self._meter.count(deed.points, places(openings(caps, deed.on), _scopes(deed)))


def _scopes(deed: Deed) -> dict[str, int | str]:
    return {
        "person": deed.resident_no,
        "household": deed.household_no,
        "activity": deed.activity,
        "community": deed.community_code,
    }


def first_day(today: date) -> date:
    """The first day of the month twelve months ago: caps by the month are then whole."""
    return date(today.year - 1, today.month, 1)


def reads_from(rule_sets: Iterable[RuleSet], first: date) -> date:
    """From which day on awards matter to the caps of these rules."""
    caps: list[Cap] = [cap for rules in rule_sets for cap in rules.caps]
    return min((cap.begins(first) for cap in caps), default=first)


def as_drafted(draft: RuleSet, rule_sets: Iterable[RuleSet], today: date) -> Callable[[Deed], bool]:
    """Whether a deed would be under the draft: not where other rules name the community."""
    named = draft.communities
    if named is not None:
        return lambda deed: deed.community_code in named
    known = list(rule_sets)
    cached: dict[str, bool] = {}

    def is_general(deed: Deed) -> bool:
        code = deed.community_code
        if code not in cached:
            valid = in_force(known, today, code)
            cached[code] = valid is None or valid.communities is None
        return cached[code]

    return is_general


@dataclass(slots=True)
class Share:
    """What a community (or all of them) got, and would have got."""

    awards: int = 0
    before: int = 0
    after: int = 0
    caps: Counter[str] = field(default_factory=Counter)
    residents: dict[str, int] = field(default_factory=dict)  # the difference of each

    def add(self, deed: Deed, points: int, hit: list[str]) -> None:
        """Count an award."""
        self.awards += 1
        self.before += deed.points
        self.after += points
        self.caps.update(hit)
        changed = self.residents.get(deed.resident_no, 0) + points - deed.points
        self.residents[deed.resident_no] = changed

    def told(self) -> dict[str, Any]:
        """As JSON."""
        changes = self.residents.values()
        return {
            "awards": self.awards,
            "points_before": self.before,
            "points_after": self.after,
            "difference": self.after - self.before,
            "winners": sum(change > 0 for change in changes),
            "losers": sum(change < 0 for change in changes),
            "unchanged": sum(change == 0 for change in changes),
            "largest_gain": max((0, *changes)),
            "largest_loss": -min((0, *changes)),
            "caps_hit": dict(sorted(self.caps.items())),
        }


class Simulation:
    """A draft over history, and the ledger's own rules beside it."""

    def __init__(self, draft: RuleSet, published: Published, first: date, today: date) -> None:
        self._first, self._today = first, today
        self._draft = draft
        self._is_meant = as_drafted(draft, published.values(), today)
        self._drafted = Replay(lambda _deed: draft, published, first)
        self._applied = Replay(
            lambda deed: published.get((deed.programme, deed.version)), published, first
        )
        self._shares: dict[str, Share] = {}
        self._checked = self._differing = self._difference = 0

    def add(self, deed: Deed) -> None:
        """Take the next award, in the order of crediting."""
        again, _ = self._applied.credit(deed)
        is_past = deed.on < self._first
        if not is_past:
            self._checked += 1
            self._differing += again != deed.points
            self._difference += again - deed.points
        if not self._is_meant(deed):
            return
        points, hit = self._drafted.credit(deed)
        if not is_past:
            share = self._shares.setdefault(deed.community_code, Share())
            share.add(deed, points, hit)

    def result(self) -> dict[str, Any]:
        """What was found, as JSON; communities by how much they change."""
        total = Share()
        for share in self._shares.values():
            total.awards += share.awards
            total.before += share.before
            total.after += share.after
            total.caps.update(share.caps)
            for resident_no, change in share.residents.items():
                total.residents[resident_no] = total.residents.get(resident_no, 0) + change
        by_community = sorted(
            self._shares.items(), key=lambda item: (-abs(item[1].after - item[1].before), item[0])
        )
        fen = self._draft.fen_per_point
        return {
            "first": self._first.isoformat(),
            "last": self._today.isoformat(),
            **total.told(),
            "fen_before": None if fen is None else total.before * fen,
            "fen_after": None if fen is None else total.after * fen,
            "communities": [
                {"community_code": code, **share.told()}
                for code, share in by_community[:COMMUNITIES_SHOWN]
            ],
            "campaigns_outside": [
                one.name
                for one in self._draft.campaigns
                if one.last < self._first or one.first > self._today
            ],
            "self_check": {
                "awards": self._checked,
                "differing": self._differing,
                "difference": self._difference,
            },
        }
