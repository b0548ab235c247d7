"""纸质存折: what a line of a paper book is, and how a table of them is read. No I/O.

A line is known by its book's number and its own. Read again with the same content it is the same
line; with other content it is a mistake that somebody must look at. Every problem names its row
and its column.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from services.points.rules.corrections import AMOUNT_MAX

ROWS_MAX = 5_000
PROBLEMS_MAX = 200  # kept and shown; all are counted
CODE_CHARS_MAX = 32
LINE_MAX = 100_000
FIRST_YEAR = 2000

Cell = object
Sheet = list[tuple[int, list[Cell]]]  # the number of each row, and its cells


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its code, its name, what it holds, and whether it must be filled in."""

    code: str
    zh: str
    about_zh: str
    about_en: str
    required: bool = True


COLUMNS = (
    Column("book_no", "存折编号", "纸质存折的编号", "number of the paper book"),
    Column("line_no", "行号", "存折中的行号，从 1 起", "number of the line in the book, from 1"),
    Column("resident_no", "居民编号", "已登记的居民编号", "number of a registered resident"),
    Column("on_date", "记载日期", "如 2026-03-01", "such as 2026-03-01"),
    Column("points", "积分", "整数，没有则留空", "a whole number, empty for none", False),
    Column("service_minutes", "服务分钟", "整数，没有则留空", "a whole number, or empty", False),
    Column("honour_points", "荣誉积分", "整数，没有则留空", "a whole number, or empty", False),
    Column(
        "expires_on", "有效期至", "积分最后有效日，留空为长期", "last day, empty for never", False
    ),
)
_AMOUNTS = ("points", "service_minutes", "honour_points")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*", re.ASCII)
_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?: 00:00:00)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}(?:\.0+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a row and a column ("" is the whole row; row 0 the whole file)."""

    row: int
    column: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """A line of a paper book."""

    row_no: int
    book_no: str
    line_no: int
    resident_no: str
    on_date: date
    points: int
    service_minutes: int
    honour_points: int
    expires_on: date | None

    def digest(self) -> bytes:
        """The hash of its content: the same wherever in whichever file it stands."""
        content = {name: value for name, value in self.as_json().items() if name != "row_no"}
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()

    def as_json(self) -> dict[str, Any]:
        """Its values as JSON knows them."""
        return {
            "row_no": self.row_no,
            "book_no": self.book_no,
            "line_no": self.line_no,
            "resident_no": self.resident_no,
            "on_date": self.on_date.isoformat(),
            "points": self.points,
            "service_minutes": self.service_minutes,
            "honour_points": self.honour_points,
            "expires_on": self.expires_on.isoformat() if self.expires_on else None,
        }


def from_json(stored: Mapping[str, Any]) -> PaperRow:
    """The row that `as_json` wrote."""
    ends = stored["expires_on"]
    values = dict(stored) | {
        "on_date": date.fromisoformat(stored["on_date"]),
        "expires_on": date.fromisoformat(ends) if ends else None,
    }
    return PaperRow(**values)


def heading(column: Column) -> str:
    """What stands above a column in the template."""
    return f"{column.zh} {column.code}"


def read_rows(sheet: Sheet, today: date) -> tuple[list[PaperRow], list[Problem]]:
    """The rows of a table whose first row names the columns, and all that is wrong with it."""
    filled = [(number, cells) for number, cells in sheet if any(not _is_empty(c) for c in cells)]
    if not filled:
        return [], [Problem(0, "", "文件里没有内容", "the file is empty")]
    places, problems = _places(*filled[0])
    if problems:
        return [], problems
    rows: list[PaperRow] = []
    for number, cells in filled[1:]:
        reader = _Reader(number, cells, places, today)
        row = reader.row()
        problems += reader.problems
        if row is not None:
            rows.append(row)
    if len(filled) == 1:
        problems.append(
            Problem(0, "", "只有标题行，没有数据", "there is a heading and nothing else")
        )
    if len(filled) - 1 > ROWS_MAX:
        problems.insert(0, too_many_rows())
    return rows, problems + _twice(rows)


def too_many_rows() -> Problem:
    """What a file with too many rows is told."""
    return Problem(
        0,
        "",
        f"最多 {ROWS_MAX} 行，请拆成几个文件",
        f"at most {ROWS_MAX} rows: split the file",
    )


def _is_empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _places(number: int, cells: list[Cell]) -> tuple[dict[str, int], list[Problem]]:
    places: dict[str, int] = {}
    problems = []
    for at, cell in enumerate(cells):
        if _is_empty(cell):
            continue
        said = str(cell).strip()
        column = _column(said)
        if column is None or column.code in places:
            problems.append(
                Problem(
                    number,
                    said[:CODE_CHARS_MAX],
                    "不认识或重复的列名，请按模板填写",
                    "no such column, or named twice: use the template",
                )
            )
        else:
            places[column.code] = at
    problems += [
        Problem(number, heading(one), "缺少这一列", "this column is missing")
        for one in COLUMNS
        if one.required and one.code not in places
    ]
    if not problems and not set(_AMOUNTS) & set(places):
        problems.append(
            Problem(number, "", "至少要有积分、服务分钟或荣誉积分一列", "no column holds amounts")
        )
    return places, problems


def _column(said: str) -> Column | None:
    return next((one for one in COLUMNS if said in {one.code, one.zh, heading(one)}), None)


def _twice(rows: Iterable[PaperRow]) -> list[Problem]:
    first: dict[tuple[str, int], int] = {}
    problems = []
    for row in rows:
        place = row.book_no, row.line_no
        before = first.setdefault(place, row.row_no)
        if before != row.row_no:
            problems.append(
                Problem(
                    row.row_no,
                    heading(COLUMNS[1]),
                    f"与第 {before} 行是同一存折的同一行，请删去或改正",
                    f"the same line of the same book as row {before}: remove or correct it",
                )
            )
    return problems


class _Reader:
    """Reads one row; what is wrong is gathered, so that all of it is told at once."""

    def __init__(
        self, number: int, cells: list[Cell], places: Mapping[str, int], today: date
    ) -> None:
        self._number = number
        self._cells = cells
        self._places = places
        self._today = today
        self.problems: list[Problem] = []

    def row(self) -> PaperRow | None:
        """The row, or None when something is wrong with it."""
        book_no, resident_no = self._code("book_no"), self._code("resident_no")
        line_no = self._whole("line_no", 1, LINE_MAX)
        on_date = self._day("on_date")
        amounts = {name: self._whole(name, 0, AMOUNT_MAX) or 0 for name in _AMOUNTS}
        expires_on = self._day("expires_on")
        if on_date is not None and on_date > self._today:
            self._wrong("on_date", "日期在今天之后", "this day is still to come")
        if expires_on is not None and expires_on < self._today:
            self._wrong("expires_on", "有效期已过，请留空或删去积分", "this day is over")
        if expires_on is not None and not amounts["points"]:
            self._wrong("expires_on", "没有积分，不必填有效期", "there are no points to end")
        if not self.problems and not any(amounts.values()):
            self.problems.append(
                Problem(self._number, "", "这一行没有任何数量", "this row has no amount")
            )
        if self.problems or line_no is None or on_date is None:
            return None
        return PaperRow(
            row_no=self._number,
            book_no=book_no,
            line_no=line_no,
            resident_no=resident_no,
            on_date=on_date,
            expires_on=expires_on,
            **amounts,
        )

    def _cell(self, code: str) -> Cell:
        at = self._places.get(code)
        cell = self._cells[at] if at is not None and at < len(self._cells) else None
        if _is_empty(cell):
            column = next(one for one in COLUMNS if one.code == code)
            if column.required:
                self._wrong(code, "不能为空", "must be filled in")
            return None
        if isinstance(cell, str) and cell.lstrip().startswith("="):
            self._wrong(code, "不接受公式，请粘贴为数值", "is a formula: paste it as a value")
            return None
        return cell

    def _wrong(self, code: str, zh: str, en: str) -> None:
        column = next(one for one in COLUMNS if one.code == code)
        self.problems.append(Problem(self._number, heading(column), zh, en))

    def _code(self, code: str) -> str:
        cell = self._cell(code)
        if cell is None:
            return ""
        is_whole = isinstance(cell, float) and cell.is_integer()
        said = str(int(cell)) if isinstance(cell, float) and is_whole else str(cell).strip()
        if len(said) > CODE_CHARS_MAX or _CODE.fullmatch(said) is None:
            self._wrong(
                code,
                f"只能用字母、数字和 - . _ /，至多 {CODE_CHARS_MAX} 个",
                f"must be letters, digits and - . _ /, at most {CODE_CHARS_MAX}",
            )
        return said

    def _whole(self, code: str, low: int, high: int) -> int | None:
        cell = self._cell(code)
        if cell is None:
            return None
        if isinstance(cell, float) and cell.is_integer():
            cell = int(cell) if abs(cell) < 1e12 else cell
        said = "" if isinstance(cell, bool) else str(cell).strip().replace(",", "")
        value = int(said.split(".")[0]) if _WHOLE.fullmatch(said) else None
        if value is None or not low <= value <= high:
            self._wrong(
                code,
                f"须为 {low} 至 {high} 的整数",
                f"must be a whole number from {low} to {high}",
            )
            return None
        return value

    def _day(self, code: str) -> date | None:
        cell = self._cell(code)
        if cell is None:
            return None
        if isinstance(cell, datetime):
            day: date | None = cell.date()
        elif isinstance(cell, date):
            day = cell
        else:
            day = _read_day(str(cell).strip())
        if day is None or day.year < FIRST_YEAR:
            self._wrong(code, "须为日期，如 2026-03-01", "must be a day such as 2026-03-01")
            return None
        return day


def _read_day(said: str) -> date | None:
    found = _DAY.fullmatch(said)
    try:
        return date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        return None
