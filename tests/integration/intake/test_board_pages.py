"""The board's pages: what is overdue first, lists behind figures, files, and what all may see."""

from __future__ import annotations

import html
import re
from io import BytesIO

from openpyxl import load_workbook
from sqlalchemy import text

from services.intake.rules.states import Action
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.intake.board_month import (
    furnish,
    limit,
    live,
    opened,
    read_all,
    walk,
)
from tests.integration.intake.conftest import Intake, later

_LINK = re.compile(r'<a href="(/board/list\?[^"]*)">([^<\d]*)([\d,]+)</a>')
_IN_ALL = re.compile(r"共 ([\d,]+) 件")


def overdue_one(intake: Intake, client_id: str, hours: int) -> int:
    one = opened(intake, client_id, title=f"限 {hours} 小时")
    walk(intake, one, Action.ADMIT, (Action.DISPATCH, {"unit_code": "U-roads"}), Action.ACCEPT)
    limit(intake, one, "resolve", hours)
    return one


def test_every_number_on_the_page_opens_a_list_of_so_many(intake: Intake) -> None:
    furnish(intake)
    live(intake, 5)
    read_all(intake)
    staff = intake.signed_in("staff")
    page = staff.get("/board").text
    found = _LINK.findall(page)
    assert len(found) > 15
    for address, _, number in set(found):
        if "category=" in address:  # its link is the category's name, the number stands beside it
            continue
        answer = staff.get(html.unescape(address))
        assert answer.status_code == 200
        told = _IN_ALL.search(answer.text)
        assert told
        assert told[1] == number, address


def test_what_is_overdue_comes_first_the_longest_waiting_at_the_top(intake: Intake) -> None:
    furnish(intake)
    for hours in (30, 3, 10, 11):
        overdue_one(intake, f"o-{hours}", hours)
    later(hours=9.5)
    page = intake.signed_in("manager").get("/board").text
    assert page.index("限 3 小时") < page.index("限 10 小时") < page.index("限 11 小时")
    assert "限 30 小时" not in page
    staff = intake.signed_in("staff")
    assert staff.get("/requests?group=overdue").text.count("<tr>") == 2  # its heading and one
    assert "限 11 小时" in staff.get("/requests?group=soon").text


def test_what_waits_for_the_resident_is_not_overdue(intake: Intake) -> None:
    furnish(intake)
    one = overdue_one(intake, "w", 1)
    walk(intake, one, Action.ASK)
    later(hours=5)
    assert "没有超期和将到期的诉求" in intake.signed_in("staff").get("/board").text


def test_the_workbook_and_the_sheet_can_be_taken_away(intake: Intake) -> None:
    furnish(intake)
    live(intake, 6)
    read_all(intake)
    staff = intake.signed_in("staff")
    with staff.get("/board.xlsx") as taken:
        book = load_workbook(BytesIO(taken.data), read_only=True)
    figures = {row[0]: row[1] for row in list(book.worksheets[0].values)[1:] if len(row) > 1}
    rows = list(book["明细 requests"].values)[1:]
    assert figures["收到 Received"] == len(rows) == 40
    answer = staff.get("/board.pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF")


def test_the_board_may_be_narrowed_and_names_what_is_wrong(intake: Intake) -> None:
    furnish(intake)
    staff = intake.signed_in("staff")
    assert staff.get("/board?community=990101001002&unit=U-roads&month=2026-09").status_code == 200
    assert staff.get("/board?month=nonsense").status_code == 200
    assert staff.get("/board/list?part=nonsense").status_code == 422
    assert staff.get("/board?unit=" + "x" * 99).status_code == 422
    assert intake.signed_in("resident", "R000001").get("/board").status_code == 403


def test_anybody_sees_figures_and_no_small_counts(intake: Intake) -> None:
    furnish(intake)
    for n in range(6):
        opened(intake, f"a-{n}")
    opened(intake, "b", grid_code="990101001002001", title="独一件")
    read_all(intake)
    page = intake.get("/board/public").text
    assert "鹊舞社区" in page
    assert "独一件" not in page
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)[1:]
    # One would be found by subtracting from the total, so the next smallest is hidden with it.
    assert ["&lt;5" in row for row in rows] == [True, True]
    assert "R000001" not in page


def test_one_proposes_another_approves_and_the_rates_follow(intake: Intake) -> None:
    furnish(intake)
    one = opened(intake, "x")
    walk(intake, one, Action.ADMIT, (Action.DISPATCH, {"unit_code": "U-roads"}))
    number = intake.one("SELECT request_no FROM requests WHERE id = :id", id=one)
    first, second = intake.signed_in("manager"), intake.signed_in("manager")
    told = {"request_no": number, "reason": "policy", "words": "上级文件所限"}
    first.get("/board/exclusions")
    second.get("/board/exclusions")
    assert first.post("/board/exclusions", **{**told, "reason": "mood"}).status_code == 422
    assert first.post("/board/exclusions", **told).status_code == 303
    assert first.post("/board/exclusions", **told).status_code == 409
    read_all(intake)
    assert intake.one("SELECT is_excluded FROM request_facts") is False
    exclusion = intake.one("SELECT id FROM board_exclusions")
    own = first.post(f"/board/exclusions/{exclusion}", answer="approve")
    assert own.status_code == 403
    assert second.post(f"/board/exclusions/{exclusion}", answer="approve").status_code == 303
    assert intake.one("SELECT is_excluded FROM request_facts") is True
    assert second.post(f"/board/exclusions/{exclusion}", answer="refuse").status_code == 409
    page = intake.signed_in("auditor").get("/board/exclusions").text
    assert number in page
    assert "政策所限" in page
    assert "上级文件所限" in page


def test_the_list_finds_by_number_and_by_public_code(intake: Intake) -> None:
    furnish(intake)
    opened(intake, "n1", title="第一件")
    opened(intake, "n2", title="第二件")
    row = intake.rows("SELECT request_no, public_code FROM requests ORDER BY id")[1]
    staff = intake.signed_in("staff")
    for typed in (row["request_no"], row["request_no"].lower(), row["public_code"].lower()):
        page = staff.get(f"/requests?q={typed}").text
        assert "第二件" in page
        assert "第一件" not in page
    assert "没有符合条件的诉求" in staff.get("/requests?q=Q1").text


def test_the_list_keeps_to_units_places_and_days(intake: Intake) -> None:
    furnish(intake)
    opened(intake, "p1", title="东边的")
    two = opened(intake, "p2", title="西边的", grid_code="990101001002001")
    walk(intake, two, Action.ADMIT, (Action.DISPATCH, {"unit_code": "U-water"}))
    login = intake.account("staff", login="water")
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text(
                "INSERT INTO posts SELECT account_no, 'U-water', 'handler', now() FROM accounts"
                " WHERE login = :login"
            ),
            {"login": login},
        )
    staff = intake.signed_in("staff")
    today = f"{clock.today()}"
    for query, has in (
        ("unit=U-water", True),
        ("community=990101001002", True),
        ("community=990101001001", False),
        ("street=990101001&group=open", True),
        ("mine=1", False),
        (f"since={today}", True),
        ("until=2020-01-01", False),
    ):
        assert ("西边的" in staff.get(f"/requests?{query}").text) is has, query
    assert staff.get("/requests?since=soon").status_code == 422
    with staff.get("/requests.xlsx?unit=U-water") as taken:
        book = load_workbook(BytesIO(taken.data), read_only=True)
    assert [row[5] for row in list(book.worksheets[0].values)[1:]] == ["西边的"]
