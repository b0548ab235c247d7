"""JSON of the register: finding residents, and the entries of the census."""

from __future__ import annotations

from typing import Any

from services.intake.actions import census
from services.intake.queries.finding import find_residents
from services.intake.schemas.register import (
    CensusEntriesSchema,
    CensusVerdictsSchema,
    FindQuery,
    FoundResidentsSchema,
)
from shared.db.session import Sessions
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.openapi import ApiBlueprint


def make_register_api(sessions: Sessions, keys: census.Keys) -> ApiBlueprint:
    """`POST /api/v1/residents/find` and `POST /api/v1/census/entries`."""
    blueprint = ApiBlueprint(
        "register_api", __name__, url_prefix="/api/v1", description="名册 / the register"
    )

    @blueprint.route("/residents/find", methods=["POST"])
    @blueprint.arguments(FindQuery)
    @blueprint.response(200, FoundResidentsSchema)
    @require_role("staff", "manager", "operator")
    def find(asked: dict[str, Any]) -> dict[str, Any]:
        """按姓名首字母、门牌、电话后四位或编号查找。 / By initials, door, last digits or number."""
        with sessions() as session:
            found = find_residents(session, keys.cipher, keys.index, asked["typed"], asked["limit"])
        return {"residents": found}

    @blueprint.route("/census/entries", methods=["POST"])
    @blueprint.arguments(CensusEntriesSchema)
    @blueprint.response(200, CensusVerdictsSchema)
    @require_role("staff", "manager")
    def take_entries(sent: dict[str, Any]) -> dict[str, Any]:
        """离线录入的住户，逐条裁定，可重复发送。 / Households, each judged; safe to send again."""
        entries = [(one["client_id"], one["body"]) for one in sent["entries"]]
        with transaction(sessions) as tx:
            taken = census.take(tx, keys, entries, signed_in().account_no)
        return {
            "verdicts": [
                {
                    "client_id": one.client_id,
                    "verdict": one.verdict,
                    "zh": one.zh,
                    "en": one.en,
                    "household_no": one.household_no,
                    "path": _path(body, one.client_id) if one.zh else "",
                }
                for one, (_, body) in zip(taken, entries, strict=True)
            ]
        }

    return blueprint


def _path(body: dict[str, Any], client_id: str) -> str:
    """Where a person mends it: the form, which fills itself with the entry."""
    parts = (
        body.get("building_no"),
        body.get("unit") or "_",
        body.get("room"),
        body.get("household_no") or "new",
    )
    if not all(isinstance(part, str) and part.isascii() and _is_plain(part) for part in parts):
        return "/census"
    return "/census/" + "/".join(map(str, parts)) + f"#entry={client_id}"


def _is_plain(part: str) -> bool:
    return bool(part) and all(each.isalnum() or each in "-_" for each in part)
