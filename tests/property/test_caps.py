"""Caps at four levels, on real PostgreSQL: exact, at once from many threads, in any order.

And simulation on history: by the rules that were applied the ledger comes out to the point.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.points.actions.simulating import simulated
from services.points.queries import rules_by_version
from services.points.queries.rule_drafts import deeds
from services.points.rules.caps import CODES, LIFETIME, Cap, crossing, window_start
from services.points.rules.earning import earned, earned_again
from services.points.rules.explaining import brief, explain
from services.points.rules.rule_form import read_rule_set
from shared.messaging.transaction import transaction
from shared.schemas.envelope import Event
from tests.integration.points.database import RULES, Ledger, attended, opened, publish_rules
from tests.property.test_ledger import THREADS, at_once, parallel, take

TODAY = date(2026, 10, 31)
examples = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_numbers = itertools.count(1)


@pytest.fixture
def ledger(databases: dict[str, str]) -> Iterator[Ledger]:
    with opened(databases) as ledger:
        ledger.clear()
        yield ledger


def rules(caps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(RULES), "caps": caps, **changes}


def done(
    who: int,
    minutes: int,
    *,
    household: int = 0,
    activity: int = 0,
    community: int = 0,
    **more: Any,
) -> Event:
    """What resident `who` of a household did in an activity."""
    event = attended(f"R{who:06}", minutes, **more)
    event.data.update(
        household_no=f"H{household:06}",
        activity_code=f"A{activity:04}",
        community_code=f"C{community:04}",
    )
    return event


def total(ledger: Ledger) -> int:
    return int(ledger.scalar("SELECT coalesce(sum(points), 0) FROM awards"))


def assert_exact(ledger: Ledger) -> None:
    """Every counter is what the awards say, and the ledger is sound."""
    assert set(ledger.reconcile().values()) == {0}
    assert ledger.scalar("SELECT sum(balance) FROM accounts WHERE asset = 'points'") == total(
        ledger
    )
    for level, scope in (
        ("household", "household_no"),
        ("community", "community_code"),
        ("activity", "concat(explanation ->> 'partner', '/', explanation ->> 'activity_code')"),
    ):
        broken = ledger.rows(
            "SELECT * FROM scope_usage u WHERE level = :level AND used <>"
            f" (SELECT coalesce(sum(points), 0) FROM awards w WHERE {scope} = u.scope"
            " AND w.rule_version IS NOT NULL AND CASE u.span WHEN 'lifetime' THEN true"
            " ELSE date_trunc(u.span, w.on_date)::date = u.starts_on END)",
            level=level,
        )
        assert broken == []


@pytest.mark.parametrize(
    ("caps", "spread"),
    [
        ({"household_day_points": 37}, {"household": 1}),
        ({"activity_lifetime_points": 41}, {"activity": 1}),
        ({"community_year_points": 53}, {"community": 1}),
        ({"household_week_points": 29, "community_lifetime_points": 1000}, {"household": 1}),
    ],
)
def test_64_threads_fill_a_shared_cap_exactly(
    ledger: Ledger, caps: dict[str, int], spread: dict[str, int]
) -> None:
    publish_rules(ledger, rules(caps))
    parallel(ledger, [done(who, 30, **spread) for who in range(THREADS)])  # 3 points each
    most = min(caps.values())
    assert total(ledger) == most
    amounts = sorted(points for (points,) in ledger.rows("SELECT points FROM awards"))
    whole, rest = divmod(most, 3)
    parts = [rest] if rest else []
    assert amounts == sorted([0] * (THREADS - whole - len(parts)) + parts + [3] * whole)
    assert ledger.scalar("SELECT sum(service_minutes) FROM awards") == THREADS * 30
    assert_exact(ledger)


def test_batches_that_share_scopes_crosswise_neither_deadlock_nor_exceed(ledger: Ledger) -> None:
    caps = {
        "household_month_points": 40,
        "activity_lifetime_points": 60,
        "community_year_points": 150,
        "first_come": True,
    }
    publish_rules(ledger, rules(caps))
    jobs = []
    for job in range(12):
        events = [
            done(
                job * 100 + n,
                30,
                household=(n * 7 + job) % 9,
                activity=(n * 5 + job) % 7,
                community=n % 2,
                day=1 + n % 9,
            )
            for n in range(40)
        ]
        jobs.append(events if job % 2 else events[::-1])
    at_once([lambda frame, job=job: take(frame, job) for job in jobs], ledger)
    assert ledger.scalar("SELECT count(*) FROM awards") == 480
    assert ledger.scalar("SELECT count(*) FROM dead_letters") == 0
    assert ledger.scalar("SELECT max(used) FROM scope_usage WHERE level = 'household'") <= 40
    assert ledger.scalar("SELECT max(used) FROM scope_usage WHERE level = 'activity'") <= 60
    assert total(ledger) <= 300
    assert_exact(ledger)


def test_rules_with_caps_of_persons_alone_open_no_shared_row(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(*(done(who, 60) for who in range(20)))
    assert ledger.rows("SELECT * FROM scope_usage") == []


deed = st.fixed_dictionaries(
    {
        "who": st.integers(0, 5),
        "minutes": st.integers(10, 200),
        "activity": st.integers(0, 2),
        "month": st.sampled_from([9, 10]),
        "day": st.integers(1, 28),
        "kind": st.sampled_from(["elder_care", "culture", "patrol"]),
        "evidence": st.sampled_from(["organiser", "self_check", "backfill"]),
    }
)


def event(one: dict[str, Any]) -> Event:
    """Two persons a household, three a community: each person is in one of each."""
    return done(
        one["who"],
        one["minutes"],
        household=one["who"] // 2,
        community=one["who"] // 4,
        **{name: value for name, value in one.items() if name not in ("who", "minutes")},
    )


def most_allowed(caps: dict[str, int], awards: list[dict[str, Any]], body: dict[str, Any]) -> int:
    """The model: caps that are nested leave, from the inside out, the least of cap and contents."""
    table = read_rule_set(body)
    groups = {(n,): points_of(table, one) for n, one in enumerate(awards)}
    keys: dict[tuple[int, ...], int] = groups
    # Nested caps, the inner before the outer: each joins the groups that lie within it.
    order = list(table.caps)
    order.sort(key=lambda cap: sum(_lies_within(other, cap) for other in table.caps))
    for cap in order:
        joined: dict[Any, list[tuple[int, ...]]] = {}
        for group in keys:
            joined.setdefault(_scope(cap, awards[group[0]]), []).append(group)
        keys = {
            tuple(sorted(itertools.chain.from_iterable(groups_of))): min(
                cap.points, sum(keys[group] for group in groups_of)
            )
            for groups_of in joined.values()
        }
    return sum(keys.values())


def _lies_within(inner: Cap, outer: Cap) -> bool:
    levels = ("person", "household", "community")
    return levels.index(inner.level) <= levels.index(outer.level) and (
        crossing([inner, outer]) is None
        and CODES.index(inner.code) % 5 <= CODES.index(outer.code) % 5
    )


def _scope(cap: Cap, one: dict[str, Any]) -> tuple[int, date]:
    on = date(2026, one["month"], one["day"])
    share = {"person": 1, "household": 2, "community": 4}[cap.level]
    return one["who"] // share, window_start(cap.window, on)


def points_of(table: Any, one: dict[str, Any]) -> int:
    return earned(
        table,
        kind=one["kind"],
        minutes=one["minutes"],
        evidence=one["evidence"],
        on=date(2026, one["month"], one["day"]),
        resident_no=f"R{one['who']:06}",
    ).points


# Nested: each within the next.
NESTED = (
    ("person_day_points", "person_month_points", "household_month_points"),
    ("person_day_points", "household_day_points", "household_year_points"),
    ("person_week_points", "household_week_points", "community_lifetime_points"),
    ("person_day_points", "person_year_points", "community_year_points"),
)


@given(
    codes=st.sampled_from(NESTED),
    amounts=st.tuples(st.integers(5, 20), st.integers(10, 40), st.integers(15, 90)),
    awards=st.lists(deed, min_size=1, max_size=25),
    data=st.data(),
)
@settings(examples, max_examples=30)
def test_nested_caps_give_the_models_total_in_any_order(
    databases: dict[str, str],
    codes: tuple[str, str, str],
    amounts: tuple[int, int, int],
    awards: list[dict[str, Any]],
    data: st.DataObject,
) -> None:
    body = rules(dict(zip(codes, amounts, strict=True)))
    with opened(databases) as ledger:
        for order in (awards, data.draw(st.permutations(awards))):
            ledger.clear()
            publish_rules(ledger, body)
            size = data.draw(st.integers(1, 25), label="batch")
            events = [event(one) for one in order]
            for at in range(0, len(events), size):
                ledger.hear(*events[at : at + size])
            assert total(ledger) == most_allowed(body["caps"], awards, body)
        assert_exact(ledger)


MIXED = rules(
    {
        "person_day_points": 15,
        "person_week_points": 40,
        "household_month_points": 70,
        "activity_lifetime_points": 300,
        "community_year_points": 500,
        "person_lifetime_points": 90,
        "first_come": True,
    },
    campaigns=[
        {"name": "金秋", "from": "2026-10-01", "to": "2026-10-08", "multiplier": "3/2"},
        {
            "name": "守夜",
            "from": "2026-10-05",
            "to": "2026-10-20",
            "multiplier": 2,
            "kinds": ["patrol"],
        },
    ],
    vetoes=[
        {"resident_no": "R000003", "reason": "false_report", "from": "2026-10-01"},
        {"kind": "culture", "reason": "paid_service", "to": "2026-09-10"},
    ],
)
MIXED["activity"] |= {"points_each": {"culture": 2}, "coefficients": {"patrol": "1.25"}}
MIXED["activity"]["evidence"]["backfill"] = {"points": "1/2", "hours": True}
SECOND = {**copy.deepcopy(MIXED), "version": 2, "valid_from": "2026-10-01"}
SECOND["activity"]["points_per_hour"]["elder_care"] = 9
SECOND["caps"]["household_month_points"] = 50


@given(awards=st.lists(deed, min_size=1, max_size=60), size=st.integers(1, 30))
@settings(examples, max_examples=20)
def test_the_rules_that_were_applied_give_the_ledger_to_the_point(
    databases: dict[str, str], awards: list[dict[str, Any]], size: int
) -> None:
    with opened(databases) as ledger:
        ledger.clear()
        publish_rules(ledger, MIXED)
        publish_rules(ledger, SECOND)
        events = [event(one) for one in awards]
        for at in range(0, len(events), size):
            ledger.hear(*events[at : at + size])
        before = ledger.snapshot()
        with ledger.sessions() as session:
            found = simulated(session, read_rule_set(SECOND), TODAY)
        assert ledger.snapshot() == before
        assert found["self_check"] == {"awards": len(awards), "differing": 0, "difference": 0}
        assert found["points_before"] == total(ledger)
        assert_exact(ledger)


@given(awards=st.lists(deed, min_size=1, max_size=60))
@settings(examples, max_examples=15)
def test_simulating_the_live_version_is_the_ledger(
    databases: dict[str, str], awards: list[dict[str, Any]]
) -> None:
    with opened(databases) as ledger:
        ledger.clear()
        publish_rules(ledger, MIXED)
        ledger.hear(*(event(one) for one in awards))
        with ledger.sessions() as session:
            found = simulated(session, read_rule_set(MIXED), TODAY)
            # A year later half of it is history that only fills the caps of a lifetime.
            later = simulated(session, read_rule_set(MIXED), date(2027, 10, 5))
        held = ledger.scalar("SELECT coalesce(sum(amount), 0) FROM transfers WHERE asset='points'")
        assert (found["points_before"], found["points_after"]) == (held, held)
        assert (found["difference"], found["winners"], found["losers"]) == (0, 0, 0)
        assert later["difference"] == 0


def test_thousands_of_awards_are_worked_out_again_from_what_was_stored(ledger: Ledger) -> None:
    publish_rules(ledger, MIXED)
    publish_rules(ledger, SECOND)
    for batch in range(5):
        ledger.hear(
            *(
                done(
                    n % 211,
                    10 + (n * 37) % 300,
                    household=n % 211 // 2,
                    community=n % 211 // 50,
                    activity=n % 31,
                    month=9 + n % 2,
                    day=1 + n % 28,
                    kind=("elder_care", "culture", "patrol", "environment")[n % 4],
                    evidence=("organiser", "self_check", "backfill")[n % 3],
                )
                for n in range(batch * 800, batch * 800 + 800)
            )
        )
    rows = ledger.rows("SELECT programme, rule_version, points, explanation FROM awards")
    assert len(rows) == 4000
    with ledger.sessions() as session:
        published = rules_by_version(session)
        found = simulated(session, read_rule_set(SECOND), TODAY)
        assert len(list(deeds(session, LIFETIME, TODAY))) == 4000
    for programme, version, points, facts in rows:
        assert earned_again(facts) == facts["points_before_caps"] if "kind" in facts else True
        assert points == facts["points"] <= facts["points_before_caps"]
        assert (points < facts["points_before_caps"]) == bool(facts["caps_hit"])
        told = explain("activity", facts, published[programme, version])
        assert f"应得 {facts['points_before_caps']} 分" in told.zh or not facts["minutes_counted"]
        assert len(brief("activity", facts).zh) <= 40
    assert found["self_check"] == {"awards": 4000, "differing": 0, "difference": 0}
    assert {"veto", "campaign", "coefficient", "weight", "points_each"} <= {
        name for *_, facts in rows for name in facts
    }


def test_minutes_that_were_not_counted_twice_are_not_simulated_either(ledger: Ledger) -> None:
    body = rules({"person_day_points": 20}, time_counted_once=True)
    body["activity"]["points_each"] = {"elder_care": 3}
    publish_rules(ledger, body)
    for start in (0, 30, 0):
        event = done(1, 60)
        begun = event.data["checked_in_at"] + timedelta(minutes=start)
        event.data.update(checked_in_at=begun, checked_out_at=begun + timedelta(minutes=60))
        ledger.hear(event)
    assert [points for (points,) in ledger.rows("SELECT points FROM awards ORDER BY award_no")] == [
        9,
        6,
        0,
    ]
    with ledger.sessions() as session:
        found = simulated(session, read_rule_set(body), TODAY)
    assert found["difference"] == found["self_check"]["differing"] == 0


def test_a_stored_award_that_was_tampered_with_shows_in_the_self_check(ledger: Ledger) -> None:
    publish_rules(ledger, MIXED)
    ledger.hear(*(done(n, 60) for n in range(5)))
    with ledger.owner_engine.begin() as connection:
        connection.exec_driver_sql("UPDATE awards SET points = points + 1 WHERE owner = 'R000002'")
    with ledger.sessions() as session:
        found = simulated(session, read_rule_set(MIXED), TODAY)
    assert found["self_check"] == {"awards": 5, "differing": 1, "difference": -1}


@pytest.mark.parametrize("months", [(9, 10, 10), (10, 9, 10)])
def test_what_came_before_the_simulated_time_fills_its_caps(
    ledger: Ledger, months: tuple[int, ...]
) -> None:
    body = rules({"person_lifetime_points": 20})
    publish_rules(ledger, body)
    for month in months:
        ledger.hear(done(1, 120, month=month))
    assert [points for (points,) in ledger.rows("SELECT points FROM awards ORDER BY award_no")] == [
        12,
        8,
        0,
    ]
    with ledger.sessions() as session:
        found = simulated(session, read_rule_set(body), date(2027, 10, 5))
    assert found["awards"] == 2
    assert found["difference"] == found["self_check"]["differing"] == 0


def test_a_community_has_rules_of_its_own(ledger: Ledger) -> None:
    publish_rules(ledger, rules({}))
    own = rules({}, version=2, valid_from="2026-09-01", communities=["C0001"])
    own["activity"]["points_per_hour"]["elder_care"] = 60
    publish_rules(ledger, own)
    ledger.hear(
        done(1, 60, community=1), done(2, 60, community=2), done(3, 60, month=8, community=1)
    )
    assert [ledger.balance(f"R00000{n}") for n in (1, 2, 3)] == [60, 6, 6]
    general = rules({}, version=3, valid_from="2026-11-01")
    general["activity"]["points_per_hour"]["elder_care"] = 12
    with transaction(ledger.sessions) as tx:
        found = simulated(tx.session, read_rule_set(general), TODAY)
    # The general draft leaves the community alone that has its own.
    assert [one["community_code"] for one in found["communities"]] == ["C0002"]
    assert found["difference"] == 6
