"""A category is found by its code, its name, or the first letters of either."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.intake.rules.catalogue_file import read_catalogue
from services.intake.rules.kinds import OTHER, Kind, find_kinds, kinds_of, read_kind
from shared.errors import Rejected

SEED = Path(__file__).parents[3] / "services/intake/seeds/catalogue.json"


@pytest.fixture(scope="module")
def kinds() -> list[Kind]:
    catalogue = read_catalogue(json.loads(SEED.read_text(encoding="utf-8")), 1)
    return [kind for group in kinds_of(catalogue) for kind in group.kinds]


@pytest.mark.parametrize("typed", ["bllj", "BLLJ", "暴露垃圾", "0102", " bllj "])
def test_exposed_rubbish_is_found(kinds: list[Kind], typed: str) -> None:
    assert find_kinds(kinds, typed)[0].code == "0102"
    assert read_kind(kinds, typed) == "0102"


def test_a_condition_beside_the_usual_one_has_its_own_code(kinds: list[Kind]) -> None:
    assert read_kind(kinds, "0102-2") == "0102-2"


def test_every_kind_is_the_first_that_its_own_code_finds(kinds: list[Kind]) -> None:
    assert len(kinds) > 50
    assert [kind.code for kind in kinds if find_kinds(kinds, kind.code)[0] != kind] == []


def test_nothing_typed_is_for_triage(kinds: list[Kind]) -> None:
    assert read_kind(kinds, "  ") == OTHER


@pytest.mark.parametrize("typed", ["没有这种事", "01"])
def test_what_is_not_clear_is_asked_again(kinds: list[Kind], typed: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_kind(kinds, typed)
    assert caught.value.pointer == "/category"
