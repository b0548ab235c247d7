"""What is no request ends with its time, too: the hall, sheets, links. Figures are elsewhere."""

from __future__ import annotations

from datetime import date, time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.intake.actions import appointments
from services.intake.actions.keeping import forget
from services.intake.rules.hall import HallAction
from services.intake.rules.keeping import OVER, SUBJECTS
from services.intake.worker import create_worker
from shared import clock
from shared.db.session import make_engine
from shared.messaging.transaction import transaction
from tests.integration.intake.board_month import opened
from tests.integration.intake.conftest import Intake, later
from tests.integration.intake.test_hall import NEEDED, OWN, apply, move, see
from tests.integration.intake.test_privacy import where_found

LINK = "INSERT INTO verdict_links VALUES (:token, :id, 0, 'R000001', :now, :ends, :used)"
SCAN = "INSERT INTO scans VALUES (:no, 'sealed', '[]', 'A-1', :now)"


def forget_all(intake: Intake, most: int = 200) -> int:
    count = 0
    while True:
        with transaction(intake.sessions) as tx:
            done = forget(tx, most=most)
        if not done:
            return count
        count += done


def run(intake: Intake, statement: str, **given: object) -> None:
    with transaction(intake.sessions) as tx:
        tx.session.execute(text(statement), {"now": clock.now(), **given})


def ended(intake: Intake, token: str) -> str:
    """An application that was begun, seen and withdrawn with a note."""
    number = apply(intake, token=token)
    see(intake, number, *NEEDED)
    move(intake, number, HallAction.WITHDRAW, OWN, f"{token}改去区里办")
    return number


def test_an_ended_application_ends_whole_and_an_open_one_stays(
    intake: Intake, databases: dict[str, str]
) -> None:
    ended(intake, "done")
    open_one = apply(intake, token="open")
    later(days=1094)
    assert forget_all(intake) == 0
    later(days=2)
    assert forget_all(intake) == 1
    assert where_found(databases, "改去区里办") == set()
    left = intake.rows("SELECT application_no FROM hall_applications")
    assert [row["application_no"] for row in left] == [open_one]
    for table in ("hall_steps", "hall_notes", "hall_documents"):
        gone = f"SELECT count(*) FROM {table} WHERE application_id NOT IN"
        assert intake.one(f"{gone} (SELECT id FROM hall_applications)") == 0
    assert intake.one("SELECT count(*) FROM hall_steps") == 1
    assert forget_all(intake) == 0


def test_nobody_erases_the_history_of_an_application_that_is_open(intake: Intake) -> None:
    apply(intake)
    run(intake, "SELECT erase_hall_steps(ARRAY(SELECT id FROM hall_applications))")
    assert intake.one("SELECT count(*) FROM hall_steps") == 1
    with pytest.raises(DBAPIError, match="permission denied"):
        run(intake, "DELETE FROM hall_steps")


def test_an_appointment_ends_a_year_after_its_time(intake: Intake) -> None:
    apply(intake)  # publishes the matters
    with transaction(intake.sessions) as tx:
        appointments.offer_slots(
            tx, place="1 号窗", on=date(2026, 10, 23), opens=time(9), closes=time(10),
            minutes=30, capacity=1,
        )  # fmt: skip
        slot = tx.session.execute(text("SELECT min(id) FROM hall_slots")).scalar_one()
        appointments.book(
            tx, token="t", slot_id=slot, matter_code="elder-card", resident_no="R000001", by="A-1"
        )
    later(days=366)
    assert forget_all(intake) == 0
    later(days=2)
    assert forget_all(intake) == 1
    assert intake.one("SELECT count(*) FROM hall_appointments") == 0


def test_a_sheet_that_became_no_request_ends_and_one_that_did_stays(intake: Intake) -> None:
    one = opened(intake, "one")
    for number in ("lost", "kept"):
        run(intake, SCAN, no=number)
    with transaction(intake.sessions) as tx:
        tx.session.execute(text("INSERT INTO scan_requests VALUES ('kept', :id)"), {"id": one})
    later(days=89)
    assert forget_all(intake) == 0
    later(days=2)
    assert forget_all(intake) == 1
    assert [row["scan_no"] for row in intake.rows("SELECT scan_no FROM scans")] == ["kept"]


def test_links_end_when_used_or_expired_and_waiting_ones_stay(intake: Intake) -> None:
    one = opened(intake, "one")
    now, soon = clock.now(), clock.now().replace(month=12)
    for token, ends, used in ((b"old", now, None), (b"used", soon, now), (b"waits", soon, None)):
        run(intake, LINK, token=token, id=one, ends=ends, used=used)
    later(days=29)
    assert forget_all(intake) == 0
    later(days=2)
    assert forget_all(intake) == 2
    assert intake.one("SELECT token_hash FROM verdict_links") == b"waits"


def test_it_goes_in_small_batches_and_a_second_time_changes_nothing(intake: Intake) -> None:
    for n in range(5):
        ended(intake, f"t-{n}")
        run(intake, SCAN, no=f"s-{n}")
    later(days=1100)
    with transaction(intake.sessions) as tx:
        assert forget(tx, most=2) == 4  # of each subject at most so many
    assert intake.one("SELECT count(*) FROM scans") == 3
    assert intake.one("SELECT count(*) FROM hall_applications") == 3
    assert forget_all(intake, most=2) == 6
    assert forget_all(intake) == 0


def test_a_new_rule_holds_from_its_day_on(intake: Intake, databases: dict[str, str]) -> None:
    run(intake, SCAN, no="s")
    rule = "INSERT INTO keeping_rules (subject, starts_on, keep_days) VALUES ('scan', :day, 30)"
    run(intake, rule, day=date(2026, 12, 1))
    try:
        later(days=40)  # the last of November
        assert forget_all(intake) == 0
        later(days=2)
        assert forget_all(intake) == 1
    finally:
        owner = make_engine(databases["INTAKE_OWNER_DATABASE_URL"], pool_size=1)
        with owner.begin() as connection:
            connection.execute(text("DELETE FROM keeping_rules WHERE starts_on > '2026-01-01'"))
        owner.dispose()


def test_every_subject_has_a_rule_a_word_and_is_worked_on(intake: Intake) -> None:
    ruled = {row["subject"] for row in intake.rows("SELECT subject FROM keeping_rules")}
    assert ruled == set(SUBJECTS) == set(OVER)
    assert "forget_papers" in {job.name for job in create_worker(intake.settings).jobs}
    page = intake.signed_in("auditor").get("/privacy/retention").text
    for word in ("代办申请", "预约", "扫描件", "评单链接"):
        assert word in page
    with pytest.raises(DBAPIError, match="permission denied"):
        run(intake, "DELETE FROM keeping_rules")
