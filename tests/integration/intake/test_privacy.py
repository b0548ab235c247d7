"""What is personal ends with its time and is given out to nobody unnoted; figures stay."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from services.intake.actions.forgetting import forget
from services.intake.actions.steps import Step, take
from services.intake.models import metadata
from services.intake.queries.board import board
from services.intake.rules.forgetting import ERASING, KEPT
from services.intake.rules.states import Action
from shared import clock
from shared.db.session import make_engine
from shared.messaging.transaction import transaction
from shared.web.access import access_of
from tests.integration.intake.board_month import (
    CLERK,
    furnish,
    live,
    opened,
    read_all,
)
from tests.integration.intake.conftest import Intake, later
from tests.integration.intake.test_board import OCTOBER, as_bytes, replayed, shown

SECRET = "青石巷甲九号"
STRANGER = {"name": "过路客甲", "phone": "13655556666"}


def told(intake: Intake, client_id: str, **changes: Any) -> int:
    """A request that says personal things everywhere it can."""
    one = opened(
        intake,
        client_id,
        title=f"{SECRET}漏水",
        description=f"{SECRET}三楼，请找我",
        address=SECRET,
        lat=34.234567,
        lon=108.912345,
        **changes,
    )
    with transaction(intake.sessions) as tx:
        take(
            tx,
            [
                Step(request_id=one, action=Action.NOTE, note=f"{SECRET}门口见"),
                Step(request_id=one, action=Action.DECLINE, note=f"{SECRET}不属受理范围"),
            ],
            CLERK,
        )
    return one


def dump(databases: dict[str, str]) -> dict[str, str]:
    """Every table as text, as its owner would dump it."""
    engine = make_engine(databases["INTAKE_OWNER_DATABASE_URL"], pool_size=1)
    try:
        with engine.connect() as connection:
            return {
                name: "\n".join(
                    connection.execute(text(f'SELECT t::text FROM "{name}" t')).scalars()
                )
                for name in metadata.tables
            }
    finally:
        engine.dispose()


def where_found(databases: dict[str, str], *words: str) -> set[str]:
    return {name for name, rows in dump(databases).items() if any(each in rows for each in words)}


def forget_all(intake: Intake, most: int = 200) -> int:
    count = 0
    while True:
        with transaction(intake.sessions) as tx:
            done = forget(tx, most=most)
        if not done:
            return count
        count += done


def test_nothing_personal_is_left_when_its_time_is_over(
    intake: Intake, databases: dict[str, str]
) -> None:
    own = told(intake, "one")
    told(intake, "two", resident_no=None, contact=STRANGER)
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text("INSERT INTO followers VALUES (:id, 'R000002', NULL, :now)"),
            {"id": own, "now": clock.now()},
        )
    assert where_found(databases, SECRET) >= {"requests", "step_notes"}
    later(days=364)
    assert forget_all(intake) == 0
    later(days=2)
    assert forget_all(intake) == 2
    assert where_found(databases, SECRET, "34.234567", "108.912345") == set()
    assert intake.one("SELECT count(*) FROM request_contacts") == 0
    assert intake.one("SELECT count(*) FROM followers") == 0
    kept = intake.rows("SELECT resident_no, lat, request_no, category, state FROM requests")
    assert [row["resident_no"] for row in kept] == [None, None]
    assert {row["lat"] for row in kept} == {34.23}
    assert {row["state"] for row in kept} == {"declined"}
    assert intake.one("SELECT count(*) FROM request_steps") == 6


def test_who_asked_ends_in_the_history_too_and_only_there(intake: Intake) -> None:
    one = told(intake, "one")
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text(
                "INSERT INTO request_steps (request_id, step_no, at, action, from_state, to_state,"
                " actor_kind, actor, facts) VALUES (:id, 4, :now, 'note', 'declined', 'declined',"
                " 'resident', 'R000001', '{}')"
            ),
            {"id": one, "now": clock.now()},
        )
        tx.session.execute(text("SELECT forget_askers(ARRAY[:id])"), {"id": one})
    asked = "SELECT actor FROM request_steps WHERE actor_kind = 'resident'"
    assert intake.one(asked) == "R000001"  # not before its time
    later(days=400)
    forget_all(intake)
    assert intake.one(asked) == ""
    assert intake.one("SELECT count(*) FROM request_steps WHERE actor = 'A-1'") == 3


def test_forgetting_goes_in_small_batches_and_a_second_time_changes_nothing(
    intake: Intake,
) -> None:
    for n in range(5):
        told(intake, f"b-{n}")
    later(days=400)
    with transaction(intake.sessions) as tx:
        assert forget(tx, most=2) == 2
    assert intake.one("SELECT count(*) FROM requests WHERE anonymised_at IS NULL") == 3
    assert forget_all(intake, most=2) == 3
    before = intake.rows("SELECT * FROM requests ORDER BY id")
    later(days=1)
    assert forget_all(intake) == 0
    assert intake.rows("SELECT * FROM requests ORDER BY id") == before


def test_a_new_rule_holds_from_its_day_on(intake: Intake, databases: dict[str, str]) -> None:
    told(intake, "r")
    rule = "INSERT INTO retention_rules (state, starts_on, keep_days) VALUES ('declined', :day, 40)"
    with transaction(intake.sessions) as tx:
        tx.session.execute(text(rule), {"day": clock.today().replace(month=12, day=1)})
    try:
        later(days=40)
        assert clock.today().month == 11
        assert forget_all(intake) == 0
        later(days=2)
        assert forget_all(intake) == 1
    finally:
        owner = make_engine(databases["INTAKE_OWNER_DATABASE_URL"], pool_size=1)
        with owner.begin() as connection:
            connection.execute(text("DELETE FROM retention_rules WHERE keep_days = 40"))
        owner.dispose()


def test_the_board_is_the_same_before_and_after(intake: Intake) -> None:
    furnish(intake)
    live(intake, 11)
    read_all(intake)
    later(days=1200)
    before = shown(intake, OCTOBER)
    assert before.total["ended"]
    assert forget_all(intake)
    ids = [
        row["id"]
        for row in intake.rows("SELECT id FROM requests WHERE anonymised_at > '-infinity'")
    ]
    assert len(ids) == before.total["ended"]
    with transaction(intake.sessions) as tx:
        tx.session.execute(text("INSERT INTO facts_due (request_id) SELECT id FROM requests"))
    read_all(intake)
    assert as_bytes(shown(intake, OCTOBER)) == as_bytes(before)
    assert as_bytes(replayed(intake, OCTOBER)) == as_bytes(before)
    with intake.sessions() as session:
        narrowed = board(session, replace(OCTOBER, category="0404"), clock.now())
    assert narrowed.total["received"]


def test_every_table_of_a_request_is_forgotten_or_has_a_reason_to_stay() -> None:
    hanging = {
        table.name
        for table in metadata.tables.values()
        if "request_id" in table.c and table.name != "request_steps"
    }
    assert hanging - set(ERASING) - set(KEPT) == set()
    assert set(ERASING) & set(KEPT) == set()
    assert set(KEPT) <= hanging


def test_a_resident_gets_all_that_is_held_and_nothing_of_others(intake: Intake) -> None:
    told(intake, "own")
    told(intake, "other", resident_no="R000002", category="0404")
    browser = intake.signed_in("resident", "R000001")
    page = browser.get("/privacy/mine")
    assert page.status_code == 200
    for word in ("欧阳若兰", "13911112222", SECRET):
        assert word in page.text
    assert "司徒雪" not in page.text
    answer = browser.post("/privacy/mine", form="json")
    held = json.loads(answer.data)["tables"]
    assert [row["name"] for row in held["residents"]] == ["欧阳若兰"]
    assert len(held["requests"]) == 1
    assert len(held["step_notes"]) == 2
    assert "R000002" not in answer.text
    assert browser.post("/privacy/mine", form="pdf").data.startswith(b"%PDF")
    log = intake.rows("SELECT resident_no, form, reason FROM person_exports ORDER BY id")
    assert [row["form"] for row in log] == ["page", "json", "pdf"]
    assert {row["resident_no"] for row in log} == {"R000001"}


def test_staff_give_it_out_only_with_a_reason_that_is_noted(intake: Intake) -> None:
    staff = intake.signed_in("staff")
    staff.get("/privacy/people")
    asked = {"resident_no": "R000001", "form": "json"}
    assert staff.post("/privacy/people", **asked, reason="").status_code == 422
    assert staff.post("/privacy/people", **asked, reason="本人到窗口申请").status_code == 200
    wrong = {"resident_no": "R999999", "form": "json", "reason": "本人申请"}
    assert staff.post("/privacy/people", **wrong).status_code == 404
    assert intake.rows("SELECT reason FROM person_exports") == [{"reason": "本人到窗口申请"}]
    assert "本人到窗口申请" in intake.signed_in("auditor").get("/privacy/people").text
    other = intake.signed_in("resident", "R000002")
    assert other.get("/privacy/people").status_code == 403


@pytest.mark.parametrize(
    "statement", ["UPDATE person_exports SET reason = ''", "DELETE FROM person_exports"]
)
def test_the_log_of_what_was_given_out_only_grows(intake: Intake, statement: str) -> None:
    with intake.sessions() as session, pytest.raises(Exception, match="permission denied"):
        session.execute(text(statement))


def test_no_public_route_shows_a_sensitive_request(intake: Intake) -> None:
    """Marked public by mistake, it still is on no page or door that asks for no sign-in."""
    one = opened(intake, "s", nature="report", title=f"{SECRET}举报", address=SECRET)
    with transaction(intake.sessions) as tx:
        tx.session.execute(text("UPDATE requests SET is_public = true WHERE id = :id"), {"id": one})
    read_all(intake)
    row = intake.rows("SELECT request_no, public_code FROM requests")[0]
    asked = 0
    for rule in intake.app.url_map.iter_rules():
        if "GET" not in (rule.methods or set()):
            continue
        access = access_of(intake.app, rule.endpoint, "GET")
        if access is None or access.kind == "roles" or rule.endpoint.endswith("static"):
            continue
        for number in (row["public_code"], row["request_no"]):
            values = {
                name: 1 if "int" in type(rule._converters[name]).__name__.lower() else number
                for name in rule.arguments
            }
            with intake.app.test_request_context():
                path = rule.build(values, append_unknown=False)
            if path is None:
                continue
            with intake.app.test_client().get(path[1]) as answer:
                assert answer.status_code < 500 or path[1] == "/readyz", path
                assert SECRET not in answer.get_data(as_text=True), path
            asked += 1
    assert asked > 10


def test_the_page_of_retention_tells_the_rules(intake: Intake) -> None:
    page = intake.signed_in("auditor").get("/privacy/retention").text
    assert "1,095" in page
