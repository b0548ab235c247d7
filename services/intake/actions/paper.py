"""Forms go out with a number each; sheets that come back are sealed and kept by their request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import text

from services.intake.queries.paper import has_scan, leads
from services.intake.rules.paper import FORM_KINDS, Code, read_sheet
from services.intake.rules.pictures import make
from services.intake.rules.requests import new_public_code
from shared import clock
from shared.crypto import FieldCipher
from shared.db.arrays import literal
from shared.errors import Missing, Rejected
from shared.messaging.transaction import Transaction

PRINTED_MAX = 50  # forms at once

_PRINT = text(
    "INSERT INTO paper_forms (form_no, kind, grid_code, stall_id, printed_by, printed_at)"
    " SELECT no, :kind, CAST(:grid AS text), CAST(:stall AS bigint), :by, :now"
    " FROM unnest(CAST(:numbers AS text[])) AS no"
)
_KEEP = text(
    "INSERT INTO scans (scan_no, image_sealed, codes, scanned_by, scanned_at)"
    " VALUES (:no, :sealed, CAST(:codes AS jsonb), :by, :now) ON CONFLICT (scan_no) DO NOTHING"
)
_ATTACH = text(
    "INSERT INTO scan_requests (scan_no, request_id)"
    " SELECT :no, id FROM unnest(CAST(:ids AS bigint[])) AS id ON CONFLICT DO NOTHING"
)


def print_forms(
    tx: Transaction,
    *,
    kind: str,
    count: int,
    by: str,
    grid_code: str | None = None,
    stall_id: int | None = None,
) -> list[str]:
    """The numbers of new empty forms, at most 50 at once. Raises Rejected naming the field."""
    if kind not in FORM_KINDS:
        raise _wrong("kind", "须为 request 或 tea_stall", "must be request or tea_stall")
    if not 1 <= count <= PRINTED_MAX:
        raise _wrong("count", f"须为 1 至 {PRINTED_MAX}", f"1 to {PRINTED_MAX}")
    if (kind == "tea_stall") != (stall_id is not None):
        raise _wrong("stall_no", "茶摊记录表须指明哪一场", "a tea stall's sheet needs its sitting")
    numbers = [new_public_code() for _ in range(count)]
    tx.session.execute(
        _PRINT,
        {
            "numbers": literal(numbers),
            "kind": kind,
            "grid": grid_code,
            "stall": stall_id,
            "by": by,
            "now": clock.now(),
        },
    )
    return numbers


def keep_scan(
    tx: Transaction, data: bytes, cipher: FieldCipher, *, by: str
) -> tuple[str, list[Code]]:
    """Keep a sheet and read its codes; the same file again is the same scan. Raises Rejected.

    It belongs at once to the requests that its codes are of.
    """
    codes = read_sheet(data)
    scan_no = hashlib.sha256(data).hexdigest()
    if not has_scan(tx.session, scan_no):
        jpeg = make(data).jpeg
        tx.session.execute(
            _KEEP,
            {
                "no": scan_no,
                "sealed": cipher.encrypt_bytes(jpeg, bound_to=scan_no),
                "codes": json.dumps([asdict(code) for code in codes]),
                "by": by,
                "now": clock.now(),
            },
        )
    attach_scans(tx, scan_no, [row["request_id"] for row in leads(tx.session, codes)])
    return scan_no, codes


def attach_scan(tx: Transaction, scan_no: str, request_id: int) -> None:
    """Let a scan belong to a request. Raises Missing for an unknown scan."""
    if not has_scan(tx.session, scan_no):
        raise Missing("no_scan", "没有这份扫描件", "There is no such scan")
    attach_scans(tx, scan_no, [request_id])


def attach_scans(tx: Transaction, scan_no: str, request_ids: Sequence[int | None]) -> None:
    """The same for several requests of one sheet; None is left out."""
    ids = [each for each in request_ids if each is not None]
    if ids:
        tx.session.execute(_ATTACH, {"no": scan_no, "ids": literal(ids)})


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("paper", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")
