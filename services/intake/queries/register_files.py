"""What a workbook of the register refers to, and the register as rows of such a workbook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.register_sheets import Book, columns_of
from shared.crypto import FieldCipher, mask_name, mask_phone
from shared.db.arrays import literal

_AREAS = text("SELECT code, kind, parent_code FROM areas WHERE code = ANY(CAST(:values AS text[]))")
_KNOWN = {
    "buildings": "SELECT building_no FROM buildings WHERE building_no = ANY({values})",
    "households": "SELECT household_no FROM households WHERE household_no = ANY({values})",
    "residents": "SELECT resident_no FROM residents WHERE resident_no = ANY({values})",
    "units": "SELECT unit_code FROM units WHERE unit_code = ANY({values})",
    "logins": "SELECT login FROM accounts WHERE role IN ('staff', 'manager')"
    " AND login = ANY({values})",
}
_ROOMS = text(
    "SELECT building_no, unit, room FROM rooms WHERE building_no = ANY(CAST(:values AS text[]))"
)
_SEALED = text(
    "SELECT resident_no, name_sealed, phone_sealed FROM residents"
    " WHERE resident_no = ANY(CAST(:values AS text[]))"
)
# What is written back must be what was read: the first of a household's people says its grid.
_EXPORTS = {
    "micro_grids": "SELECT code, name, parent_code AS grid_code FROM areas"
    " WHERE kind = 'micro_grid' AND parent_code = ANY(:grids) ORDER BY code",
    "buildings": "SELECT grid_code, number, label, kind, address, lat, lon, micro_grid_code"
    " FROM buildings WHERE grid_code = ANY(:grids) ORDER BY building_no",
    "rooms": "SELECT r.building_no, r.unit, r.room, r.usage FROM rooms r JOIN buildings b"
    " USING (building_no) WHERE b.grid_code = ANY(:grids) ORDER BY 1, 2, 3",
    "households": "SELECT household_no, building_no, unit, room, residence, origin"
    " FROM households WHERE grid_code = ANY(:grids) AND building_no IS NOT NULL ORDER BY 1",
    "residents": "SELECT r.resident_no, r.household_no, r.name_sealed, r.phone_sealed,"
    " r.birth_year, r.grid_code, r.language, r.whereabouts, r.micro_grid_code FROM residents r"
    " JOIN households h USING (household_no) WHERE h.grid_code = ANY(:grids)"
    " ORDER BY r.household_no, r.grid_code <> h.grid_code, r.resident_no",
    "roles": "SELECT x.resident_no, x.role, x.area_code, x.since, x.until FROM resident_roles x"
    " JOIN residents r USING (resident_no) JOIN households h USING (household_no)"
    " WHERE h.grid_code = ANY(:grids) ORDER BY 1, 2",
    "units": "SELECT unit_code, kind, name, name_en, area_code, parent_code,"
    " CAST(CAST(is_fallback AS int) AS text) AS is_fallback,"
    " CAST(CAST(is_active AS int) AS text) AS is_active FROM units ORDER BY 1",
    "posts": "SELECT a.login, p.unit_code, p.duty FROM posts p JOIN accounts a USING (account_no)"
    " ORDER BY 1, 2, 3",
}
_GRIDS_BELOW = text(
    "WITH RECURSIVE below AS (SELECT code, kind FROM areas WHERE code = :code UNION ALL"
    " SELECT a.code, a.kind FROM areas a JOIN below b ON a.parent_code = b.code)"
    " SELECT code FROM below WHERE kind = 'grid'"
)


def check_references(session: Session, book: Book) -> None:
    """Note each cell that names what is neither in the file nor in the register."""
    _check_areas(session, book)
    made = {row["grid_code"] + row["number"] for row in book.of("buildings")}
    there = _known(
        session, "buildings", book, ("rooms", "building_no"), ("households", "building_no")
    )
    _blame(book, "rooms", "building_no", made | there, "没有这栋楼", "no such building")
    _blame(book, "households", "building_no", made | there, "没有这栋楼", "no such building")
    _check_rooms(session, book)
    numbers = book.values("residents", "resident_no")
    there = _known(session, "residents", book, ("roles", "resident_no"))
    _blame(book, "roles", "resident_no", numbers | there, "没有这位居民", "no such resident")
    codes = book.values("units", "unit_code")
    there = _known(session, "units", book, ("units", "parent_code"), ("posts", "unit_code"))
    _blame(book, "units", "parent_code", codes | there, "没有这个单位", "no such unit")
    _blame(book, "posts", "unit_code", codes | there, "没有这个单位", "no such unit")
    there = _known(session, "logins", book, ("posts", "login"))
    _blame(
        book, "posts", "login", there, "没有这个工作人员账号", "no account of staff has this name"
    )
    _check_alone(book)


def _check_areas(session: Session, book: Book) -> None:
    places = (
        ("micro_grids", "code"), ("micro_grids", "grid_code"), ("buildings", "grid_code"),
        ("buildings", "micro_grid_code"), ("residents", "grid_code"),
        ("residents", "micro_grid_code"), ("roles", "area_code"), ("units", "area_code"),
    )  # fmt: skip
    wanted = set().union(*(book.values(*place) for place in places))
    found = session.execute(_AREAS, {"values": literal(sorted(wanted))}).all()
    kinds = {row.code: row.kind for row in found}
    parents = {row.code: row.parent_code for row in found if row.kind == "micro_grid"}
    parents |= {row["code"]: row["grid_code"] for row in book.of("micro_grids")}
    grids = {code for code, kind in kinds.items() if kind == "grid"}
    for sheet in ("micro_grids", "buildings", "residents"):
        _blame(book, sheet, "grid_code", grids, "没有这个网格", "no such grid")
    for number, row in book.rows.get("micro_grids", []):
        if kinds.get(row["code"], "micro_grid") != "micro_grid":
            book.blame(
                "micro_grids", number, "code", "此编码已是别的区域", "is another area's code"
            )
    for sheet in ("buildings", "residents"):
        for number, row in book.rows.get(sheet, []):
            micro = row["micro_grid_code"]
            if micro is not None and parents.get(micro) != row["grid_code"]:
                book.blame(
                    sheet,
                    number,
                    "micro_grid_code",
                    "没有这个微网格，或不在此网格内",
                    "no such micro-grid in this grid",
                )
    for sheet in ("roles", "units"):
        _blame(book, sheet, "area_code", {*kinds, *parents}, "没有这个区域", "no such area")


def _check_rooms(session: Session, book: Book) -> None:
    names = ("building_no", "unit", "room")
    there = {tuple(row[name] for name in names) for row in book.of("rooms")}
    wanted = sorted(book.values("households", "building_no"))
    there |= {tuple(row) for row in session.execute(_ROOMS, {"values": literal(wanted)})}
    for number, row in book.rows.get("households", []):
        if tuple(row[name] for name in names) not in there:
            book.blame(
                "households",
                number,
                "room",
                "没有这一户室，请在 rooms 表中列出",
                "no such room: list it in the sheet rooms",
            )


def _check_alone(book: Book) -> None:
    for number, row in book.rows.get("buildings", []):
        if (row["lat"] is None) != (row["lon"] is None):
            book.blame("buildings", number, "lat", "经纬度须同时给出", "give lat and lon together")
    for number, row in book.rows.get("roles", []):
        if row["until"] is not None and row["until"] < row["since"]:
            book.blame("roles", number, "until", "不能早于开始日期", "is before its first day")


def _known(session: Session, what: str, book: Book, *places: tuple[str, str]) -> set[Any]:
    wanted = set().union(*(book.values(*place) for place in places))
    if not wanted:
        return set()
    statement = text(_KNOWN[what].format(values="CAST(:values AS text[])"))
    return set(session.execute(statement, {"values": literal(sorted(wanted))}).scalars())


def _blame(book: Book, sheet: str, column: str, known: set[Any], zh: str, en: str) -> None:
    for number, row in book.rows.get(sheet, []):
        if row[column] is not None and row[column] not in known:
            book.blame(sheet, number, column, zh, en)


def opened_residents(session: Session, cipher: FieldCipher, book: Book) -> None:
    """Put what is behind it in place of each mask; a mask that is not ours is a fault."""
    rows = book.rows.get("residents", [])
    hidden = [row["resident_no"] for _, row in rows if _is_masked(row)]
    found = session.execute(_SEALED, {"values": literal(hidden)}) if hidden else ()
    sealed = {row.resident_no: row for row in found}
    for number, row in rows:
        if not _is_masked(row):
            continue
        known = sealed.get(row["resident_no"])
        for name, mask in (("name", mask_name), ("phone", mask_phone)):
            if "*" not in (row[name] or ""):
                continue
            stored = getattr(known, f"{name}_sealed", None)
            plain = cipher.decrypt(stored, bound_to=row["resident_no"]) if stored else ""
            if not plain or mask(plain) != row[name]:
                book.blame(
                    "residents",
                    number,
                    name,
                    "与登记的遮盖内容不符：不改就保持原样，要改请完整填写",
                    "is not the mask of what is registered: leave it, or give the whole of it",
                )
            row[name] = plain


def _is_masked(row: dict[str, Any]) -> bool:
    return "*" in row["name"] or "*" in (row["phone"] or "")


def grids_below(session: Session, code: str) -> list[str]:
    """The grids of an area, or the grid itself."""
    return list(session.execute(_GRIDS_BELOW, {"code": code}).scalars())


def exported(
    session: Session, cipher: FieldCipher, sheet: str, grids: list[str], *, is_masked: bool = True
) -> Iterator[tuple[object, ...]]:
    """The rows of one sheet, as an import takes them; names and phones masked unless told."""
    columns = columns_of(sheet)
    found = session.execute(
        text(_EXPORTS[sheet]), {"grids": grids} if ":grids" in _EXPORTS[sheet] else {}
    )
    for stored in found.mappings():
        row = dict(stored)
        if sheet == "residents":
            _open(row, cipher, is_masked=is_masked)
        yield tuple(row[column] for column in columns)


def _open(row: dict[str, Any], cipher: FieldCipher, *, is_masked: bool) -> None:
    for name, mask in (("name", mask_name), ("phone", mask_phone)):
        sealed = row.pop(f"{name}_sealed")
        plain = cipher.decrypt(sealed, bound_to=row["resident_no"]) if sealed else None
        row[name] = mask(plain) if plain and is_masked else plain
