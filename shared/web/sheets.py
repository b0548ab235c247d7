"""Tables to take away: CSV that spreadsheets open as it is, and workbooks written row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

ROWS_MAX = 1_000_000  # a sheet holds 1,048,576
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"

Row = tuple[object, ...]

# A spreadsheet takes a text that begins so for a formula and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe(value: object) -> object:
    """The value as a cell: text that would be run as a formula is only shown."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def csv_lines(heading: Row, rows: Iterable[Row]) -> Iterator[str]:
    """CSV line by line, with the mark by which Excel knows UTF-8."""
    yield "\ufeff"
    for row in (heading, *rows):
        line = io.StringIO()
        csv.writer(line).writerow([safe(value) for value in row])
        yield line.getvalue()


def write_workbook(file: str | IO[bytes], sheets: Iterable[tuple[str, Row, Iterable[Row]]]) -> None:
    """Write (title, heading, rows) of each sheet; one that is too long goes on in another."""
    book = Workbook(write_only=True)
    for title, heading, rows in sheets:
        sheet = _sheet(book, title, heading)
        for number, row in enumerate(rows, 1):
            sheet.append([safe(value) for value in row])
            if number % ROWS_MAX == 0:
                sheet = _sheet(book, f"{title} {number // ROWS_MAX + 1}", heading)
    book.save(file)


def _sheet(book: Workbook, title: str, heading: Row) -> Any:
    sheet = book.create_sheet(title)
    cells = []
    for name in heading:
        cell = WriteOnlyCell(sheet, str(name))
        cell.font = Font(bold=True)
        cells.append(cell)
    sheet.append(cells)
    return sheet
