"""What a row of the register must look like."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from services.intake.rules.registration import read_district, read_resident
from shared.errors import Rejected

GRIDS = {"0101"}
ROW = {
    "resident_no": "R000001",
    "household_no": "H00001",
    "name": "欧阳若兰",
    "phone": "13911112222",
    "birth_year": "1985",
    "grid_code": "0101",
    "language": "en",
}
TREE: dict[str, Any] = {
    "code": "1",
    "name": "区",
    "streets": [
        {
            "code": "11",
            "name": "街",
            "communities": [
                {"code": "111", "name": "社", "grids": [{"code": "1111", "name": "格"}]},
                {"code": "112", "name": "社二"},
            ],
        }
    ],
}


def read(**changes: Any) -> Any:
    return read_resident({**ROW, **changes}, 7, GRIDS, 2026)


def test_a_sound_row() -> None:
    row = read()
    assert (row.resident_no, row.birth_year, row.language) == ("R000001", 1985, "en")


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("phone", " 139-1111 2222 ", "13911112222"),
        ("phone", "", None),
        ("phone", "+8613911112222", "+8613911112222"),
        ("birth_year", "", None),
        ("birth_year", 1990, 1990),
        ("language", None, "zh"),
        ("name", "  欧阳若兰 ", "欧阳若兰"),
    ],
)
def test_what_is_forgiven(field: str, given: object, kept: object) -> None:
    assert getattr(read(**{field: given}), field) == kept


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("resident_no", ""),
        ("resident_no", None),
        ("resident_no", "R 1"),
        ("resident_no", "R" * 33),
        ("resident_no", ["R1"]),
        ("household_no", "户一"),
        ("name", "\x00"),
        ("name", "a\nb"),
        ("name", "x" * 65),
        ("phone", "one three nine"),
        ("phone", "1" * 21),
        ("birth_year", "19850"),
        ("birth_year", "2027"),
        ("birth_year", "１９８５"),
        ("grid_code", "0102"),
        ("language", "fr"),
    ],
)
def test_faults_name_the_row_and_the_field(field: str, given: object) -> None:
    with pytest.raises(Rejected) as caught:
        read(**{field: given})
    assert f"第 7 行 {field}" in caught.value.zh
    assert f"row 7, {field}" in caught.value.en
    assert caught.value.pointer == f"/7/{field}"


@pytest.mark.parametrize("phone", ["13911112222x", "139111122221391111222213911112222"])
def test_faults_repeat_no_personal_data(phone: str) -> None:
    with pytest.raises(Rejected) as caught:
        read(phone=phone)
    assert phone not in caught.value.zh + caught.value.en


def test_a_district_is_read_parents_first() -> None:
    rows = read_district(TREE)
    assert [(row.code, row.kind, row.parent_code) for row in rows] == [
        ("1", "district", None),
        ("11", "street", "1"),
        ("111", "community", "11"),
        ("1111", "grid", "111"),
        ("112", "community", "11"),
    ]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda t: t.pop("name"), "/name"),
        (lambda t: t["streets"].append("街"), "/streets/1"),
        (lambda t: t.update(streets={}), "/streets"),
        (lambda t: t["streets"][0].update(code="1"), "/streets/0/code"),
        (lambda t: t["streets"][0].update(code=11), "/streets/0/code"),
        (lambda t: t["streets"][0]["communities"][0]["grids"][0].update(name=" "),
         "/streets/0/communities/0/grids/0/name"),
    ],
)  # fmt: skip
def test_a_faulty_district_is_refused_with_the_place(change: Any, pointer: str) -> None:
    tree = copy.deepcopy(TREE)
    change(tree)
    with pytest.raises(Rejected) as caught:
        read_district(tree)
    assert caught.value.pointer == pointer


def test_something_else_is_no_district() -> None:
    with pytest.raises(Rejected):
        read_district(["区"])
