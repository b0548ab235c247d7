"""纸质存折: what a paper book holds comes in once, by two people, and can be taken out as one."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from openpyxl import Workbook, load_workbook

from services.points.actions import corrections, importing
from services.points.actions.importing import Report
from services.points.queries import imports as queries
from services.points.rules import paper_books, paper_files
from services.points.rules.lots import NEVER
from shared.errors import Conflict, Rejected
from shared.messaging.transaction import transaction
from tests.integration.points.correcting import (
    CHECKER,
    MAKER,
    YES,
    adjust,
    approve,
    csv_of,
    part,
    register,
    reverse_document,
    standing,
)
from tests.integration.points.database import Ledger, attended, publish_rules
from tests.integration.points.lots import lots_of, spend

A, B = "R000001", "R000002"
ROWS: list[tuple[Any, ...]] = [
    ("B-01", 1, A, "2026-01-05", 10, 60, "", ""),
    ("B-01", 2, A, "2026/2/5", 5, "", "", "2099-12-31"),
    ("B-02", 1, B, "2026-01-05", "", 30, 2, ""),
]


def check(ledger: Ledger, content: bytes) -> Report:
    with transaction(ledger.sessions) as tx:
        return importing.check_file(tx, content, by=MAKER)


def submit(ledger: Ledger, report: Report) -> UUID:
    with transaction(ledger.sessions) as tx:
        return corrections.propose_import(tx, report.import_id, by=MAKER, reason="纸质存折结转")


def bring_in(ledger: Ledger, content: bytes) -> UUID:
    return approve(ledger, submit(ledger, check(ledger, content)))


def problems(ledger: Ledger, content: bytes) -> list[tuple[int, str]]:
    """Rows and columns that a dry run names; nothing of the ledger changes."""
    before = ledger.snapshot()
    report = check(ledger, content)
    assert ledger.snapshot() == before
    with ledger.sessions() as session:
        found = queries.checked(session, report.import_id)
    assert found is not None
    assert report.problem_count == found.problem_count
    assert found.rows == [] or not found.problems
    return [
        (one["row"], one["column"].split()[-1] if one["column"] else "") for one in found.problems
    ]


def xlsx_of(rows: list[tuple[Any, ...]]) -> bytes:
    book = load_workbook(io.BytesIO(paper_files.template_xlsx()))
    for row in rows:
        book.worksheets[0].append([None if cell == "" else cell for cell in row])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


@pytest.fixture
def book(ledger: Ledger) -> Ledger:
    register(ledger, A, B)
    return ledger


@pytest.mark.parametrize("kind", ["csv", "gb18030", "xlsx"])
def test_a_book_comes_in_once_however_often_and_in_whichever_file(book: Ledger, kind: str) -> None:
    heading = ",".join(column.zh for column in paper_books.COLUMNS)
    content = {
        "csv": csv_of(ROWS),
        "gb18030": csv_of(ROWS, heading).decode().encode("gb18030"),
        "xlsx": xlsx_of(
            [*ROWS[:1], ("B-01", 2, A, date(2026, 2, 5), 5, "", "", "2099-12-31"), ROWS[2]]
        ),
    }[kind]
    document_id = bring_in(book, content)
    assert (book.balance(A), book.balance(A, "service_minutes")) == (15, 60)
    assert (book.balance(B), book.balance(B, "honour_points")) == (0, 2)
    assert lots_of(book, A) == {NEVER: 10, date(2099, 12, 31): 5}
    assert book.rows("SELECT kind, made_by, checked_by FROM documents") == [
        ("import", MAKER, CHECKER)
    ]
    assert book.rows("SELECT programme, partner FROM lot_sources") == [("paper-book", "")]
    before = book.snapshot()
    again = check(book, csv_of(ROWS))
    assert (again.new, again.known, again.problem_count) == (0, 3, 0)
    with pytest.raises(Conflict, match="nothing_new"):
        submit(book, again)
    assert book.snapshot() == before
    more = check(book, csv_of([*ROWS, ("B-02", 2, B, "2026-02-01", 7, "", "", "")]))
    assert (more.new, more.known) == (1, 3)
    approve(book, submit(book, more))
    assert (book.balance(A), book.balance(B)) == (15, 7)
    assert document_id
    assert set(book.reconcile().values()) == {0}


def test_two_files_with_the_same_lines_that_wait_at_once(book: Ledger) -> None:
    first, second = (submit(book, check(book, csv_of(rows))) for rows in (ROWS, ROWS[::-1]))
    approve(book, first)
    before = book.snapshot()
    with pytest.raises(Conflict, match="nothing_new"):
        approve(book, second)
    assert book.snapshot() == before


def test_reverted_as_one_the_opening_state_is_back_and_the_book_may_come_again(
    book: Ledger,
) -> None:
    publish_rules(book)
    book.hear(attended(A, 60), attended(B, 60))
    adjust(book, A, 7, expires_on=date(2099, 12, 31))
    before = standing(book)
    document_id = bring_in(book, csv_of(ROWS))
    assert standing(book) != before
    reversal = reverse_document(book, document_id)
    assert standing(book) == before
    assert part(book, reversal) == (15, 15, 0, 0, 0)
    bring_in(book, csv_of(ROWS))
    assert book.balance(A) == 6 + 7 + 15
    assert set(book.reconcile().values()) == {0}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("within_balance", (15, 5, 0, 0, 10)), ("debt", (15, 5, 0, 10, 0))],
)
def test_spent_points_of_a_book_follow_the_policy(
    book: Ledger, policy: str, expected: tuple[int, ...]
) -> None:
    document_id = bring_in(book, csv_of(ROWS))
    with transaction(book.sessions) as tx:
        spend(tx, A, 10)
    assert part(book, reverse_document(book, document_id, policy)) == expected
    assert (book.balance(A), book.balance(B, "honour_points")) == (0, 0)


BAD: list[tuple[tuple[Any, ...], str]] = [
    (("", 1, A, "2026-01-05", 1, "", "", ""), "book_no"),
    (("B 1", 1, A, "2026-01-05", 1, "", "", ""), "book_no"),
    (("B", 0, A, "2026-01-05", 1, "", "", ""), "line_no"),
    (("B", "x", A, "2026-01-05", 1, "", "", ""), "line_no"),
    (("B", 1, "R999999", "2026-01-05", 1, "", "", ""), "resident_no"),
    (("B", 1, "张三", "2026-01-05", 1, "", "", ""), "resident_no"),
    (("B", 1, A, "05.01.26", 1, "", "", ""), "on_date"),
    (("B", 1, A, "2026-02-30", 1, "", "", ""), "on_date"),
    (("B", 1, A, "2999-01-01", 1, "", "", ""), "on_date"),
    (("B", 1, A, "2026-01-05", -1, "", "", ""), "points"),
    (("B", 1, A, "2026-01-05", "1.5", "", "", ""), "points"),
    (("B", 1, A, "2026-01-05", 1000001, "", "", ""), "points"),
    (("B", 1, A, "2026-01-05", "=1+1", "", "", ""), "points"),
    (("B", 1, A, "2026-01-05", 1, "1e3", "", ""), "service_minutes"),
    (("B", 1, A, "2026-01-05", 1, "", "true", ""), "honour_points"),
    (("B", 1, A, "2026-01-05", 1, "", "", "2020-01-01"), "expires_on"),
    (("B", 1, A, "2026-01-05", "", 5, "", "2099-01-01"), "expires_on"),
    (("B", 1, A, "2026-01-05", "", "", "", ""), ""),
]


@pytest.mark.parametrize(("row", "column"), BAD)
def test_a_dry_run_names_row_and_column(book: Ledger, row: tuple[Any, ...], column: str) -> None:
    assert problems(book, csv_of([("B", 9, A, "2026-01-05", 1, "", "", ""), row])) == [(3, column)]


def test_a_file_with_problems_cannot_be_submitted(book: Ledger) -> None:
    report = check(book, csv_of([*ROWS, ("B", 1, A, "2026-01-05", -1, "", "", "")]))
    assert book.rows("SELECT row_count, problem_count FROM paper_imports") == [(4, 1)]
    with pytest.raises(Conflict, match="has_problems"):
        submit(book, report)


def test_a_line_twice_or_with_other_content_is_named(book: Ledger) -> None:
    assert problems(book, csv_of([*ROWS, ROWS[0]])) == [(5, "line_no")]
    bring_in(book, csv_of(ROWS))
    changed = ("B-01", 1, A, "2026-01-05", 11, 60, "", "")
    assert problems(book, csv_of([changed])) == [(2, "line_no")]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("book_no,line_no,resident_no,on_date,points,name", [(1, "name")]),
        ("book_no,line_no,resident_no,points", [(1, "on_date")]),
        ("book_no,line_no,resident_no,on_date", [(1, "")]),
        ("book_no,book_no,line_no,resident_no,on_date,points", [(1, "book_no")]),
    ],
)
def test_columns_are_those_of_the_template(
    book: Ledger, heading: str, expected: list[tuple[int, str]]
) -> None:
    assert problems(book, csv_of([], heading)) == expected


def test_formulas_in_a_sheet_are_not_evaluated(book: Ledger) -> None:
    content = xlsx_of([("B", 1, A, "2026-01-05", "=2+3", "", "", "")])
    assert problems(book, content) == [(2, "points")]


def bomb(entries: int, size: int) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(entries):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", b" " * size)
    return written.getvalue()


def with_entities() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx_of([]))) as good, zipfile.ZipFile(written, "w") as bad:
        for part_ in good.infolist():
            content = good.read(part_)
            if part_.filename == "xl/worksheets/sheet1.xml":
                content = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + content
            bad.writestr(part_.filename, content)
    return written.getvalue()


def far_rows() -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([paper_books.heading(column) for column in paper_books.COLUMNS])
    sheet.cell(row=1_000_000, column=1, value="B")
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"x" * (paper_files.FILE_BYTES_MAX + 1), "too_large"),
        (b"\xd0\xcf\x11\xe0 old", "old_excel"),
        (b"PK\x03\x04 not really", "unreadable"),
        (bomb(1, 64 * 1024 * 1024), "unpacks_too_large"),
        (bomb(300, 1), "unpacks_too_large"),
        (bomb(3, 10), "unreadable"),
        (with_entities(), "unreadable"),
        (far_rows(), "too_many_rows"),
        (b"book_no\n\x00", "unreadable"),
        (b'book_no\n"open', "unreadable"),
        (b"\xff\xff\xff", "bad_encoding"),
    ],
    ids=range(11),
)
def test_files_that_are_none_are_refused_and_nothing_is_kept(
    book: Ledger, content: bytes, code: str
) -> None:
    before = book.snapshot()
    with pytest.raises(Rejected) as caught:
        check(book, content)
    assert caught.value.code == code
    assert caught.value.pointer == "/file"
    assert book.snapshot() == before
    assert book.scalar("SELECT count(*) FROM paper_imports") == 0


def test_the_archive_is_cut_short_at_every_place(book: Ledger) -> None:
    good = xlsx_of(ROWS[:1])
    for end in range(0, len(good), max(1, len(good) // 40)):
        with suppress(Rejected):  # and nothing else
            paper_files.read_sheet(good[:end])


def test_no_more_rows_than_allowed(book: Ledger) -> None:
    rows = [("B", n, A, "2026-01-05", 1, "", "", "") for n in range(1, paper_books.ROWS_MAX + 2)]
    assert problems(book, csv_of(rows)) == [(0, "")]
    assert check(book, csv_of(rows[:-1])).new == paper_books.ROWS_MAX


def test_the_template_reads_as_an_empty_table(book: Ledger) -> None:
    for content in (paper_files.template_xlsx(), paper_files.template_csv()):
        assert problems(book, content) == [(0, "")]


def test_checked_files_are_forgotten_after_a_month_but_not_what_came_in(book: Ledger) -> None:
    check(book, csv_of(ROWS[:1]))
    bring_in(book, csv_of(ROWS))
    with book.owner_engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE paper_imports SET made_at = made_at - interval '40 days'"
        )
    with transaction(book.sessions) as tx:
        importing.forget_checked(tx)
    assert book.rows("SELECT row_count FROM paper_imports") == [(3,)]


def test_both_names_are_needed(book: Ledger) -> None:
    made = submit(book, check(book, csv_of(ROWS)))
    before = book.snapshot()
    with pytest.raises(Conflict, match="four_eyes"), transaction(book.sessions) as tx:
        corrections.approve(tx, made, by=MAKER, decision=YES)
    assert book.snapshot() == before
