"""Alike requests are proposed and never merged alone; merging is undone; repeats are counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.intake.actions import likeness, merging
from services.intake.actions.followers import follow
from services.intake.queries import repeats
from shared import clock
from shared.errors import Conflict, Forbidden, Missing, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, NOW, Intake, later
from tests.integration.intake.dispatch_office import (
    DESK,
    RULES,
    dispatched,
    furnish,
    on_post,
    request_row,
    steps_of,
)
from tests.integration.intake.test_claims import people
from tests.integration.intake.test_dispatch_pages import signed_in

METRE = 1 / 111_195
OTHER_GRID = "990101001001002"


@pytest.fixture
def leader(intake: Intake) -> str:
    furnish(intake, {**RULES, "near_m": {"0404": 100}})
    return on_post(intake, DESK, "dispatcher")


def propose(intake: Intake) -> int:
    with transaction(intake.sessions) as tx:
        found = likeness.propose(tx)
        likeness.forget(tx)
    return found


def merge(intake: Intake, child: int, into: int, by: str) -> None:
    with transaction(intake.sessions) as tx:
        merging.merge(tx, child, into, account_no=by)


def unmerge(intake: Intake, child: int, by: str) -> None:
    with transaction(intake.sessions) as tx:
        merging.unmerge(tx, child, account_no=by)


def followers(intake: Intake, request_id: int) -> list[tuple[str, int | None]]:
    rows = intake.rows(
        "SELECT resident_no, because_of FROM followers WHERE request_id = :id ORDER BY 1",
        id=request_id,
    )
    return [(row["resident_no"], row["because_of"]) for row in rows]


def pairs(intake: Intake) -> list[dict[str, Any]]:
    return intake.rows(
        "SELECT request_id, other_id, score, parts, state FROM likenesses ORDER BY 1"
    )


def test_following_is_safe_to_repeat_and_leaves_the_asker_out(intake: Intake, leader: str) -> None:
    (other,) = people(intake, 1)
    request_id = dispatched(intake)
    for _ in range(2):
        with transaction(intake.sessions) as tx:
            newly = follow(tx, request_id, ["R000001", "R000002", other, other])
    assert newly == []
    assert followers(intake, request_id) == [("R000002", None), (other, None)]
    for bad, error in (((request_id, ["R-no"]), Rejected), ((request_id + 9, [other]), Missing)):
        with pytest.raises(error), transaction(intake.sessions) as tx:
            follow(tx, *bad)


def test_what_looks_alike_is_proposed_once_and_not_merged(intake: Intake, leader: str) -> None:
    first = dispatched(intake, lat=31.0, lon=121.0)
    assert propose(intake) == 0
    later(hours=5)
    second = dispatched(
        intake, title="三单元下水道堵塞", description="门口积水",
        resident_no="R000002", lat=31.0 + 50 * METRE, lon=121.0,
    )  # fmt: skip
    assert propose(intake) == 1
    assert propose(intake) == 0
    (pair,) = pairs(intake)
    assert (pair["request_id"], pair["other_id"], pair["state"]) == (second, first, "proposed")
    assert pair["score"] >= 60
    assert pair["parts"]["distance_m"] == 50
    assert {request_row(intake, each)["state"] for each in (first, second)} == {"dispatched"}


@pytest.mark.parametrize(
    "change",
    [
        {"lat": 31.0 + 101 * METRE, "lon": 121.0},  # the rules say 100 m for its category
        {"lat": 31.0, "lon": 121.0, "category": "0102"},
        {"lat": 31.0, "lon": 121.0, "title": "申请修剪树枝", "description": "挡住了窗户"},
        {"grid_code": OTHER_GRID},
    ],
    ids=["far", "category", "words", "grid"],
)
def test_what_differs_is_not_proposed(intake: Intake, leader: str, change: dict[str, Any]) -> None:
    dispatched(intake, lat=31.0, lon=121.0, building_no="B1")
    dispatched(intake, resident_no="R000002", building_no="B1", **change)
    assert propose(intake) == 0


def test_a_month_later_it_is_another_matter(intake: Intake, leader: str) -> None:
    dispatched(intake, building_no="B1")
    propose(intake)
    later(days=31)
    dispatched(intake, building_no="B1", resident_no="R000002")
    assert propose(intake) == 0
    assert intake.one("SELECT count(*) FROM request_prints") == 1


def test_merging_brings_the_followers_and_undoing_it_restores_both(
    intake: Intake, leader: str
) -> None:
    friend, other = people(intake, 2)
    main = dispatched(intake, building_no="B1")
    child = dispatched(intake, building_no="B1", resident_no="R000002")
    propose(intake)
    with transaction(intake.sessions) as tx:
        follow(tx, main, [other])
        follow(tx, child, [friend])
    before = request_row(intake, child)
    merge(intake, child, main, leader)
    row = request_row(intake, child)
    assert (row["state"], row["merged_into"]) == ("merged", main)
    assert followers(intake, main) == [("R000002", child), (friend, child), (other, None)]
    assert pairs(intake)[0]["state"] == "merged"
    unmerge(intake, child, leader)
    row = request_row(intake, child)
    for name in ("state", "merged_into", "unit_code", "handler", "ended_at", "condition_code"):
        assert row[name] == before[name], name
    assert followers(intake, main) == [(other, None)]
    assert followers(intake, child) == [(friend, None)]
    assert pairs(intake)[0]["state"] == "apart"
    assert [step["action"] for step in steps_of(intake, child)][-2:] == ["merge", "unmerge"]
    assert [step["facts"] for step in steps_of(intake, main)][-2:] == [
        {"stands_for": row["request_no"]},
        {"no_longer_for": row["request_no"]},
    ]
    with pytest.raises(Conflict):
        unmerge(intake, child, leader)


def test_children_come_along_and_go_back(intake: Intake, leader: str) -> None:
    one, two, three = (dispatched(intake, client_id=f"c-{n}") for n in range(3))
    merge(intake, three, two, leader)
    merge(intake, two, one, leader)
    assert request_row(intake, three)["merged_into"] == one
    unmerge(intake, two, leader)
    assert request_row(intake, two)["state"] == "dispatched"
    assert request_row(intake, three)["merged_into"] == two
    unmerge(intake, three, leader)
    assert request_row(intake, three)["state"] == "dispatched"


def test_who_came_by_two_requests_stays_while_one_is_merged(intake: Intake, leader: str) -> None:
    main = dispatched(intake)
    first = dispatched(intake, resident_no="R000002", client_id="c-1")
    second = dispatched(intake, resident_no="R000002", client_id="c-2")
    merge(intake, first, main, leader)
    merge(intake, second, main, leader)
    assert followers(intake, main) == [("R000002", first)]
    unmerge(intake, first, leader)
    assert followers(intake, main) == [("R000002", second)]
    unmerge(intake, second, leader)
    assert followers(intake, main) == []


def test_only_a_leader_of_the_area_merges_and_only_what_is_open(
    intake: Intake, leader: str
) -> None:
    main, child = (dispatched(intake, client_id=f"c-{n}") for n in range(2))
    with pytest.raises(Forbidden):
        merge(intake, child, main, on_post(intake, "team", "handler"))
    with pytest.raises(Conflict):
        merge(intake, main, main, leader)
    merge(intake, child, main, leader)
    third = dispatched(intake, client_id="c-3")
    with pytest.raises(Conflict):
        merge(intake, third, child, leader)


def test_kept_apart_is_not_proposed_again(intake: Intake, leader: str) -> None:
    for n in range(2):
        dispatched(intake, building_no="B1", client_id=f"c-{n}")
    propose(intake)
    pair_id = intake.one("SELECT id FROM likenesses")
    with transaction(intake.sessions) as tx:
        merging.keep_apart(tx, pair_id, account_no=leader)
    with pytest.raises(Conflict), transaction(intake.sessions) as tx:
        merging.keep_apart(tx, pair_id, account_no=leader)
    assert [pair["state"] for pair in pairs(intake)] == ["apart"]


def test_three_in_thirty_days_at_one_place_are_a_repeat(intake: Intake, leader: str) -> None:
    (other,) = people(intake, 1)
    for n in range(3):
        last = dispatched(
            intake, building_no="B1", client_id=f"c-{n}", resident_no=f"R00000{n % 2 + 1}"
        )
        later(days=14)
    with transaction(intake.sessions) as tx:
        follow(tx, last, [other, "R000002"])
    for n in range(3):  # too far apart
        dispatched(intake, building_no="B2", client_id=f"d-{n}")
        later(days=16)
    until = NOW + timedelta(days=400)
    with intake.sessions() as session:
        (found,) = repeats.groups(session, NOW, until)
        assert repeats.groups(session, NOW + timedelta(days=1), until) == []
        assert repeats.groups(session, NOW, until, community="elsewhere") == []
    assert (found.kind, found.grid_code, found.building) == ("0404-1", GRID, "B1")
    assert (found.requests, found.heat) == (3, 3)  # two askers and one follower
    assert len(found.numbers) == 3


def test_a_dispatcher_decides_on_the_page(intake: Intake, leader: str) -> None:
    main, child = (
        dispatched(intake, building_no="B1", client_id=f"c-{n}", resident_no=f"R00000{n + 1}")
        for n in range(2)
    )
    propose(intake)
    browser = signed_in(intake, DESK, "head")
    page = browser.get("/desk/likeness").text
    assert "下水道堵了" in page
    pair_id = intake.one("SELECT id FROM likenesses")
    main_no, child_no = (request_row(intake, each)["request_no"] for each in (main, child))
    assert browser.post(f"/desk/likeness/{pair_id}/merge", into=str(main_no)).status_code == 303
    assert request_row(intake, child)["merged_into"] == main
    assert str(child_no) in browser.get(f"/requests/{main_no}").text
    page = browser.get(f"/requests/{child_no}").text
    assert f'action="/requests/{child_no}/unmerge"' in page
    browser.post(f"/requests/{child_no}/unmerge", unmerge_note="是两件事")
    assert request_row(intake, child)["state"] == "dispatched"
    browser.post(f"/requests/{main_no}/merge", merge_into=str(child_no))
    assert request_row(intake, main)["merged_into"] == child
    resident = intake.signed_in("resident", "R000001")
    assert "/unmerge" not in resident.get(f"/requests/{main_no}").text
    assert clock.now() == NOW


def test_a_mistyped_number_is_told_on_the_request(intake: Intake, leader: str) -> None:
    one = request_row(intake, dispatched(intake, building_no="B1", client_id="c-1"))
    browser = signed_in(intake, DESK, "head")
    answer = browser.post(f"/requests/{one['request_no']}/merge", merge_into="20991231-0001")
    assert answer.status_code == 303
    assert "没有这件诉求" in browser.get(answer.headers["Location"]).text
