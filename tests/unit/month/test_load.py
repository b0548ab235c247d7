"""Files of a district: what is wrong is named, with the remedy, before anything is written."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from deploy.month import credentials
from deploy.month.credentials import Credential
from deploy.month.load import BadFile, read_district, read_residents

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "demo-district"
HEADING = "resident_no,household_no,name,phone,birth_year,grid_code,language\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("district.json", "partners.json", "rules.json", "residents.csv"):
        shutil.copy(EXAMPLE / name, tmp_path)
    return tmp_path


def test_the_example_is_sound(data: Path) -> None:
    district = read_district(data)
    assert len(district.partners) == 34
    assert sum(1 for _ in read_residents(data / "residents.csv")) == 3000


@pytest.mark.parametrize("name", ["district.json", "partners.json", "rules.json", "residents.csv"])
def test_a_missing_file_is_named(data: Path, name: str) -> None:
    (data / name).unlink()
    with pytest.raises(BadFile, match="cannot be read") as problem:
        read_district(data)
    assert name in problem.value.zh


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("district.json", "[]", "object"),
        ("district.json", '{\n "code": }', "2:10"),
        ("partners.json", "{}", "list"),
        ("partners.json", '[{"slug": "a"}, {"name": "b"}]', "item 2 has no slug"),
        ("rules.json", '"x"', "object"),
        ("residents.csv", "resident_no,name\nR1,x\n", "household_no, phone, grid_code, language"),
        ("residents.csv", HEADING + '"R1', "CSV"),
    ],
)
def test_a_broken_file_says_where(data: Path, name: str, text: str, told: str) -> None:
    (data / name).write_text(text, encoding="utf-8")
    with pytest.raises(BadFile) as problem:
        read_district(data)
    assert told in problem.value.en
    assert name in problem.value.en


def test_another_encoding_comes_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "residents.csv"
    path.write_bytes((HEADING + "R1,H1,张三,,1980,1,zh\n").encode("gb18030"))
    with pytest.raises(BadFile) as problem:
        list(read_residents(path))
    assert "CSV UTF-8" in problem.value.zh


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "residents.csv"
    path.write_text("\ufeff" + HEADING + "R1,H1,张三,,1980,1,zh\n", encoding="utf-8")
    assert [row["resident_no"] for row in read_residents(path)] == ["R1"]


def test_credentials_are_for_their_owner_only_and_add_up(tmp_path: Path) -> None:
    keep = tmp_path / "keys"
    credentials.keep(keep, {"a": Credential("1", "2")})
    path = credentials.keep(keep, {"b": Credential("3", "4")})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert credentials.read(keep) == {"a": Credential("1", "2"), "b": Credential("3", "4")}
    assert credentials.read(tmp_path / "nowhere") == {}
    assert "3" not in repr(Credential("3", "4"))
