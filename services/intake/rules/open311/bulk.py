"""GeoReport Bulk: requests as a table for everybody, and whether a table is still what is here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.intake.rules.open311.moments import written
from services.intake.rules.open311.release import released
from services.intake.rules.open311.statuses import notes_of, status_of
from shared.errors import Rejected

COLUMNS: Final = (
    "service_request_id",
    "requested_datetime",
    "updated_datetime",
    "closed_date",
    "status_description",
    "status_notes",
    "source",
    "service_name",
    "service_subtype",
    "description",
    "agency_responsible",
    "address",
    "lat",
    "long",
)
LINES_MAX: Final = 50_000
DIFFERENCES_MAX: Final = 200
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_OWN_DOOR: Final = "open311"

Line = dict[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of a table that is not what is here; `field` is empty where the request is not."""

    line_no: int
    code: str
    field: str
    here: str
    there: str


def line_of(row: Mapping[str, Any], service_name: str, subtype: str) -> Line:
    """One request; `row` is as queries/open311/shown.py reads it."""
    is_closed = status_of(row["state"]) == "closed"
    closed_at = (row["ended_at"] or row["resolved_at"] or row["updated_at"]) if is_closed else None
    area = " ".join(name for name in (row["community_name"], row["grid_name"]) if name)
    is_own = row["door"] == _OWN_DOOR and row["address"]
    found: dict[str, Any] = {
        "service_request_id": row["public_code"],
        "requested_datetime": written(row["opened_at"]),
        "updated_datetime": written(closed_at or row["updated_at"]),
        "closed_date": written(closed_at),
        "status_description": row["state"],
        "status_notes": notes_of(row["state"]),
        "source": row["door"],
        "service_name": service_name,
        "service_subtype": subtype,
        "description": released(row["description"]),
        "agency_responsible": row["unit_name"],
        "address": released(row["address"]) if is_own else area,
        "lat": row["lat"],
        "long": row["lon"],
    }
    return {name: "" if value is None else str(value) for name, value in found.items()}


def write_table(lines: Iterable[Line]) -> str:
    """RFC 4180 with a header. What a spreadsheet would take for a formula begins with `'`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow([_harmless(line[name], name) for name in COLUMNS])
    return out.getvalue()


def read_table(content: bytes) -> Iterator[Line]:
    """The lines as they were before `write_table`; raises Rejected naming the line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(1, "须为 UTF-8", "must be UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise _wrong(1, f"表头须为 {','.join(COLUMNS)}", "the header must be as exported")
        for number, cells in enumerate(reader, 2):
            if not cells:
                continue
            if len(cells) != len(COLUMNS):
                raise _wrong(number, f"须有 {len(COLUMNS)} 列", f"must have {len(COLUMNS)} columns")
            if number > LINES_MAX + 1:
                raise _wrong(number, f"至多 {LINES_MAX} 行", f"at most {LINES_MAX} lines")
            yield {name: _as_it_was(cell, name) for name, cell in zip(COLUMNS, cells, strict=True)}
    except csv.Error as problem:
        raise _wrong(reader.line_num, "不是 CSV", "is no CSV") from problem


def differences(
    lines: Iterable[tuple[int, Line]], here: Mapping[str, Line]
) -> Iterator[Difference]:
    """Where lines of a table are not what is here now; `here` is by number of request."""
    for number, line in lines:
        code = line["service_request_id"]
        own = here.get(code)
        if own is None:
            yield Difference(number, code, "", "", "")
            continue
        for name in COLUMNS:
            if own[name] != line[name]:
                yield Difference(number, code, name, own[name], line[name])


def _harmless(cell: str, name: str) -> str:
    is_number = name in ("lat", "long")
    return f"'{cell}" if not is_number and cell.startswith((*_FORMULA, "'")) else cell


def _as_it_was(cell: str, name: str) -> str:
    return cell[1:] if name not in ("lat", "long") and cell.startswith("'") else cell


def _wrong(line: int, zh: str, en: str) -> Rejected:
    return Rejected("bulk", f"第 {line} 行：{zh}", f"line {line}: {en}", pointer=f"/file/{line}")
