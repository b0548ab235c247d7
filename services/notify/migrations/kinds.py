"""How a migration lets new kinds of notices in, with the first texts of each.

Migrations name the kinds and the texts of their time themselves; only the way is shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import sqlalchemy as sa
from alembic import op

from shared.ids import uuid7

# Kind, channel, language, the vendor's code (of an SMS), body.
Text = tuple[str, str, str, str | None, str]

_TABLES = ("notices", "templates")
_COLUMNS = ("id", "kind", "channel", "language", "version", "provider_code", "body")
_FIRST: Mapping[str, int] = MappingProxyType({})


def let_in(
    before: str, new: str, texts: Iterable[Text], *, versions: Mapping[str, int] = _FIRST
) -> None:
    """Allow `new` beside the kinds `before` (quoted, with commas between) and write their texts."""
    _allow(f"{before}, {new}")
    write_texts(texts, versions=versions)


def take_away(before: str, new: str) -> None:
    """Only `before` again, and no notice or text of the new kinds; for development."""
    for table in _TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind IN ({new})")
    _allow(before)


def write_texts(texts: Iterable[Text], *, versions: Mapping[str, int] = _FIRST) -> None:
    """Write texts; their version is 1 where `versions` names none for the kind."""
    templates = sa.table(
        "templates",
        *(sa.column(name) for name in _COLUMNS),
        sa.column("active_from", sa.DateTime(timezone=True)),
    )
    op.bulk_insert(
        templates,
        [
            {
                "id": uuid7(),
                "kind": kind,
                "channel": channel,
                "language": language,
                "version": versions.get(kind, 1),
                "provider_code": code,
                "body": body,
                "active_from": datetime(2000, 1, 1, tzinfo=UTC),
            }
            for kind, channel, language, code, body in texts
        ],
    )


def _allow(kinds: str) -> None:
    for table in _TABLES:
        op.drop_constraint(op.f(f"ck_{table}_kind"), table)
        op.create_check_constraint(op.f(f"ck_{table}_kind"), table, f"kind IN ({kinds})")
