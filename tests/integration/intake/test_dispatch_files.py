"""Units and rules as files: checked, loaded again and again, exported as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.cli.dispatch import dispatch
from services.intake.actions import catalogue, register
from services.intake.queries.dispatch_desk import file_in_force
from shared.errors import Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import Intake
from tests.integration.intake.dispatch_office import dispatched, request_row

DEMO = Path(__file__).parents[3] / "examples" / "demo-district"
FILE = DEMO / "dispatch.json"


@pytest.fixture
def demo(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> Intake:
    with transaction(intake.sessions) as tx:
        register.load_district(tx, json.loads((DEMO / "district.json").read_text("utf-8")))
        catalogue.set_up(tx)
    monkeypatch.setenv("INTAKE_DATABASE_URL", intake.settings.database_url)
    return intake


def run(*arguments: str) -> Any:
    return CliRunner().invoke(dispatch, arguments)


def test_the_example_is_sound_and_is_what_comes_out_again(demo: Intake, tmp_path: Path) -> None:
    assert run("check", str(FILE)).output == "15 个单位 / units, 16 条规则 / rules\n"
    assert "第 1 版" in run("load", str(FILE)).output
    assert "没有变化" in run("load", str(FILE)).output
    exported = run("export").output
    given, found = json.loads(FILE.read_text("utf-8")), json.loads(exported)
    assert {**found, "units": None} == {**given, "units": None}
    by_code = {unit["unit_code"]: unit for unit in given["units"]}
    assert {unit["unit_code"]: unit for unit in found["units"]} == by_code
    again = tmp_path / "again.json"
    again.write_text(exported, encoding="utf-8")
    assert "没有变化" in run("load", str(again)).output


def test_every_unit_that_the_example_names_is_there(demo: Intake) -> None:
    run("load", str(FILE))
    with demo.sessions() as session:
        units = {unit["unit_code"] for unit in file_in_force(session)["units"]}
    for rule in json.loads(FILE.read_text("utf-8"))["rules"]:
        named = {rule["unit"], *rule["assist"]} - {"desk", "@team", "@village"}
        assert named <= units, rule["code"]


@pytest.mark.parametrize(
    ("category", "grid", "unit"),
    [
        ("0404", "990101001001001", "990101-water"),
        ("0102", "990101001001001", "990101001-sanitation"),
        ("0102", "990101001005001", "990101001005-village"),
        ("0119", "990101001003001", "990101001003-team"),
        ("0513", "990101001002001", "990101001-enforcement"),
        ("8101", "990101001004001", "desk-990101001004"),
    ],
)
def test_the_example_dispatches(demo: Intake, category: str, grid: str, unit: str) -> None:
    run("load", str(FILE))
    request_id = dispatched(demo, category=category, grid_code=grid)
    assert request_row(demo, request_id)["unit_code"] == unit


def test_each_fault_of_a_file_is_named(demo: Intake, tmp_path: Path) -> None:
    document = json.loads(FILE.read_text("utf-8"))
    document["rules"][0]["unit"] = "@moon"
    document["rules"][1]["priority"] = "one"
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(document), encoding="utf-8")
    answer = run("check", str(bad))
    assert answer.exit_code == 1
    assert "/rules/0/unit" in answer.output
    assert "/rules/1/priority" in answer.output
    bad.write_text("{", encoding="utf-8")
    assert "不是 JSON" in run("check", str(bad)).output


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "club"}, "/units/0/kind"),
        ({"unit_code": "a b"}, "/units/0/unit_code"),
        ({"area_code": "nowhere"}, "/units/0/area_code"),
        ({"name": ""}, "/units/0/name"),
        ({"more": 1}, "/units/0"),
    ],
    ids=str,
)
def test_an_odd_unit_is_named(demo: Intake, change: dict[str, Any], pointer: str) -> None:
    from services.intake.actions.dispatch_units import load_file  # noqa: PLC0415

    document = json.loads(FILE.read_text("utf-8"))
    document["units"][0] |= change
    with pytest.raises(Rejected) as caught, transaction(demo.sessions) as tx:
        load_file(tx, document, by="x")
    assert caught.value.pointer == pointer
    assert demo.one("SELECT count(*) FROM dispatch_rules") == 0
