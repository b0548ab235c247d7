"""Loads the district's register: its areas, households and residents. Safe to run again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import text

from services.intake.actions import calendar, catalogue, desks, findability, hall
from services.intake.actions.acceptance import SOURCE
from services.intake.rules.registration import AreaRow, ResidentRow, read_district, read_resident
from shared import clock
from shared.crypto import BlindIndex, FieldCipher
from shared.db.arrays import literal
from shared.errors import Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.envelope import Event
from shared.schemas.intake import RESIDENT_REGISTERED

CHUNK_ROWS = 1000
RESIDENTS_MAX = 1_000_000

_AREAS = text(
    "INSERT INTO areas AS a (code, kind, name, parent_code) SELECT * FROM"
    " unnest(CAST(:codes AS text[]), CAST(:kinds AS text[]), CAST(:names AS text[]),"
    " CAST(:parents AS text[]))"
    " ON CONFLICT (code) DO UPDATE SET kind = excluded.kind, name = excluded.name,"
    " parent_code = excluded.parent_code"
    " WHERE (a.kind, a.name, a.parent_code)"
    " IS DISTINCT FROM (excluded.kind, excluded.name, excluded.parent_code)"
)
_GRIDS = text("SELECT code, parent_code FROM areas WHERE kind = 'grid'")
_HOUSEHOLDS = text(
    "INSERT INTO households AS h (household_no, grid_code)"
    " SELECT * FROM unnest(CAST(:numbers AS text[]), CAST(:grids AS text[]))"
    " ON CONFLICT (household_no) DO UPDATE SET grid_code = excluded.grid_code"
    # A household behind a door is in the grid of its building, wherever its people are listed.
    " WHERE h.grid_code <> excluded.grid_code AND h.building_no IS NULL"
    " RETURNING household_no, xmax = 0 AS is_new"
)
# Who holds an older copy of a household must learn that its people are others now.
_TOUCH = text(
    "UPDATE households SET revision = revision + 1"
    " WHERE household_no = ANY(CAST(:numbers AS text[]))"
)
_KNOWN = text(
    "SELECT resident_no, household_no, name_sealed, phone_index, birth_year, grid_code, language"
    " FROM residents WHERE resident_no = ANY(:numbers) ORDER BY resident_no FOR UPDATE"
)
_RESIDENTS = text(
    "INSERT INTO residents AS r (resident_no, household_no, name_sealed, phone_sealed,"
    " phone_index, birth_year, grid_code, language, revision, registered_at, token_version)"
    " SELECT n.*, 1, :now, 1 FROM unnest(CAST(:numbers AS text[]), CAST(:households AS text[]),"
    " CAST(:names AS text[]), CAST(:phones AS text[]), CAST(:indexes AS bytea[]),"
    " CAST(:years AS smallint[]), CAST(:grids AS text[]), CAST(:languages AS text[])) AS n"
    " ON CONFLICT (resident_no) DO UPDATE SET household_no = excluded.household_no,"
    " name_sealed = excluded.name_sealed, phone_sealed = excluded.phone_sealed,"
    " phone_index = excluded.phone_index, birth_year = excluded.birth_year,"
    " grid_code = excluded.grid_code, language = excluded.language, revision = r.revision + 1,"
    " token_version = 1"
    " RETURNING resident_no, revision"
)


def load_district(tx: Transaction, district: Mapping[str, Any]) -> int:
    """Write the district down to its grids and micro-grids; how many areas it has.

    Raises Rejected, naming the place, when the tree is not whole or a code is there twice.
    """
    rows: list[AreaRow] = read_district(district)
    catalogue.set_up(tx)
    calendar.set_up(tx)
    hall.set_up(tx)
    tx.session.execute(
        _AREAS,
        {
            "codes": [row.code for row in rows],
            "kinds": [row.kind for row in rows],
            "names": [row.name for row in rows],
            "parents": [row.parent_code for row in rows],
        },
    )
    desks.make_missing(tx)
    return len(rows)


def load_residents(
    tx: Transaction,
    rows: Iterable[Mapping[str, Any]],
    *,
    cipher: FieldCipher,
    index: BlindIndex,
    contact_cipher: FieldCipher,
) -> int:
    """Register new residents and changes, and say so; the number that were new or changed.

    A row that is in the register already, unchanged, does nothing. Raises Rejected naming the row
    (counted from 1, without the heading) and the field; the caller's transaction then writes none.
    """
    loading = _Loading(tx, cipher, index, contact_cipher)
    checked = loading.check(rows)
    changed = 0
    while chunk := list(islice(checked, CHUNK_ROWS)):
        changed += loading.write(chunk)
    return changed


class _Loading:
    """One load: what it has seen so far, and the keys."""

    def __init__(
        self,
        tx: Transaction,
        cipher: FieldCipher,
        index: BlindIndex,
        contact_cipher: FieldCipher,
    ) -> None:
        self._tx = tx
        self._cipher = cipher
        self._index = index
        self._contact_cipher = contact_cipher
        self._grids: dict[str, str] = dict(tx.session.execute(_GRIDS).all())
        self._correlation = f"register-{uuid7()}"
        self._households: set[str] = set()
        self._fresh: set[str] = set()
        self._touched: set[str] = set()

    def check(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[ResidentRow]:
        """The rows in order; raises Rejected at the first that is wrong."""
        seen: set[str] = set()
        for number, raw in enumerate(rows, start=1):
            if number > RESIDENTS_MAX:
                raise Rejected(
                    "too_many_rows",
                    f"一次最多 {RESIDENTS_MAX} 行，请分批导入",
                    f"at most {RESIDENTS_MAX} rows at once: split the file",
                )
            row = read_resident(raw, number, self._grids, clock.today().year)
            if row.resident_no in seen:
                raise Rejected(
                    "twice",
                    f"第 {number} 行 resident_no：{row.resident_no} 重复出现",
                    f"row {number}, resident_no: {row.resident_no} is there twice",
                    pointer=f"/{number}/resident_no",
                )
            seen.add(row.resident_no)
            yield row

    def write(self, rows: list[ResidentRow]) -> int:
        """One chunk: households, then the residents that are new or changed, then the news."""
        self._write_households(rows)
        changed = self._changed(rows)
        if changed:
            revisions = self._write_residents(changed)
            known = [number for number, revision in revisions.items() if revision > 1]
            people = ((row.resident_no, row.name, row.phone) for row in changed)
            findability.remember(self._tx, self._index, people, known)
            self._touched.update(row.household_no for row in changed)
            self._touch()
            self._tx.emit(self._registered(row, revisions[row.resident_no]) for row in changed)
        return len(changed)

    def _write_households(self, rows: list[ResidentRow]) -> None:
        # A household lives where its first resident is listed; the others may live elsewhere.
        fresh: dict[str, str] = {}
        for row in rows:
            if row.household_no not in self._households:
                fresh.setdefault(row.household_no, row.grid_code)
        self._households.update(fresh)
        if fresh:
            written = self._tx.session.execute(
                _HOUSEHOLDS, {"numbers": list(fresh), "grids": list(fresh.values())}
            )
            self._fresh.update(row.household_no for row in written if row.is_new)

    def _touch(self) -> None:
        if known := self._touched - self._fresh:
            self._tx.session.execute(_TOUCH, {"numbers": literal(sorted(known))})
        self._touched.clear()

    def _changed(self, rows: list[ResidentRow]) -> list[ResidentRow]:
        known = {
            row.resident_no: row
            for row in self._tx.session.execute(
                _KNOWN, {"numbers": [row.resident_no for row in rows]}
            )
        }
        changed = [row for row in rows if not self._same(row, known.get(row.resident_no))]
        self._touched.update(
            known[row.resident_no].household_no for row in changed if row.resident_no in known
        )
        return changed

    def _same(self, row: ResidentRow, known: Any) -> bool:
        # Sealed values differ each time they are made: the name is opened to be compared.
        return (
            known is not None
            and known.household_no == row.household_no
            and known.grid_code == row.grid_code
            and known.language == row.language
            and known.birth_year == row.birth_year
            and _bytes(known.phone_index) == self._index_of(row.phone)
            and self._cipher.decrypt(known.name_sealed, bound_to=row.resident_no) == row.name
        )

    def _index_of(self, phone: str | None) -> bytes | None:
        return None if phone is None else self._index.of(phone)

    def _write_residents(self, rows: list[ResidentRow]) -> dict[str, int]:
        seal = self._cipher.encrypt
        written = self._tx.session.execute(
            _RESIDENTS,
            {
                "now": clock.now(),
                "numbers": [row.resident_no for row in rows],
                "households": [row.household_no for row in rows],
                "names": [seal(row.name, bound_to=row.resident_no) for row in rows],
                "phones": [
                    None if row.phone is None else seal(row.phone, bound_to=row.resident_no)
                    for row in rows
                ],
                "indexes": [self._index_of(row.phone) for row in rows],
                "years": [row.birth_year for row in rows],
                "grids": [row.grid_code for row in rows],
                "languages": [row.language for row in rows],
            },
        )
        return {row.resident_no: row.revision for row in written}

    def _registered(self, row: ResidentRow, revision: int) -> Event:
        contact = json.dumps({"name": row.name, "phone": row.phone}, ensure_ascii=False)
        return make(
            RESIDENT_REGISTERED,
            {
                "resident_no": row.resident_no,
                "household_no": row.household_no,
                "grid_code": row.grid_code,
                "community_code": self._grids[row.grid_code],
                "language": row.language,
                "contact_sealed": self._contact_cipher.encrypt(contact, bound_to=row.resident_no),
                "revision": revision,
            },
            source=SOURCE,
            correlationid=self._correlation,
            subject=row.resident_no,
        )


def _bytes(stored: Any) -> bytes | None:
    return None if stored is None else bytes(stored)
