"""JSON for the district's own people: the register of partners, and what may be done to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.partners import queries
from services.partners.actions import console
from services.partners.actions.credentials import Secrets
from services.partners.actions.organisations import NewPartner, Terms
from services.partners.rules import organisations as rules
from services.partners.rules.organisations import Kind
from services.partners.schemas import (
    AgreementSchema,
    CredentialsSchema,
    NewOrganisationSchema,
    OrganisationSchema,
    OrganisationsQuery,
    OrganisationsSchema,
    QuotaSchema,
    RegisteredSchema,
    RotateSchema,
    SuspendSchema,
)
from shared.db.session import Sessions
from shared.errors import Missing
from shared.messaging.partner_access import exchange_of, reply_queue_of
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.access import require_role
from shared.web.openapi import ApiBlueprint

PREFIX = "/partners/api/v1/organisations"
_OFFICE = frozenset({"staff", "operator", "auditor"})
_NONE = "没有这个合伙人 / no such partner"
_STATE = "状态不允许 / the state does not allow it"


def make_organisations(sessions: Sessions) -> ApiBlueprint:
    """The routes under /partners/api/v1/organisations."""
    blueprint = ApiBlueprint(
        "organisations", __name__, url_prefix=PREFIX, description="合伙人 / partners"
    )
    _add_reading(blueprint, sessions)
    _add_registering(blueprint, sessions)
    _add_terms(blueprint, sessions)
    _add_states(blueprint, sessions)
    return blueprint


def _add_reading(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("", methods=["GET"])
    @blueprint.arguments(OrganisationsQuery, location="query")
    @blueprint.response(200, OrganisationsSchema)
    @require_role(*_OFFICE)
    def list_organisations(asked: dict[str, Any]) -> dict[str, Any]:
        """合伙人清单。 / Partners, by slug."""
        limit, after = asked.pop("limit"), asked.pop("after")
        with sessions() as session:
            page = queries.organisations(session, filters=asked, after=after, limit=limit)
        return {"organisations": [_shown(row) for row in page.rows], "next": page.next}

    @blueprint.route("/<slug>", methods=["GET"])
    @blueprint.response(200, OrganisationSchema)
    @blueprint.alt_response(404, schema="Problem", description=_NONE)
    @require_role(*_OFFICE, "partner")
    def get_organisation(slug: str) -> dict[str, Any]:
        """一个合伙人；合伙人只能看自己。 / One partner; a partner sees only itself."""
        auth.require_subject(slug, unless=_OFFICE)
        return _one(sessions, slug)


def _add_registering(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("", methods=["POST"])
    @blueprint.arguments(NewOrganisationSchema)
    @blueprint.response(201, RegisteredSchema)
    @blueprint.alt_response(409, schema="Problem", description="代号已用 / slug in use")
    @require_role("operator")
    def register_organisation(asked: dict[str, Any]) -> dict[str, Any]:
        """登记；凭据只显示这一次，消息服务就绪后启用。 / Register; active once the broker agrees."""
        quota = asked.get("quota") or {}
        new = NewPartner(
            slug=asked["slug"],
            name=asked["name"],
            kind=Kind(asked["kind"]),
            system=asked["system"],
            terms=_terms(asked["agreement"]),
            per_minute=quota.get("per_minute", rules.DEFAULT_PER_MINUTE),
            per_day=quota.get("per_day", rules.DEFAULT_PER_DAY),
        )
        with transaction(sessions) as tx:
            secrets = console.register(tx, new, by=_by())
        return {
            "organisation": _one(sessions, new.slug),
            "credentials": _credentials(new.slug, secrets),
        }

    @blueprint.route("/<slug>/rotate", methods=["POST"])
    @blueprint.arguments(RotateSchema)
    @blueprint.response(200, CredentialsSchema)
    @blueprint.alt_response(404, schema="Problem", description=_NONE)
    @blueprint.alt_response(409, schema="Problem", description=_STATE)
    @require_role("operator")
    def rotate_credentials(asked: dict[str, Any], slug: str) -> dict[str, Any]:
        """更换凭据，只显示这一次。 / New credentials, shown once."""
        overlap = timedelta(hours=asked["overlap_hours"])
        with transaction(sessions) as tx:
            secrets = console.rotate(tx, slug, overlap=overlap, by=_by())
        return _credentials(slug, secrets)


def _add_terms(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/<slug>/agreement", methods=["PUT"])
    @blueprint.arguments(AgreementSchema)
    @blueprint.response(200, OrganisationSchema)
    @blueprint.alt_response(404, schema="Problem", description=_NONE)
    @blueprint.alt_response(409, schema="Problem", description=_STATE)
    @require_role("operator")
    def put_agreement(asked: dict[str, Any], slug: str) -> dict[str, Any]:
        """新的意向书；旧的留作历史。 / A new agreement; the old one becomes history."""
        with transaction(sessions) as tx:
            console.agree(tx, slug, _terms(asked), by=_by())
        return _one(sessions, slug)

    @blueprint.route("/<slug>/quota", methods=["PUT"])
    @blueprint.arguments(QuotaSchema)
    @blueprint.response(200, OrganisationSchema)
    @blueprint.alt_response(404, schema="Problem", description=_NONE)
    @blueprint.alt_response(409, schema="Problem", description=_STATE)
    @require_role("operator")
    def put_quota(asked: dict[str, Any], slug: str) -> dict[str, Any]:
        """新的配额。 / A new quota."""
        with transaction(sessions) as tx:
            console.set_quota(tx, slug, **asked, by=_by())
        return _one(sessions, slug)


def _add_states(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/<slug>/suspend", methods=["POST"])
    @blueprint.arguments(SuspendSchema)
    @blueprint.response(200, OrganisationSchema)
    @blueprint.alt_response(404, schema="Problem", description=_NONE)
    @blueprint.alt_response(409, schema="Problem", description=_STATE)
    @require_role("operator")
    def suspend_organisation(asked: dict[str, Any], slug: str) -> dict[str, Any]:
        """暂停并切断其连接。 / Suspend; live connections are cut."""
        with transaction(sessions) as tx:
            console.suspend(tx, slug, reason=asked["reason"], by=_by())
        return _one(sessions, slug)

    @blueprint.route("/<slug>/activate", methods=["POST"])
    @blueprint.response(200, OrganisationSchema)
    @blueprint.alt_response(404, schema="Problem", description=_NONE)
    @blueprint.alt_response(409, schema="Problem", description=_STATE)
    @require_role("operator")
    def activate_organisation(slug: str) -> dict[str, Any]:
        """启用；消息服务就绪后生效。 / Activate; true once the broker agrees."""
        with transaction(sessions) as tx:
            console.activate(tx, slug, by=_by())
        return _one(sessions, slug)

    @blueprint.route("/<slug>/revoke", methods=["POST"])
    @blueprint.response(200, OrganisationSchema)
    @blueprint.alt_response(404, schema="Problem", description=_NONE)
    @blueprint.alt_response(409, schema="Problem", description=_STATE)
    @require_role("operator")
    def revoke_organisation(slug: str) -> dict[str, Any]:
        """注销，不可恢复。 / Revoke for good."""
        with transaction(sessions) as tx:
            console.revoke(tx, slug, by=_by())
        return _one(sessions, slug)


def _one(sessions: Sessions, slug: str) -> dict[str, Any]:
    with sessions() as session:
        found = queries.organisation(session, slug)
    if found is None:
        raise Missing("no_partner", "没有这个合伙人", "There is no such partner")
    return _shown(found)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    agreement = {name: row[name] for name in ("no", "valid_from", "valid_to", "event_types")}
    quota = {name: row[name] for name in ("per_minute", "per_day")}
    return {**row, "agreement": agreement, "quota": quota}


def _terms(asked: dict[str, Any]) -> Terms:
    return Terms(**asked)


def _credentials(slug: str, secrets: Secrets) -> dict[str, str]:
    return {
        "amqp_user": slug,
        "amqp_password": secrets.amqp_password,
        "exchange": exchange_of(slug),
        "reply_queue": reply_queue_of(slug),
        "api_key": secrets.api_key,
    }


def _by() -> str:
    return auth.signed_in().account_no
