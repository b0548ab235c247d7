"""The register on a real database: loading, loading again, and what it says to whom."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from shared.errors import Rejected
from shared.schemas import load
from shared.schemas.intake import RESIDENT_REGISTERED
from tests.integration.intake.conftest import GRID, RESIDENTS, Intake


def changed(**fields: Any) -> list[dict[str, Any]]:
    return [{**RESIDENTS[0], **fields}, RESIDENTS[1]]


def test_every_new_resident_is_told(intake: Intake) -> None:
    said = intake.said(RESIDENT_REGISTERED)
    assert [event["data"]["resident_no"] for event in said] == ["R000001", "R000002"]
    for event, row in zip(said, RESIDENTS, strict=True):
        load(RESIDENT_REGISTERED, event["data"])
        sealed = event["data"]["contact_sealed"]
        opened = intake.contact_cipher.decrypt(sealed, bound_to=row["resident_no"])
        assert json.loads(opened) == {"name": row["name"], "phone": row["phone"]}
        assert event["subject"] == row["resident_no"]
    assert len({event["correlationid"] for event in said}) == 1


def test_loading_again_changes_nothing_and_says_nothing(intake: Intake) -> None:
    before = intake.rows("SELECT * FROM residents ORDER BY resident_no")
    assert intake.load() == 0
    assert intake.rows("SELECT * FROM residents ORDER BY resident_no") == before
    assert len(intake.said(RESIDENT_REGISTERED)) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"name": "欧阳兰"},
        {"phone": "13900000000"},
        {"phone": ""},
        {"birth_year": ""},
        {"language": "en"},
        {"household_no": "H00009"},
        {"grid_code": "990101001001002"},
    ],
)
def test_a_change_is_a_new_revision(intake: Intake, change: dict[str, str]) -> None:
    assert intake.load(changed(**change)) == 1
    assert intake.load(changed(**change)) == 0
    assert intake.one("SELECT revision FROM residents WHERE resident_no = 'R000001'") == 2
    last = intake.said(RESIDENT_REGISTERED)[-1]["data"]
    assert (last["resident_no"], last["revision"]) == ("R000001", 2)


def test_a_phone_is_found_by_its_blind_index(intake: Intake) -> None:
    sql = "SELECT resident_no FROM residents WHERE phone_index = :digest"
    assert intake.one(sql, digest=intake.index.of("13911112222")) == "R000001"


def test_a_household_lives_where_its_first_resident_is_listed(intake: Intake) -> None:
    rows = [RESIDENTS[0], {**RESIDENTS[1], "grid_code": "990101001001002"}]
    intake.load(rows)
    assert intake.one("SELECT grid_code FROM households") == GRID


@pytest.mark.parametrize(
    "bad",
    [
        {"resident_no": "R000001"},
        {"grid_code": "990101001001009"},
        {"name": ""},
    ],
)
def test_a_faulty_row_stops_the_whole_load(intake: Intake, bad: dict[str, str]) -> None:
    good = [{**RESIDENTS[0], "resident_no": f"R1{n:05d}"} for n in range(1500)]
    with pytest.raises(Rejected) as caught:
        intake.load([RESIDENTS[0], *good, {**RESIDENTS[1], "resident_no": "R000009", **bad}])
    assert "第 1502 行" in caught.value.zh
    assert intake.one("SELECT count(*) FROM residents") == 2
    assert len(intake.said(RESIDENT_REGISTERED)) == 2


def test_thousands_of_residents_take_a_few_statements(intake: Intake) -> None:
    rows = [
        {**RESIDENTS[0], "resident_no": f"R1{n:05d}", "household_no": f"H1{n // 3:05d}"}
        for n in range(3000)
    ]
    engine = intake.sessions.kw["bind"]
    asked: list[str] = []
    sql_event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert intake.load(rows) == 3000
    assert len(asked) <= 20  # 12 when it was written; 6 for three residents


def test_no_personal_data_outside_of_sealed_fields(intake: Intake) -> None:
    """Not in the register's plain columns, nor in any other table, nor in what is said."""
    wanted = [row[field] for row in RESIDENTS for field in ("name", "phone")]
    intake.account("resident", "R000001")
    tables = intake.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 15
    for table in tables:
        dump = intake.rows(f"SELECT t::text FROM {table['tablename']} t")
        for row in dump:
            assert not [word for word in wanted if word in row["t"]], table


def test_a_verdict_cannot_be_changed_by_the_service(intake: Intake) -> None:
    for statement in (
        "UPDATE verdicts SET reason = NULL", "DELETE FROM verdicts", "TRUNCATE verdicts",
    ):  # fmt: skip
        with pytest.raises(ProgrammingError, match="permission denied"), intake.sessions() as s:
            s.execute(text(statement))
