"""Workbooks as rows of text by sheet; nothing that a hostile file could swell or run. Pure."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from shared.errors import Rejected

FILE_BYTES_MAX: Final = 1000 * 1024  # with what a form adds, less than a request may hold
UNPACKED_BYTES_MAX: Final = 48 * 1024 * 1024
PARTS_MAX: Final = 200
ROWS_MAX: Final = 50_000  # of one sheet, with empty ones
COLUMNS_MAX: Final = 32
CELL_CHARACTERS_MAX: Final = 200

Rows = list[tuple[int, dict[str, str]]]

_BROKEN = (
    InvalidFileException, ParseError, zipfile.BadZipFile, ValueError, KeyError, IndexError,
    AttributeError, TypeError, EOFError, OverflowError, NotImplementedError, OSError,
)  # fmt: skip


def read_workbook(content: bytes, known: Mapping[str, Sequence[str]]) -> dict[str, Rows]:
    """The sheets whose title begins with a known name, their rows with the sheet's row number.

    A heading may say more than the field's name after a space: `room 户室`. Raises Rejected.
    """
    _check_archive(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        return {
            name: list(_rows(sheet, name, known[name]))
            for sheet in book.worksheets
            if (name := _first(sheet.title)) in known
        }
    except Rejected:
        raise
    except _BROKEN:
        raise _refused(
            "unreadable",
            "读不出来，请先导出一份，按其格式填写后存为 .xlsx",
            "it cannot be read: export one first and fill that in",
        ) from None


def _rows(sheet: Any, name: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    fields: list[str] = []
    lines = sheet.iter_rows(max_col=COLUMNS_MAX, max_row=ROWS_MAX + 2, values_only=True)
    for number, cells in enumerate(lines, start=1):
        texts = [_text(cell) for cell in cells]
        if number == 1:
            fields = [_first(text) for text in texts]
            if missing := [column for column in columns if column not in fields]:
                shown = ", ".join(missing)
                raise _refused(
                    "heading",
                    f"工作表 {name} 第 1 行缺少列 {shown}",
                    f"sheet {name}, row 1: column {shown} is missing",
                )
        elif number > ROWS_MAX + 1:
            raise _refused(
                "too_many_rows",
                f"工作表 {name} 超过 {ROWS_MAX} 行，请分成几份",
                f"sheet {name} has more than {ROWS_MAX} rows: split it",
            )
        elif any(texts):
            row = dict(zip(fields, texts, strict=False))
            yield number, {column: row[column] for column in columns}


def _first(title: str) -> str:
    return title.split(maxsplit=1)[0] if title.split() else ""


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # a spreadsheet knows no other numbers
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    text = str(cell)[: CELL_CHARACTERS_MAX + 1].strip()
    # What an export had to mark so that no spreadsheet runs it.
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text


def _check_archive(content: bytes) -> None:
    if len(content) > FILE_BYTES_MAX:
        raise _refused(
            "too_large",
            f"超过 {FILE_BYTES_MAX // 1024} KB，请分成几份，或由运维用 linli load 导入",
            f"more than {FILE_BYTES_MAX // 1024} KB: split it, or have it loaded by linli load",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            is_odd = any(part.flag_bits & 1 for part in parts)
            if len(parts) > PARTS_MAX or unpacked > UNPACKED_BYTES_MAX or is_odd:
                raise _refused(
                    "archive",
                    "有密码或展开后过大，请去掉密码、只保留要导入的工作表",
                    "it has a password or unpacks to too much: keep only the sheets to import",
                )
            for part in parts:
                data = archive.read(part) if part.filename.endswith((".xml", ".rels")) else b""
                if b"<!ENTITY" in data or b"<!DOCTYPE" in data:
                    raise _refused("entities", "含有不接受的声明", "it declares entities")
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError):
        raise _refused(
            "unreadable", "不是 .xlsx 文件", "is not an .xlsx file: save it as such"
        ) from None


def _refused(code: str, zh: str, en: str) -> Rejected:
    return Rejected(code, f"文件：{zh}", f"file: {en}", pointer="/file")
