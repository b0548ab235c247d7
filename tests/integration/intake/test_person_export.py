"""What is given out of one resident is all that names them, and nothing that names another."""

from __future__ import annotations

import json
import re
from typing import Any

from sqlalchemy import text

from services.intake.models import metadata
from services.intake.queries.person import EXCUSED, held, tables_of_person
from services.intake.rules.hall import HallAction
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.intake.board_month import opened
from tests.integration.intake.conftest import Intake
from tests.integration.intake.test_hall import OWN, apply, move
from tests.integration.intake.test_privacy import dump
from tests.integration.intake.wishing import wished

# A column that may hold a resident's number, or a seal over what is personal. What else says who
# did something (`made_by`, `opened_by`, ...) holds the number of an account.
_NAMING = re.compile(r"resident|household_no|subject$|sealed$|giver$|person")


def naming(table: Any) -> set[str]:
    """The columns by which a table may name a resident; `x` beside `x_kind` may be anybody."""
    names = set(table.c.keys())
    return {
        name
        for name in names
        if (_NAMING.search(name) and not name.endswith("_kind")) or f"{name}_kind" in names
    }


def test_every_table_that_may_name_a_resident_is_given_out_or_excused() -> None:
    able = {table.name: naming(table) for table in metadata.tables.values() if naming(table)}
    missing = {name: able[name] for name in set(able) - set(tables_of_person()) - set(EXCUSED)}
    assert missing == {}
    assert set(EXCUSED) & set(tables_of_person()) == set()
    assert set(EXCUSED) <= set(metadata.tables)
    assert all(len(reason) > 20 for reason in EXCUSED.values())


def lived(intake: Intake) -> None:
    """R000001 asks, applies, wishes, gives and follows; R000002 does so beside them."""
    own = opened(intake, "own", contact={"name": "代我来的人", "phone": "13655556666"})
    other = opened(intake, "other", resident_no="R000002")
    number = apply(intake)
    move(intake, number, HallAction.WITHDRAW, OWN, "自己去办")
    apply(intake, token="other", resident_no="R000002")
    wished(intake, until="closed")  # R000002 fulfils it
    wished(intake, until="verified", resident_no="R000002", wall_text="想学用手机")
    intake.account("resident", "R000001")
    statements = [
        "INSERT INTO wish_claims (wish_id, wish_code, giver_kind, giver, claimed_at, ended_at,"
        " outcome) SELECT id, wish_code, 'resident', 'R000001', :now, :now, 'given_up'"
        " FROM wishes WHERE resident_no = 'R000002'",
        "INSERT INTO request_steps (request_id, step_no, at, action, from_state, to_state,"
        " actor_kind, actor, facts) VALUES (:other, 9, :now, 'note', 'submitted', 'submitted',"
        " 'resident', 'R000001', '{}')",
        "INSERT INTO request_steps (request_id, step_no, at, action, from_state, to_state,"
        " actor_kind, actor, facts) VALUES (:own, 9, :now, 'note', 'submitted', 'submitted',"
        " 'resident', 'R000002', '{}')",
        "INSERT INTO followers VALUES (:other, 'R000001', NULL, :now)",
        "INSERT INTO scans VALUES ('5ca11', 'sealed', '[]', 'A-1', :now)",
        "INSERT INTO scan_requests VALUES ('5ca11', :own)",
        "INSERT INTO verdict_links VALUES (:token, :other, 0, 'R000001', :now, :now, NULL)",
        "INSERT INTO consents (resident_no, purpose, how, given_at, given_by)"
        " VALUES ('R000001', 'photo', 'spoken', :now, 'A-1')",
        "INSERT INTO resident_roles VALUES ('R000001', 'volunteer', '990101001001', :day, NULL)",
        "INSERT INTO resident_skills VALUES ('R000001', 'water', 'A-1', :now)",
        "INSERT INTO census_entries VALUES ('00000000-0000-4000-8000-000000000001', :token,"
        " 'H00001', 'A-1', :now)",
    ]
    given = {
        "own": own, "other": other, "now": clock.now(), "day": clock.today(), "token": b"t",
    }  # fmt: skip
    with transaction(intake.sessions) as tx:
        for statement in statements:
            names = re.findall(r":([a-z]+)", statement)
            tx.session.execute(text(statement), {name: given[name] for name in names})


def test_no_row_that_names_the_resident_is_left_out(
    intake: Intake, databases: dict[str, str]
) -> None:
    lived(intake)
    with intake.sessions() as session:
        given = held(session, intake.cipher, "R000001")
    for number in ("R000001", "H00001"):
        found = {name for name, rows in dump(databases).items() if number in rows}
        assert found - set(given) - set(EXCUSED) == set()
    assert {"scans", "households", "accounts", "census_entries"} <= set(given)
    assert [row["outcome"] for row in given["wish_claims"]] == ["delivered", "given_up"]
    assert given["hall_applications"][0]["facts"].count("6222020000001234") == 1
    assert {row["note"] for row in given["hall_notes"]} == {"自己去办"}
    assert given["wishes"][0]["thanks"] == "谢谢这位好邻居"
    assert "代我来的人" in given["request_contacts"][0]["contact"]
    assert {row["request_id"] for row in given["verdict_links"]} == {2}


def test_nothing_given_out_names_another_or_opens_a_door(intake: Intake) -> None:
    lived(intake)
    with intake.sessions() as session:
        given = json.dumps(held(session, intake.cipher, "R000001"), default=str)
    for word in ("R000002", "司徒雪", "13733334444", "想学用手机", "password_hash", "_sealed"):
        assert word not in given
