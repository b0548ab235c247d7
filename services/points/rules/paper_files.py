"""Reads a table from a file that anybody may have made: xlsx or CSV, within limits. No I/O.

Nothing in a file is evaluated, followed or unpacked without a bound: an archive is judged by what
it says it holds before anything of it is read, and reads no further than it said.
"""

from __future__ import annotations

import csv
import io
import zipfile
from xml.etree.ElementTree import ParseError

from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from services.points.rules.paper_books import COLUMNS, Cell, Sheet, heading
from shared.errors import Rejected

FILE_BYTES_MAX = 1000 * 1024  # with what a form adds, less than a request may hold
UNPACKED_BYTES_MAX = 24 * 1024 * 1024
PARTS_MAX = 200
ROWS_READ_MAX = 20_000  # with empty ones
COLUMNS_READ = 32
CELL_CHARS_MAX = 200

_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


def read_sheet(content: bytes) -> tuple[str, Sheet]:
    """The format of a file and its first sheet; raises Rejected for what is no such file."""
    if len(content) > FILE_BYTES_MAX:
        raise _refused(
            "too_large",
            f"文件超过 {FILE_BYTES_MAX // 1024} KB，请拆成几个文件",
            f"the file has more than {FILE_BYTES_MAX // 1024} KB: split it",
        )
    if content.startswith(_OLD_EXCEL):
        raise _refused(
            "old_excel",
            "这是旧版 .xls 或加密的文件，请另存为 .xlsx 或 CSV",
            "this is an old .xls or an encrypted file: save it as .xlsx or CSV",
        )
    if content.startswith(_ZIP):
        return "xlsx", _xlsx(content)
    return "csv", _csv(content)


def template_xlsx() -> bytes:
    """An empty table to fill in, and what each column means on its second sheet."""
    book = Workbook()
    sheet = book.active
    if sheet is None:
        raise ValueError("a new workbook has a sheet")
    sheet.title = "lines"
    sheet.append([heading(column) for column in COLUMNS])
    notes = book.create_sheet("说明 notes")
    notes.append(["列 column", "说明", "meaning", "必填 required"])
    for column in COLUMNS:
        required = "是 yes" if column.required else "否 no"
        notes.append([heading(column), column.about_zh, column.about_en, required])
    for one in (sheet, notes):
        for letter in "ABCDEFGH":
            one.column_dimensions[letter].width = 24
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def template_csv() -> bytes:
    """The same as CSV, in UTF-8 with the mark by which spreadsheets know it."""
    return ("\ufeff" + ",".join(heading(column) for column in COLUMNS) + "\r\n").encode()


def _csv(content: bytes) -> Sheet:
    written = _decoded(content)
    if "\x00" in written:
        raise _unreadable()
    try:
        rows = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    except csv.Error:
        raise _unreadable() from None
    if len(rows) > ROWS_READ_MAX:
        raise _too_many()
    return [(number, _bounded(list(row))) for number, row in enumerate(rows, 1)]


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _refused(
        "bad_encoding",
        "读不出文字，请用 UTF-8 或 GB18030 编码保存 CSV",
        "the text cannot be read: save the CSV as UTF-8 or GB18030",
    )


def _xlsx(content: bytes) -> Sheet:
    _check_archive(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # what a sheet says of its size need not be so
            found: Sheet = []
            for number, cells in enumerate(
                sheet.iter_rows(max_col=COLUMNS_READ, values_only=True), 1
            ):
                if number > ROWS_READ_MAX:
                    raise _too_many()
                found.append((number, _bounded(list(cells))))
            return found
        finally:
            book.close()
    except (
        InvalidFileException,
        ParseError,
        zipfile.BadZipFile,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        TypeError,
        EOFError,
        OverflowError,
        NotImplementedError,
    ):
        raise _unreadable() from None


def _check_archive(content: bytes) -> None:
    """No more parts and bytes than a table needs, nothing encrypted, no declared entities."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            if len(parts) > PARTS_MAX or unpacked > UNPACKED_BYTES_MAX:
                raise _refused(
                    "unpacks_too_large",
                    "文件展开后过大，请只保留要转入的工作表后另存",
                    "the file unpacks to too much: keep only the sheet to bring in",
                )
            if any(part.flag_bits & 1 for part in parts):
                raise _refused(
                    "encrypted", "文件已加密，请去掉密码后再上传", "the file has a password"
                )
            for part in parts:
                # No longer than it said: reading stops there.
                if part.filename.endswith((".xml", ".rels")):
                    text = archive.read(part)
                    if b"<!DOCTYPE" in text or b"<!ENTITY" in text or b"\x00" in text:
                        raise _unreadable()
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError):
        raise _unreadable() from None


def _bounded(cells: list[Cell]) -> list[Cell]:
    """No more columns than anybody needs, and no text that is longer than a cell should hold."""
    return [
        cell[:CELL_CHARS_MAX] if isinstance(cell, str) else cell for cell in cells[:COLUMNS_READ]
    ]


def _unreadable() -> Rejected:
    return _refused(
        "unreadable",
        "文件读不出来，请下载模板重新填写，存为 .xlsx 或 CSV",
        "the file cannot be read: fill in the template and save it as .xlsx or CSV",
    )


def _too_many() -> Rejected:
    return _refused(
        "too_many_rows",
        f"表格超过 {ROWS_READ_MAX} 行（含空行），请删去下方空行或拆成几个文件",
        f"more than {ROWS_READ_MAX} rows with the empty ones: delete those below, or split it",
    )


def _refused(code: str, zh: str, en: str) -> Rejected:
    return Rejected(code, zh, en, pointer="/file")
