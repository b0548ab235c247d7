"""The catalogue of conditions as it was at an instant, or as a version of it says.

A published version never changes, so that it is read once in a process: what is asked of the
database each time is only which version that is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.models.catalogue import SETUP
from services.intake.rules.catalogue import Catalogue, Condition
from services.intake.rules.catalogue_file import read_catalogue
from shared.clock import local_date

_KEPT_MAX = 32

_PUBLISHED = "SELECT version, digest FROM catalogue_versions WHERE published_at IS NOT NULL"
# A version that begins today holds from the hour it was published: nothing before is judged by it.
# The first one holds for what came before the district was set up here, too.
_AT = text(
    f"{_PUBLISHED} AND valid_from <= :day AND (published_at <= :at OR drafted_by = '{SETUP}')"
    " ORDER BY valid_from DESC, version DESC LIMIT 1"
)
_THESE = text(f"{_PUBLISHED} AND version = ANY(:versions)")
_DOCUMENT = text("SELECT document::text FROM catalogue_versions WHERE version = :version")
_ROWS = (
    "SELECT version, valid_from, digest, drafted_by, drafted_at, published_by, published_at,"
    " withdrawn_at FROM catalogue_versions"
)
_VERSIONS = text(f"{_ROWS} ORDER BY version DESC LIMIT :limit")
_VERSION = text(f"{_ROWS} WHERE version = :version")


class VersionRow(NamedTuple):
    """A version of the catalogue in lists: who drafted it, and what became of it."""

    version: int
    valid_from: date
    digest: str
    drafted_by: str
    drafted_at: datetime
    published_by: str | None
    published_at: datetime | None
    withdrawn_at: datetime | None

    @property
    def is_draft(self) -> bool:
        return self.published_at is None and self.withdrawn_at is None


def condition_of(session: Session, category: str, at: datetime) -> Condition | None:
    """The condition that a category stands for in the catalogue in force at `at`.

    A category is a condition's code (0404-1), or an event's (0404): then its usual condition.
    None when the catalogue has no such code, or none was in force.
    """
    catalogue = catalogue_at(session, at)
    return catalogue.condition(category) if catalogue is not None else None


def catalogue_at(session: Session, at: datetime) -> Catalogue | None:
    """The version in force at an instant, by the district's calendar day."""
    row = session.execute(_AT, {"day": local_date(at), "at": at}).one_or_none()
    return None if row is None else _read(session, row.version, row.digest)


def catalogues_of(session: Session, versions: Iterable[int]) -> dict[int, Catalogue]:
    """Published versions by their numbers: what requests were opened under."""
    wanted = sorted(set(versions))
    if not wanted:
        return {}
    rows = session.execute(_THESE, {"versions": wanted}).all()
    return {row.version: _read(session, row.version, row.digest) for row in rows}


def any_version(session: Session, version: int) -> Catalogue | None:
    """A version, be it a draft; for pages that show and compare."""
    written = session.execute(_DOCUMENT, {"version": version}).scalar_one_or_none()
    return None if written is None else read_catalogue(orjson.loads(written), version)


def versions(session: Session, limit: int = 50) -> list[VersionRow]:
    """The versions, the newest first."""
    return [VersionRow(*row) for row in session.execute(_VERSIONS, {"limit": limit})]


def version_row(session: Session, version: int) -> VersionRow | None:
    """One version, be it a draft."""
    row = session.execute(_VERSION, {"version": version}).one_or_none()
    return None if row is None else VersionRow(*row)


def _read(session: Session, version: int, digest: str) -> Catalogue:
    if (kept := _kept(version, digest)) and kept[0] is not None:
        return kept[0]
    found = any_version(session, version)
    assert found is not None  # its row was just read, and is never deleted
    kept[0] = found
    return found


@lru_cache(maxsize=_KEPT_MAX)
def _kept(version: int, digest: str) -> list[Catalogue | None]:
    # Made empty and filled by the caller, who has the session; two threads may both fill it.
    return [None]
