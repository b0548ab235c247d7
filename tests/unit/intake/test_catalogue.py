"""The catalogue's file: it reads back as it was written, and its faults are named by place."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest

from services.intake.actions.catalogue import SEED, read_file, write_file
from services.intake.rules.catalogue import Clock, Limit, Unit
from services.intake.rules.catalogue_file import read_catalogue, read_limit, write_catalogue
from shared.errors import Rejected

DOCUMENT = orjson.loads(SEED.read_bytes())
OF_THE_MONTH = ("0102", "0108", "0119", "0207", "0301", "0404", "0406", "0506", "0513")


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    node = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = to
    return document


def test_the_file_that_comes_with_linli_reads_back_equal() -> None:
    catalogue = read_file(SEED.read_bytes())
    assert write_catalogue(catalogue) == DOCUMENT
    assert read_file(write_file(catalogue)) == catalogue
    assert len(catalogue.conditions) >= 80


def test_it_has_the_events_of_the_example_month_and_claims_no_conformity() -> None:
    catalogue = read_catalogue(DOCUMENT, 1)
    assert not [code for code in OF_THE_MONTH if catalogue.condition(code) is None]
    assert "不声明符合" in catalogue.note_zh
    assert "no conformity is claimed" in catalogue.note_en


def test_a_category_is_a_condition_or_the_usual_one_of_an_event() -> None:
    catalogue = read_catalogue(DOCUMENT, 7)
    usual, own = catalogue.condition("0404"), catalogue.condition("0404-2")
    assert usual is not None
    assert own is not None
    assert (usual.code, own.code, own.version) == ("0404-1", "0404-2", 7)
    assert catalogue.condition("no such") is None
    assert catalogue.condition(None) is None


def test_a_condition_has_its_own_limits_and_else_its_tiers() -> None:
    condition = read_catalogue(DOCUMENT, 1).condition("0404-1")
    assert condition is not None
    assert condition.limits[Clock.RESOLVE] == Limit(24, Unit.URGENT_HOURS)
    assert condition.limits[Clock.ACCEPT] == Limit(2, Unit.URGENT_HOURS)
    assert list(condition.own_limits) == [Clock.RESOLVE]
    assert (condition.needs_before, condition.needs_after, condition.near_m) == (True, True, 50)


def test_what_is_sensitive_is_never_public() -> None:
    conditions = read_catalogue(DOCUMENT, 1).conditions.values()
    sensitive = [each for each in conditions if each.is_sensitive]
    assert {each.group for each in sensitive} >= {"81", "82", "83"}
    assert not [each.code for each in sensitive if each.is_public]


CONDITION = ("groups", 0, "events", 0, "conditions", 0)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        (changed("form", to=2), "/form"),
        (changed("valid_from", to="soon"), "/valid_from"),
        (changed("tiers", to=DOCUMENT["tiers"][1:]), "/tiers"),
        (changed("natures", to=DOCUMENT["natures"][1:]), "/natures"),
        (changed("groups", 0, "code", to="1"), "/groups/0/code"),
        (changed("groups", 1, "code", to="01"), "/groups/1/code"),
        (changed("groups", 0, "events", 0, "code", to="0201"), "/groups/0/events/0/code"),
        (changed(*CONDITION, "code", to="0101"), "/groups/0/events/0/conditions/0/code"),
        (changed(*CONDITION, "tier", to="soon"), "/groups/0/events/0/conditions/0/tier"),
        (
            changed(*CONDITION, "limits", to={"resolve": "4 fortnights"}),
            "/groups/0/events/0/conditions/0/limits/resolve",
        ),
        (
            changed(*CONDITION, "limits", to={"resolv": "4 days"}),
            "/groups/0/events/0/conditions/0/limits/resolv",
        ),
        (
            changed(*CONDITION, "closing", "near_m", to=0),
            "/groups/0/events/0/conditions/0/closing/near_m",
        ),
        (changed(*CONDITION, "is_sensitive", to=True), "/groups/0/events/0/conditions/0/is_public"),
        (changed(*CONDITION, "natures", to=["joke"]), "/groups/0/events/0/conditions/0/natures"),
        (changed(*CONDITION, "name_zh", to="\x0b"), "/groups/0/events/0/conditions/0/name_zh"),
        (changed("escalations", 0, "percent", to=100), "/escalations"),
        (changed("escalations", 0, "clocks", to=["call_back"]), "/escalations/0/clocks"),
    ],
)
def test_a_fault_is_named_by_its_place(document: object, pointer: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_catalogue(document, 1)
    assert caught.value.pointer == pointer


def test_what_is_no_json_is_named_by_its_line() -> None:
    with pytest.raises(Rejected, match="line 2"):
        read_file(b'{\n"form": }')


@pytest.mark.parametrize(
    "written", ["", "4", "0 days", "-1 days", "1.5 days", "366 days", "4 Days"]
)
def test_a_limit_is_an_amount_and_a_unit(written: str) -> None:
    with pytest.raises(Rejected):
        read_limit(written)
