"""Publishes versions of the catalogue: one person drafts, another publishes, nobody changes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from services.intake.models.catalogue import SETUP, CatalogueVersion
from services.intake.rules.catalogue import Catalogue
from services.intake.rules.catalogue_file import read_catalogue, write_catalogue
from shared import clock
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import Transaction

SEED = Path(__file__).parent.parent / "seeds" / "catalogue.json"
BYTES_MAX = 4 * 1024 * 1024

_ANY_PUBLISHED = text("SELECT count(*) FROM catalogue_versions WHERE published_at IS NOT NULL")


def read_file(body: bytes) -> Catalogue:
    """A file's catalogue, without a number yet; raises Rejected naming the place."""
    if len(body) > BYTES_MAX:
        raise Rejected(
            "catalogue",
            f"目录文件不得超过 {BYTES_MAX // 2**20} MiB",
            f"the file is at most {BYTES_MAX // 2**20} MiB",
        )
    try:
        document = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as wrong:
        raise Rejected(
            "catalogue",
            f"目录第 {wrong.lineno} 行第 {wrong.colno} 列不是 JSON，请检查逗号、引号和括号",
            f"catalogue, line {wrong.lineno}, column {wrong.colno} is not JSON:"
            " check commas, quotes and brackets",
            pointer="",
        ) from None
    return read_catalogue(document, 0)


def write_file(catalogue: Catalogue) -> bytes:
    """The file of a version, as people edit it."""
    written = json.dumps(write_catalogue(catalogue), ensure_ascii=False, indent=1)
    return f"{written}\n".encode()


def set_up(tx: Transaction) -> int | None:
    """Publish the catalogue that comes with Linli where there is none; its number, if it did."""
    if tx.session.execute(_ANY_PUBLISHED).scalar_one():
        return None
    return publish_first(tx, read_file(SEED.read_bytes()))


def publish_first(tx: Transaction, catalogue: Catalogue) -> int | None:
    """Publish a district's first version: it needs no second person. None when there is one."""
    if tx.session.execute(_ANY_PUBLISHED).scalar_one():
        return None
    values = _values(catalogue, SETUP)
    first = insert(CatalogueVersion).values(
        **values, published_by=SETUP, published_at=values["drafted_at"]
    )
    return tx.session.scalar(first.on_conflict_do_nothing().returning(CatalogueVersion.version))


def draft(tx: Transaction, catalogue: Catalogue, *, by: str) -> int:
    """Keep a version for somebody else to publish; its number.

    Raises Rejected when it would begin before today: what was judged stays judged.
    """
    _check_begin(catalogue)
    row = CatalogueVersion(**_values(catalogue, by))
    tx.session.add(row)
    tx.session.flush()
    return row.version


def publish(tx: Transaction, version: int, *, by: str) -> None:
    """Let a draft be in force from its day on.

    Raises Missing; Conflict when it is no draft any more or `by` drafted it; Rejected when its
    first day is over.
    """
    row = _drafted(tx, version)
    if row.drafted_by == by:
        raise Conflict(
            "same_person",
            "起草人不能发布自己起草的版本，请另一位管理员发布",
            "who drafted a version cannot publish it: ask another manager",
        )
    _check_begin(read_catalogue(row.document, version))
    row.published_by, row.published_at = by, clock.now()
    tx.session.flush()


def withdraw(tx: Transaction, version: int, *, by: str) -> None:
    """Give a draft up. Raises Missing, and Conflict when it is no draft any more."""
    row = _drafted(tx, version)
    row.withdrawn_by, row.withdrawn_at = by, clock.now()
    tx.session.flush()


def _drafted(tx: Transaction, version: int) -> CatalogueVersion:
    row = tx.session.scalar(
        select(CatalogueVersion).where(CatalogueVersion.version == version).with_for_update()
    )
    if row is None:
        raise Missing("no_version", "没有这一版目录", "There is no such version")
    if row.published_at is not None or row.withdrawn_at is not None:
        raise Conflict(
            "no_draft",
            "这一版已经发布或撤回，请刷新后再看",
            "this version is published or withdrawn: reload and look again",
        )
    return row


def _values(catalogue: Catalogue, by: str) -> dict[str, Any]:
    document = write_catalogue(catalogue)
    content = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return {
        "valid_from": catalogue.valid_from,
        "document": document,
        "digest": hashlib.sha256(content).hexdigest(),
        "drafted_by": by,
        "drafted_at": clock.now(),
    }


def _check_begin(catalogue: Catalogue) -> None:
    if catalogue.valid_from < clock.today():
        raise Rejected(
            "catalogue",
            "valid_from：新版本须从今天或以后生效，请修改日期",
            "valid_from: a new version begins today or later, change its day",
            pointer="/valid_from",
        )
