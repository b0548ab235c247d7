"""Levels move the due list at once, missed visits are told once, visits repeat safely."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.intake.actions import patrol_dues, patrol_routes
from services.intake.queries import alerts, patrols
from services.intake.rules.alerts import Level
from services.intake.rules.patrols import Reading
from shared import clock
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import Intake, later
from tests.integration.intake.patrolling import (
    COMMUNITY,
    DISTRICT,
    OTHER_GRID,
    ROUTE,
    STREET,
    proclaimed,
    routed,
    seen,
    spot,
    watched,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(clock_time: str, day: int = 20) -> datetime:
    hour, minute = map(int, clock_time.split(":"))
    return datetime(2026, 7, day, hour, minute, tzinfo=SHANGHAI)


def due_list(intake: Intake) -> list[tuple[str, str, int]]:
    with intake.sessions() as session:
        rows = patrols.due_list(session)
    return [
        (row["spot_code"], f"{row['due_at'].astimezone(SHANGHAI):%H:%M}", row["minutes"])
        for row in rows
    ]


@pytest.fixture
def noon(intake: Intake) -> Iterator[Intake]:
    """The 20th of July, 12:00, at level Ⅲ; no interval of a test outlives it."""
    clock.freeze(at("12:00"))
    yield intake
    with transaction(intake.sessions) as tx:
        tx.session.execute(text("DELETE FROM patrol_intervals WHERE set_by <> ''"))


def test_from_three_to_two_at_14_00_gives_the_right_due_list(noon: Intake) -> None:
    """The golden case: last visits at 11:30, 12:10, 12:50, 13:05, 13:40 and never."""
    clock.freeze(at("10:00"))
    proclaimed(noon, "yellow")
    routed(noon, *(spot(f"S{n}") for n in range(1, 7)))
    for code, seen_at in (("S1", "11:30"), ("S2", "12:10"), ("S3", "12:50"), ("S4", "13:05"),
                          ("S5", "13:40")):  # fmt: skip
        clock.freeze(at(seen_at))
        seen(noon, code, at(seen_at))
    clock.freeze(at("14:00"))
    assert due_list(noon) == [
        ("S6", "12:00", 120),
        ("S1", "13:30", 120),
        ("S2", "14:10", 120),
        ("S3", "14:50", 120),
        ("S4", "15:05", 120),
        ("S5", "15:40", 120),
    ]
    assert proclaimed(noon, "orange") == 6
    assert due_list(noon) == [
        ("S6", "11:00", 60),
        ("S1", "12:30", 60),
        ("S2", "13:10", 60),
        ("S3", "13:50", 60),
        ("S4", "14:05", 60),
        ("S5", "14:40", 60),
    ]


def test_what_a_switch_makes_overdue_is_told_at_once_and_as_what_it_is(noon: Intake) -> None:
    proclaimed(noon, "yellow")
    routed(noon, spot("S1"), spot("S2"))
    later(minutes=70)
    seen(noon, "S2", clock.now())
    assert watched(noon) == 0
    proclaimed(noon, "orange")
    assert watched(noon) == 1
    assert watched(noon) == 0
    rows = noon.rows("SELECT spot_code, cause FROM patrol_alarms")
    assert rows == [{"spot_code": "S1", "cause": "raised"}]


def test_a_lower_level_gives_more_time(noon: Intake) -> None:
    proclaimed(noon, "red")
    routed(noon, spot("S1"))
    later(minutes=10)
    proclaimed(noon, "blue")
    assert due_list(noon) == [("S1", "16:00", 240)]
    later(minutes=10)
    proclaimed(noon, "normal")
    assert due_list(noon) == [("S1", "12:00", 1440)]


def test_an_area_is_under_the_most_severe_level_around_it(noon: Intake) -> None:
    proclaimed(noon, "blue")
    proclaimed(noon, "orange", COMMUNITY)
    proclaimed(noon, "red", STREET)
    proclaimed(noon, "normal", STREET)
    with noon.sessions() as session:
        assert alerts.current_level(session) is Level.BLUE
        assert alerts.current_level(session, STREET) is Level.BLUE
        assert alerts.current_level(session, COMMUNITY) is Level.ORANGE
        assert alerts.current_level(session, OTHER_GRID) is Level.ORANGE
        assert alerts.current_level(session, "nowhere") is Level.NORMAL
        assert [row["area_code"] for row in alerts.raised(session)] == [COMMUNITY, DISTRICT]


def test_a_level_of_one_community_moves_its_spots_only(noon: Intake) -> None:
    with transaction(noon.sessions) as tx:
        tx.session.execute(text(
            "INSERT INTO areas VALUES ('990101001002', 'community', '隔壁社区', '990101001'),"
            " ('990101001002001', 'grid', '隔壁网格', '990101001002')"
        ))  # fmt: skip
    routed(noon, spot("S1"), spot("S2", grid_code="990101001002001"))
    assert proclaimed(noon, "red", COMMUNITY) == 1
    assert due_list(noon) == [("S1", "12:30", 30), ("S2", "12:00", 1440)]


@pytest.mark.parametrize(
    ("level", "basis", "area", "pointer"),
    [
        ("purple", "x", DISTRICT, "/level"),
        ("red", " ", DISTRICT, "/basis"),
        ("red", "x" * 201, DISTRICT, "/basis"),
        ("red", "x", "nowhere", "/area_code"),
        ("normal", "x", DISTRICT, "/level"),
    ],
)
def test_a_proclamation_that_says_too_little_is_refused(
    noon: Intake, level: str, basis: str, area: str, pointer: str
) -> None:
    from services.intake.actions.alerts import proclaim  # noqa: PLC0415

    with pytest.raises((Rejected, Conflict)) as caught, transaction(noon.sessions) as tx:
        proclaim(tx, area, level, basis, "A-1")
    assert caught.value.pointer == pointer


def test_nobody_rewrites_what_was_proclaimed_or_seen(noon: Intake) -> None:
    proclaimed(noon, "blue")
    for statement in ("UPDATE alert_levels SET level = 'red'", "DELETE FROM patrol_visits"):
        with noon.sessions() as session, pytest.raises(ProgrammingError) as caught:
            session.execute(text(statement))
        assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)


def test_a_missed_visit_is_told_once_within_a_minute_of_each_interval(noon: Intake) -> None:
    proclaimed(noon, "red")
    routed(noon, spot("S1"))
    later(minutes=29, seconds=59)
    assert watched(noon) == 0
    later(seconds=16)  # the clock looks every 15 s
    assert watched(noon) == 1
    assert watched(noon) == 0
    later(minutes=29)
    assert watched(noon) == 0
    later(minutes=1)
    assert watched(noon) == 1
    told = noon.rows("SELECT due_at, raised_at - due_at AS after FROM patrol_alarms ORDER BY id")
    assert [f"{row['due_at'].astimezone(SHANGHAI):%H:%M}" for row in told] == ["12:30", "13:00"]
    assert all(row["after"] <= timedelta(minutes=1) for row in told)


def test_a_visit_settles_what_was_missed_and_begins_the_next_interval(noon: Intake) -> None:
    proclaimed(noon, "red")
    routed(noon, spot("S1"))
    later(minutes=40)
    watched(noon)
    with noon.sessions() as session:
        assert len(patrols.open_alarms(session)) == 1
    seen(noon, "S1", clock.now())
    with noon.sessions() as session:
        assert patrols.open_alarms(session) == []
    assert due_list(noon) == [("S1", "13:10", 30)]


def test_a_visit_that_is_told_late_settles_what_it_would_have_prevented(noon: Intake) -> None:
    proclaimed(noon, "red")
    routed(noon, spot("S1"))
    later(minutes=45)
    watched(noon)
    seen(noon, "S1", at("12:25"))  # the phone had no network
    with noon.sessions() as session:
        assert patrols.open_alarms(session) == []
    assert due_list(noon) == [("S1", "12:55", 30)]
    seen(noon, "S1", at("12:05"))  # older still: the due time stays
    assert due_list(noon) == [("S1", "12:55", 30)]


def test_the_same_visit_many_times_in_parallel_is_one(noon: Intake) -> None:
    routed(noon, spot("S1"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda _: seen(noon, "S1", at("12:00"), "v-1", readings={"water_depth": 31}),
                range(24),
            )
        )
    assert len({one.id for one in answers}) == 1
    assert sum(one.is_new for one in answers) == 1
    assert noon.one("SELECT count(*) FROM requests") == 1
    with pytest.raises(Conflict):
        seen(noon, "S1", at("12:00"), "v-1", readings={"water_depth": 30})


def test_a_reading_over_its_threshold_opens_one_request(noon: Intake) -> None:
    routed(noon, spot("S1", address="桥下", lat=31.2, lon=121.4))
    assert seen(noon, "S1", at("11:00"), readings={"water_depth": 14}).request_id is None
    first = seen(noon, "S1", at("11:10"), readings={"water_depth": 15}, note="还在涨")
    again = seen(noon, "S1", at("11:20"), readings={"water_depth": 32})
    assert first.request_id == again.request_id
    (row,) = noon.rows("SELECT door, urgency, title, description, lat, grid_code FROM requests")
    assert (row["door"], row["urgency"], row["lat"]) == ("patrol", "critical", 31.2)
    assert row["title"] == "点位 S1：积水深度 15 cm"
    steps = noon.rows("SELECT action, facts FROM request_steps ORDER BY step_no")
    assert [step["action"] for step in steps] == ["submit", "note"]
    assert steps[1]["facts"]["readings"] == {"water_depth": 32}


def test_what_needs_work_opens_a_request_and_must_be_described(noon: Intake) -> None:
    routed(noon, spot("S1"))
    with pytest.raises(Rejected) as caught:
        seen(noon, "S1", at("11:00"), needs_work=True)
    assert caught.value.pointer == "/note"
    one = seen(noon, "S1", at("11:00"), needs_work=True, note="雨水口被树叶堵住")
    assert one.request_no is not None
    assert noon.one("SELECT urgency FROM requests") == "normal"


@pytest.mark.parametrize(
    ("at_time", "more", "pointer"),
    [
        ("12:06", {}, "/visited_at"),
        ("11:00", {"readings": {"wind": 3}}, "/readings/wind"),
        ("11:00", {"checks": {"nothing": True}}, "/checks/nothing"),
        ("11:00", {"note": "长" * 1001}, "/note"),
    ],
)
def test_an_odd_visit_names_its_field(
    noon: Intake, at_time: str, more: dict[str, Any], pointer: str
) -> None:
    routed(noon, spot("S1"))
    with pytest.raises(Rejected) as caught:
        seen(noon, "S1", at(at_time), **more)
    assert caught.value.pointer == pointer
    assert noon.one("SELECT count(*) FROM patrol_visits") == 0


def test_an_unknown_spot_is_missing(noon: Intake) -> None:
    with pytest.raises(Missing):
        seen(noon, "nowhere", at("11:00"))


def test_an_interval_takes_effect_on_its_date(noon: Intake) -> None:
    routed(noon, spot("S1"), spot("S2", kind="river"))
    with transaction(noon.sessions) as tx:
        patrol_dues.set_interval(tx, "low_lying", "normal", 480, since=at("13:00"), by="A-1")
    assert due_list(noon)[0][2] == 1440
    later(hours=1)
    watched(noon)
    assert sorted(due_list(noon)) == [("S1", "20:00", 480), ("S2", "12:00", 1440)]
    with transaction(noon.sessions) as tx:
        patrol_dues.set_interval(tx, "river", "normal", 30, since=None, by="A-1")
    assert ("S2", "12:30", 30) in due_list(noon)
    with pytest.raises(Rejected), transaction(noon.sessions) as tx:
        patrol_dues.set_interval(tx, "river", "normal", 30, since=at("12:00"), by="A-1")


def test_a_spot_that_is_retired_is_no_longer_due_and_its_alarms_end(noon: Intake) -> None:
    proclaimed(noon, "red")
    routed(noon, spot("S1"), spot("S2"))
    later(minutes=31)
    watched(noon)
    with transaction(noon.sessions) as tx:
        patrol_routes.retire(tx, "S1")
    assert [row[0] for row in due_list(noon)] == ["S2"]
    with noon.sessions() as session:
        assert [row["spot_code"] for row in patrols.open_alarms(session)] == ["S2"]


def test_a_file_of_routes_loads_twice_the_same(noon: Intake) -> None:
    own = [{"code": "rain", "zh": "雨量", "en": "Rain", "unit": "mm", "urgent_from": 50}]
    data = {
        "routes": [
            {
                "route_code": ROUTE,
                "name": "一号线",
                "area_code": COMMUNITY,
                "spots": [
                    {"spot_code": "S1", "name": "桥下", "kind": "low_lying",
                     "grid_code": OTHER_GRID, "readings": own, "checks": []},
                    {"spot_code": "S2", "name": "校门", "kind": "school", "grid_code": OTHER_GRID},
                ],
            }
        ]
    }  # fmt: skip
    for _ in range(2):
        with transaction(noon.sessions) as tx:
            assert patrol_routes.load(tx, data) == 2
        later(minutes=5)
    with noon.sessions() as session:
        first, second = patrols.spots_of(session, ROUTE)
    assert first["readings"][0]["code"] == "rain"
    assert [one["code"] for one in second["checks"]] == ["gate", "crossing"]
    assert {row[1] for row in due_list(noon)} == {"12:00"}
    assert Reading(**own[0])  # type: ignore[arg-type]
    data["routes"][0]["spots"][0]["colour"] = "x"  # type: ignore[index]
    with pytest.raises(Rejected), transaction(noon.sessions) as tx:
        patrol_routes.load(tx, data)


def test_switches_visits_and_the_clock_never_block_each_other_for_ever(noon: Intake) -> None:
    routed(noon, *(spot(f"S{n:02d}") for n in range(12)))
    levels = ("red", "orange", "yellow", "blue")

    def act(n: int) -> None:
        if n % 3 == 0:
            with contextlib.suppress(Conflict):
                proclaimed(noon, levels[n % 4])
        elif n % 3 == 1:
            seen(noon, f"S{n % 12:02d}", at("11:59"), f"v-{n}")
        else:
            watched(noon)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(60)))
    newest = noon.one("SELECT level FROM alert_levels ORDER BY id DESC LIMIT 1")
    assert noon.rows("SELECT DISTINCT level FROM patrol_dues") == [{"level": newest}]
