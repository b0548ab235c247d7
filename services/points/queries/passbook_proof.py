"""A resident's entries with their paths to the printed roots, as they are exported."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.queries.sealing import ENTRIES_OF_K
from services.points.rules import proof
from services.points.rules.proof import FIELDS
from shared.db.arrays import literal

FORMAT = "linli-passbook-v1"
README = (
    "核验：python3 verify_passbook.py 本文件 公示上印出的根（或含有这些根的文件）。"
    " / To verify: python3 verify_passbook.py THIS-FILE ROOTS, the roots as they are printed on"
    " public notices, or a file that holds them."
)
ENTRIES_MAX = 50_000
_BLOCKS_AT_ONCE = 50  # of which the hashes are held at a time, at most 6 MiB

_OWN = (
    "(SELECT id FROM accounts WHERE owner = :owner"
    " AND owner_kind IN ('resident', 'pending', 'held'))"
)
_FIELDS = (
    "k.account_id, l.asset, a.owner_kind, a.owner, l.seq, l.signed AS amount, l.balance,"
    " l.other AS other_account_id, l.kind, l.document_id, l.expires_on, l.source_id, l.posted_at"
)
_SEALED = text(
    f"SELECT k.block_id, k.place + (l.seq - k.first_seq) AS place, {_FIELDS}"
    f" FROM (SELECT * FROM sealed_ranges WHERE account_id IN {_OWN}) k"
    f" JOIN accounts a ON a.id = k.account_id CROSS JOIN LATERAL ({ENTRIES_OF_K}) l"
    " ORDER BY k.block_id, 2 LIMIT :most"
)
_LATER = text(
    f"SELECT {_FIELDS} FROM (SELECT id AS account_id, coalesce((SELECT max(last_seq)"
    " FROM sealed_ranges WHERE account_id = id), 0) + 1 AS first_seq, seq AS last_seq"
    f" FROM accounts WHERE id IN {_OWN}) k"
    f" JOIN accounts a ON a.id = k.account_id CROSS JOIN LATERAL ({ENTRIES_OF_K}) l"
    " ORDER BY k.account_id, l.seq LIMIT :most"
)
_BLOCKS = text(
    "SELECT b.id, b.community, b.height, b.sealed_on, b.sealed_at, b.entry_count, b.before,"
    " b.height - d.first_height AS place, d.last_height - d.first_height + 1 AS block_count,"
    " d.entry_count AS day_count"
    " FROM sealed_blocks b JOIN proof_days d ON d.community = b.community"
    " AND d.on_date = b.sealed_on WHERE b.id = ANY(CAST(:blocks AS bigint[]))"
    " ORDER BY b.sealed_on, b.community, b.height"
)
_LEAVES = text("SELECT id, leaves FROM sealed_blocks WHERE id = ANY(CAST(:blocks AS bigint[]))")
_HASHES = text(
    "SELECT b.community, b.sealed_on, string_agg(b.hash, ''::bytea ORDER BY b.height) AS hashes"
    " FROM sealed_blocks b JOIN unnest(CAST(:communities AS text[]), CAST(:days AS date[]))"
    " AS k (community, sealed_on) USING (community, sealed_on) GROUP BY 1, 2"
)


def passbook_proof(session: Session, resident_no: str) -> dict[str, Any]:
    """All of a resident's entries: by day, community and block, with what leads to the roots.

    Those whose day is not over stand under `later`: no root is printed for them yet. At most
    ENTRIES_MAX entries are told, the oldest ones.
    """
    entries: dict[int, list[dict[str, Any]]] = {}
    asked = {"owner": resident_no, "most": ENTRIES_MAX}
    for row in session.execute(_SEALED, asked).mappings():
        entries.setdefault(row["block_id"], []).append({"place": row["place"], **_entry(row)})
    rows = session.execute(_BLOCKS, {"blocks": literal(entries)}).mappings().all()
    paths = dict(_paths(session, {row["id"]: entries[row["id"]] for row in rows}))
    told = {row["id"] for row in rows}
    later = [
        {name: one[name] for name in FIELDS}
        for block_id, found in entries.items()
        if block_id not in told
        for one in found
    ]
    later += [_entry(row) for row in session.execute(_LATER, asked).mappings()]
    days = list(_days(session, rows))
    for day in days:
        for block in day["blocks"]:
            block_id = block.pop("id")
            block |= {"path": paths[block_id], "entries": entries[block_id]}
    return {
        "format": FORMAT,
        "readme": README,
        "resident_no": resident_no,
        "days": days,
        "later": later,
    }


def _entry(row: Any) -> dict[str, Any]:
    """Its fields, instants as they are hashed."""
    told = {name: row[name] for name in FIELDS}
    return told | {"posted_at": proof.instant(row["posted_at"])}


def _paths(
    session: Session, entries: dict[int, list[dict[str, Any]]]
) -> Iterable[tuple[int, list[str]]]:
    """The path of each block's entries to its root."""
    ids = list(entries)
    for start in range(0, len(ids), _BLOCKS_AT_ONCE):
        part = ids[start : start + _BLOCKS_AT_ONCE]
        for block_id, leaves in session.execute(_LEAVES, {"blocks": literal(part)}):
            places = [one["place"] for one in entries[block_id]]
            yield block_id, [each.hex() for each in proof.path(proof.split(leaves), places)]


def _days(session: Session, rows: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """The blocks by community and day, with the paths to the roots of the days."""
    blocks: dict[tuple[str, date], list[Any]] = {}
    for row in rows:
        blocks.setdefault((row["community"], row["sealed_on"]), []).append(row)
    communities = [community for community, _ in blocks]
    days = [on for _, on in blocks]
    asked = {"communities": literal(communities), "days": literal(days)}
    hashes = {(row[0], row[1]): row[2] for row in session.execute(_HASHES, asked)}
    for (community, on), its in blocks.items():
        path = proof.path(proof.split(hashes[community, on]), [row["place"] for row in its])
        yield {
            "community": community,
            "on_date": on,
            "block_count": its[0]["block_count"],
            "entry_count": its[0]["day_count"],
            "path": [each.hex() for each in path],
            "blocks": [
                {
                    "id": row["id"],
                    "place": row["place"],
                    "height": row["height"],
                    "sealed_at": proof.instant(row["sealed_at"]),
                    "entry_count": row["entry_count"],
                    "before": row["before"].hex(),
                }
                for row in its
            ],
        }
