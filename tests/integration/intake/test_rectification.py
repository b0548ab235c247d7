"""Rectification: the checker is not the fixer, pictures differ, and what comes back is counted."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from services.intake.actions import rectification as actions
from services.intake.queries import rectification as queries
from shared import clock
from shared.errors import Conflict, Forbidden, LinliError, Missing, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, Browser, Intake, later

FIXER, CHECKER = "A-1", "A-2"


def photo(seed: int = 0) -> bytes:
    """Pictures that differ by their seed, as two photos of a place do."""
    drawn, image = io.BytesIO(), Image.new("RGB", (180, 160), "white")
    for n in range(12):
        place = (37 * (n + seed * 5) % 150, 53 * (n * (seed + 1)) % 130)
        image.paste((20 * n % 255, 90, 40), (*place, place[0] + 30, place[1] + 26))
    image.save(drawn, "JPEG")
    return drawn.getvalue()


@pytest.fixture
def drive(intake: Intake) -> int:
    with transaction(intake.sessions) as tx:
        tx.session.execute(text(
            "INSERT INTO units VALUES ('U1', 'department', '城管中队', 'City management',"
            " '990101', NULL, false, true)"
        ))  # fmt: skip
        return actions.open_drive(tx, a_drive(), "A-1")


def a_drive(**changes: Any) -> actions.Drive:
    given = {
        "title": "占道经营整治",
        "area_code": "990101001",
        "unit_code": "U1",
        "starts_on": date(2026, 10, 20),
        "ends_on": date(2026, 11, 20),
        "recheck_days": [7, 30, 90],
        **changes,
    }
    return actions.Drive(**given)


def found(intake: Intake, drive: int, **changes: Any) -> int:
    given = {"what": "店外摆摊", "place": "人民路 3 号", "grid_code": GRID, "photo": photo()}
    with transaction(intake.sessions) as tx:
        return actions.find(tx, drive, **{**given, **changes}, by="A-1")


def step(intake: Intake, act: str, item: int, by: str, **more: Any) -> None:
    with transaction(intake.sessions) as tx:
        getattr(actions, act)(tx, item, **{"note": "", "by": by, **more})


def good(intake: Intake, drive: int) -> int:
    item = found(intake, drive)
    step(intake, "fix", item, FIXER, photo=photo(1))
    step(intake, "approve", item, CHECKER)
    return item


def open_days(intake: Intake) -> list[int]:
    rows = intake.rows("SELECT due_on FROM reinspections WHERE done_at IS NULL ORDER BY due_on")
    return [(row["due_on"] - clock.today()).days for row in rows]


def test_who_fixed_it_does_not_check_it(intake: Intake, drive: int) -> None:
    item = found(intake, drive)
    step(intake, "fix", item, FIXER, photo=photo(1))
    for act, more in (("approve", {}), ("send_back", {"note": "不行"})):
        with pytest.raises(Forbidden):
            step(intake, act, item, FIXER, **more)
    step(intake, "approve", item, CHECKER)
    assert intake.one("SELECT state FROM rectification_items") == "good"
    assert open_days(intake) == [7, 30, 90]


def test_the_picture_after_is_not_the_one_before(intake: Intake, drive: int) -> None:
    item = found(intake, drive)
    with pytest.raises(Rejected) as caught:
        step(intake, "fix", item, FIXER, photo=photo())
    assert caught.value.pointer == "/photo"
    with pytest.raises(Rejected):
        step(intake, "fix", item, FIXER, photo=b"")
    step(intake, "fix", item, FIXER, photo=photo(1))


def test_what_is_not_good_goes_back_with_a_reason(intake: Intake, drive: int) -> None:
    item = found(intake, drive)
    step(intake, "fix", item, FIXER, photo=photo(1))
    with pytest.raises(Rejected):
        step(intake, "send_back", item, CHECKER)
    step(intake, "send_back", item, CHECKER, note="摊位还在")
    assert intake.one("SELECT state FROM rectification_items") == "found"
    assert open_days(intake) == []


def test_what_comes_back_is_open_again_and_counted(intake: Intake, drive: int) -> None:
    item = good(intake, drive)
    with pytest.raises(Conflict):
        step(intake, "recheck", item, CHECKER, is_good=True, photo=b"")
    later(days=7)
    with intake.sessions() as session:
        assert [row["id"] for row in queries.rechecks_due(session)] == [item]
    step(intake, "recheck", item, CHECKER, is_good=True, photo=photo(2))
    assert open_days(intake) == [23, 83]
    later(days=23)
    with pytest.raises(Rejected):
        step(intake, "recheck", item, CHECKER, is_good=False, photo=b"")
    step(intake, "recheck", item, CHECKER, is_good=False, photo=photo(3))
    assert open_days(intake) == []
    with intake.sessions() as session:
        (one,) = queries.drives(session, before=None).rows
        (row,) = queries.items(session, drive).rows
    assert (one["items"], one["good"], one["recurred"], one["recurrences"]) == (1, 0, 1, 1)
    assert row["before_no"] > row["after_no"]  # it looks as when it came back
    with pytest.raises(Rejected):
        step(intake, "fix", item, FIXER, photo=photo(3))
    step(intake, "fix", item, CHECKER, photo=photo(4))
    step(intake, "approve", item, FIXER)
    assert open_days(intake) == [7, 30, 90]
    actions_taken = intake.rows("SELECT action FROM rectification_steps ORDER BY step_no")
    assert [row["action"] for row in actions_taken] == [
        "find", "fix", "approve", "recheck", "recur", "fix", "approve",
    ]  # fmt: skip


def test_it_may_come_back_before_anybody_was_to_look(intake: Intake, drive: int) -> None:
    item = good(intake, drive)
    later(days=2)
    step(intake, "recheck", item, CHECKER, is_good=False, photo=photo(3))
    outcomes = intake.rows("SELECT DISTINCT outcome FROM reinspections")
    assert outcomes == [{"outcome": "dropped"}]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": " "}, "/title"),
        ({"area_code": "x"}, "/area_code"),
        ({"unit_code": "x"}, "/unit_code"),
        ({"ends_on": date(2026, 10, 19)}, "/ends_on"),
    ],
)
def test_a_drive_names_what_is_wrong(
    intake: Intake, drive: int, change: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Rejected) as caught, transaction(intake.sessions) as tx:
        actions.open_drive(tx, a_drive(**change), "A-1")
    assert caught.value.pointer == pointer
    assert drive


def test_an_item_names_what_is_wrong(intake: Intake, drive: int) -> None:
    for change, error in (
        ({"what": ""}, Rejected),
        ({"grid_code": "990101001"}, Rejected),
        ({"photo": b"x"}, Rejected),
    ):
        with pytest.raises(error):
            found(intake, drive, **change)
    with pytest.raises(Missing):
        found(intake, 4242)
    with pytest.raises(Missing):
        step(intake, "approve", 4242, CHECKER)
    assert intake.one("SELECT count(*) FROM rectification_items") == 0


def test_nothing_skips_a_step(intake: Intake, drive: int) -> None:
    item = found(intake, drive)
    for act, more in (
        ("approve", {}),
        ("send_back", {"note": "x"}),
        ("recheck", {"is_good": True, "photo": b""}),
    ):
        with pytest.raises(LinliError):
            step(intake, act, item, CHECKER, **more)


def test_the_pages_lead_from_the_drive_to_the_report(intake: Intake, drive: int) -> None:
    fixer, checker = intake.signed_in("staff"), intake.signed_in("staff")
    fixer.get("/rectification")
    send(fixer, f"/rectification/{drive}/items", photo(), what="店外摆摊", place="人民路 3 号",
         grid_code=GRID)  # fmt: skip
    item = intake.one("SELECT id FROM rectification_items")
    path = f"/rectification/items/{item}"
    send(fixer, f"{path}/fix", photo(1))
    assert "由整改人以外的同事核查" in fixer.get(path).text
    fixer.post(f"{path}/approve")
    assert "不能核查自己整改" in fixer.get(path).text
    checker.get(path)
    checker.post(f"{path}/approve")
    page = checker.get(f"/rectification/{drive}").text
    assert "100%" in page
    assert f"{path}/1.jpg" in page
    assert f"{path}/2.jpg" in page
    assert "占道经营整治" in checker.get(f"/rectification/{drive}/report").text
    assert checker.get(f"{path}/2.jpg").mimetype == "image/jpeg"
    assert checker.get(f"{path}/9.jpg").status_code == 404
    assert intake.signed_in("resident", "R000001").get(path).status_code == 403
    later(days=7)
    again = intake.signed_in("staff")
    assert "店外摆摊" in again.get("/rectification").text
    assert "复查良好" in again.get(path).text
    assert again.get(f"/rectification/{drive + 9}").status_code == 404
    assert again.post(f"{path}/sell").status_code == 404


def test_a_drive_is_begun_by_a_form(intake: Intake, drive: int) -> None:
    browser = intake.signed_in("staff")
    page = browser.get("/rectification").text
    assert "—" in page  # no rate of nothing
    form = {
        "title": "飞线充电整治",
        "area_code": "990101001",
        "unit_code": "U1",
        "starts_on": "2026-10-21",
        "ends_on": "2026-10-31",
        "recheck_days": "3，14",
    }
    browser.post("/rectification", **form)
    assert intake.one("SELECT recheck_days FROM rectifications WHERE id <> :id", id=drive) == [
        3,
        14,
    ]
    browser.post("/rectification", **{**form, "recheck_days": "often"})
    assert "recheck_days" in browser.get("/rectification").text
    browser.post("/rectification", **{**form, "ends_on": "soon"})
    assert "ends_on" in browser.get("/rectification").text


def send(browser: Browser, path: str, data: bytes, **form: str) -> None:
    answer = browser.client.post(
        path,
        data={"csrf_token": browser.token(), "photo": (io.BytesIO(data), "x.jpg"), **form},
        headers={"Accept": "text/html"},
    )
    assert answer.status_code == 303


def test_a_re_inspection_is_due_on_its_day(intake: Intake, drive: int) -> None:
    good(intake, drive)
    assert timedelta(days=open_days(intake)[0]) == timedelta(days=7)
