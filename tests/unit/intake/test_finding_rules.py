"""Initials, door numbers, census entries and reasons: the rules by themselves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.rules.census import MEMBERS_MAX, read_visit
from services.intake.rules.doors import Door, read_door
from services.intake.rules.initials import READINGS_MAX, initials_of
from services.intake.rules.people import reason_of
from services.intake.rules.tokens import TOKEN_BYTES, name_token, tokens_of
from shared.crypto import BlindIndex
from shared.errors import Rejected

_INDEX = BlindIndex("A" * 43 + "=")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("王秀英", "wxy"),
        ("欧阳若兰", "oyrl"),
        ("曾国藩", "zgf"),  # 曾 as a family name is zēng
        ("曾国藩", "cgf"),
        ("区小明", "oxm"),
        ("仇英", "qy"),
        ("查良镛", "zly"),
        ("解缙", "xj"),
        ("长孙无忌", "zswj"),
        ("长孙无忌", "cswj"),
        ("Anna Li", "al"),
        ("张a三", "zas"),
        ("阿依古丽·买买提", "ayglmmt"),
    ],
)
def test_a_name_is_found_by_each_reading(name: str, expected: str) -> None:
    assert expected in initials_of(name)


@given(st.text(max_size=64))
def test_any_name_gives_few_short_initials(name: str) -> None:
    found = initials_of(name)
    assert len(found) <= READINGS_MAX
    assert len(set(found)) == len(found)
    assert all(each == each.lower() and each for each in found)
    assert all(len(each) == TOKEN_BYTES for each in tokens_of(_INDEX, name, "13512345678"))


@given(st.text(min_size=1, max_size=20))
def test_case_and_spaces_of_a_name_do_not_matter(name: str) -> None:
    assert name_token(_INDEX, f" {name} ") == name_token(_INDEX, name)


_PART = st.text("0123456789ABCDEF", min_size=1, max_size=8)


@given(label=_PART, unit=_PART, room=_PART)
def test_a_door_reads_back_as_it_is_written(label: str, unit: str, room: str) -> None:
    assert read_door(str(Door(label, unit, room))) == Door(label, unit, room)
    assert read_door(f"{label}号楼{unit}单元{room}室") == Door(label, unit, room)
    assert read_door(str(Door(label, "", room))) == Door(label, "", room)


@pytest.mark.parametrize(
    "typed", ["", "wxy", "13512345678", "3-", "-1-2", "3-1-5-2", "王秀英", "%_"]
)
def test_what_is_no_door(typed: str) -> None:
    assert read_door(typed) is None


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "building_no": "G00001",
        "unit": "1",
        "room": "502",
        "member_name": ["王秀英"],
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"room": ""}, "/room"),
        ({"room": "5 02"}, "/room"),
        ({"usage": "palace"}, "/usage"),
        ({"revision": "-1"}, "/revision"),
        ({"member_name": []}, "/name"),
        ({"member_name": ["王秀英", ""], "member_phone": ["", "123456"]}, "/member_name/1"),
        ({"member_name": ["王**"]}, "/member_name/0"),
        ({"member_phone": ["12ab"]}, "/member_phone/0"),
        ({"member_birth_year": ["1700"]}, "/member_birth_year/0"),
        ({"member_birth_year": ["2027"]}, "/member_birth_year/0"),
        ({"member_whereabouts": ["mars"]}, "/member_whereabouts/0"),
        ({"member_name": ["甲"] * (MEMBERS_MAX + 1)}, "/member_name"),
        ({"member_resident_no": ["R1", "R1"], "member_name": ["甲", "乙"]}, "/member_resident_no"),
        ({"member_name": [{"no": "text"}]}, "/member_name"),
    ],
)
def test_a_wrong_entry_names_its_field(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_visit(entry(**changes), 2026)
    assert caught.value.pointer == pointer


def refusal(body: dict[str, Any]) -> Rejected | None:
    try:
        read_visit(body, 2026)
    except Rejected as problem:
        return problem
    return None


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "room",
                "unit",
                "member_name",
                "member_phone",
                "revision",
                "usage",
                "seen",
                "building_no",
            ]
        ),
        st.none() | st.integers() | st.text() | st.lists(st.text() | st.integers()),
    )
)
def test_any_entry_is_read_or_refused(body: dict[str, Any]) -> None:
    problem = refusal(body)
    assert problem is None or problem.pointer


@pytest.mark.parametrize("reason", ["", "   ", "急", "电话 13511112222", "x" * 201])
def test_a_reason_says_something_and_nothing_secret(reason: str) -> None:
    with pytest.raises(Rejected):
        reason_of(reason)
    assert reason_of("  漏水急修  3 号楼 ") == "漏水急修 3 号楼"
