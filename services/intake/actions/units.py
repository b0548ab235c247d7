"""Units that handle requests and the posts in them, one by one and as lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared import clock
from shared.db.arrays import literal
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import Transaction

_UNITS = text(
    "INSERT INTO units AS u (unit_code, kind, name, name_en, area_code, parent_code, is_fallback,"
    " is_active) SELECT * FROM unnest(CAST(:codes AS text[]), CAST(:kinds AS text[]),"
    " CAST(:names AS text[]), CAST(:english AS text[]), CAST(:areas AS text[]),"
    " CAST(:parents AS text[]), CAST(:fallbacks AS boolean[]), CAST(:actives AS boolean[]))"
    " ON CONFLICT (unit_code) DO UPDATE SET kind = excluded.kind, name = excluded.name,"
    " name_en = excluded.name_en, area_code = excluded.area_code,"
    " parent_code = excluded.parent_code, is_fallback = excluded.is_fallback,"
    " is_active = excluded.is_active WHERE (u.kind, u.name, u.name_en, u.area_code, u.parent_code,"
    " u.is_fallback, u.is_active) IS DISTINCT FROM (excluded.kind, excluded.name,"
    " excluded.name_en, excluded.area_code, excluded.parent_code, excluded.is_fallback,"
    " excluded.is_active)"
)
_POSTS = text(
    "INSERT INTO posts (account_no, unit_code, duty, since) SELECT a.account_no, n.unit_code,"
    " n.duty, :now FROM unnest(CAST(:logins AS text[]), CAST(:units AS text[]),"
    " CAST(:duties AS text[])) AS n (login, unit_code, duty) JOIN accounts a ON a.login = n.login"
    " ON CONFLICT DO NOTHING"
)
_STAFF = text(
    "SELECT account_no FROM accounts WHERE login = :login AND role IN ('staff', 'manager')"
)
_END = text(
    "DELETE FROM posts WHERE account_no = :account_no AND unit_code = :unit_code AND duty = :duty"
)
_AREAS = text("SELECT 1 FROM areas WHERE code = :code")
_UNIT = text("SELECT 1 FROM units WHERE unit_code = :code")


def put_units(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> int:
    """Write new ones and changes, of rows that were checked; how many.

    Raises Conflict when an area would have two fallback units.
    """
    if not rows:
        return 0
    values = {
        "codes": literal(row["unit_code"] for row in rows),
        "kinds": literal(row["kind"] for row in rows),
        "names": literal(row["name"] for row in rows),
        "english": literal(row["name_en"] for row in rows),
        "areas": literal(row["area_code"] for row in rows),
        "parents": literal(row["parent_code"] for row in rows),
        "fallbacks": literal(row["is_fallback"] == "1" for row in rows),
        "actives": literal(row["is_active"] == "1" for row in rows),
    }
    try:
        with tx.session.begin_nested():
            written = tx.session.execute(_UNITS, values)
    except IntegrityError as problem:
        if "uq_units_fallback" not in str(problem.orig):
            raise
        raise Conflict(
            "two_fallbacks",
            "is_fallback：同一区域只能有一个兜底单位",
            "is_fallback: an area has one fallback unit only",
            pointer="/is_fallback",
        ) from problem
    return int(written.rowcount)  # type: ignore[attr-defined]


def put_unit(tx: Transaction, row: Mapping[str, Any]) -> None:
    """One from a form; raises Rejected where its area or parent is not there."""
    if not tx.session.execute(_AREAS, {"code": row["area_code"]}).first():
        raise Rejected(
            "no_area", "area_code：没有这个区域", "area_code: no such area", pointer="/area_code"
        )
    parent = row["parent_code"]
    if parent and (
        parent == row["unit_code"] or not tx.session.execute(_UNIT, {"code": parent}).first()
    ):
        raise Rejected(
            "no_parent",
            "parent_code：没有这个上级单位",
            "parent_code: no such unit",
            pointer="/parent_code",
        )
    put_units(tx, [row])


def put_posts(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> int:
    """Give accounts their duties; those that have them keep them. How many are new."""
    if not rows:
        return 0
    values = {
        "logins": literal(row["login"] for row in rows),
        "units": literal(row["unit_code"] for row in rows),
        "duties": literal(row["duty"] for row in rows),
    }
    written = tx.session.execute(_POSTS, {**values, "now": clock.now()})
    return int(written.rowcount)  # type: ignore[attr-defined]


def put_post(tx: Transaction, *, login: str, unit_code: str, duty: str) -> None:
    """One from a form; only staff and managers have posts."""
    if not tx.session.execute(_UNIT, {"code": unit_code}).first():
        raise Missing("no_unit", "没有这个单位", "There is no such unit")
    if not tx.session.execute(_STAFF, {"login": login}).first():
        raise Rejected(
            "no_account",
            "login：没有这个工作人员账号",
            "login: no account of staff has this name",
            pointer="/login",
        )
    put_posts(tx, [{"login": login, "unit_code": unit_code, "duty": duty}])


def end_post(tx: Transaction, *, account_no: str, unit_code: str, duty: str) -> None:
    """Take a duty away; none is no fault."""
    tx.session.execute(_END, {"account_no": account_no, "unit_code": unit_code, "duty": duty})
