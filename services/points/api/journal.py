"""The ledger to take away: a journal for hledger or beancount, or a workbook."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

from flask import Response, send_file

from services.points.api.passbooks import PREFIX
from services.points.queries.journal import Part, lines
from services.points.queries.journal_sheets import sheets
from services.points.rules.journal import dialect
from services.points.schemas.journal import JournalQuery
from shared.db.session import Sessions
from shared.web.access import require_role
from shared.web.openapi import ApiBlueprint
from shared.web.sheets import XLSX, write_workbook


def make_journal(sessions: Sessions) -> ApiBlueprint:
    """One route."""
    blueprint = ApiBlueprint(
        "journal", __name__, url_prefix=PREFIX, description="账本导出 / the ledger to take away"
    )

    @blueprint.route("/journal", methods=["GET"])
    @blueprint.arguments(JournalQuery, location="query")
    @blueprint.response(200)
    @require_role("auditor")
    def get_journal(asked: dict[str, Any]) -> Response:
        """全部或一部分账本，末尾断言每个账户的余额。 / With an assertion of every balance."""
        part = Part(
            owner=asked["owner"] or None,
            community=asked["community"] or None,
            first=asked["first"],
            last=asked["last"],
        )
        if asked["format"] == "xlsx":
            file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the answer
            with sessions() as session:
                write_workbook(file, sheets(session, part))
            file.seek(0)
            return send_file(file, XLSX, as_attachment=True, download_name="ledger.xlsx")
        into = dialect(asked["format"])

        def pieces() -> Iterator[str]:
            with sessions() as session:
                yield from lines(session, part, into)

        name = f"attachment; filename=ledger.{into.suffix}"
        return Response(
            pieces(),
            mimetype="text/plain; charset=utf-8",
            headers={"Content-Disposition": name},
        )

    return blueprint
