"""Door: what needs the broker. First the row is committed, then the broker is made to agree.

A crash between the two leaves a row that says what is wanted; the next `reconcile` (a minute
later at most) does the rest. The functions up to `register_many` are the operator's commands and
may be called from any process; `make_actors` are the worker's tasks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from services.partners import queries
from services.partners.actions import agreeing, credentials, organisations
from services.partners.actions.agreeing import Wanted
from services.partners.actions.credentials import Secrets
from services.partners.actions.organisations import NewPartner, Terms
from services.partners.clients import PartnerBroker, Survey
from services.partners.models import Organisation
from services.partners.rules import organisations as rules
from services.partners.rules.organisations import Kind, Status
from shared.db.session import Sessions
from shared.errors import Conflict, LinliError, Rejected, Unavailable
from shared.messaging.broker_state import Difference
from shared.messaging.partner_access import difference
from shared.messaging.transaction import transaction

logger = logging.getLogger(__name__)

DEFAULT_OVERLAP = timedelta(days=7)
PAGE = 500

_NONE = timedelta(0)


class BrokerDisagrees(Conflict):
    """The broker does not give the partner exactly its rights, so the partner stays suspended."""

    def __init__(self, slug: str, problems: Sequence[Difference]) -> None:
        super().__init__(
            "broker_disagrees",
            f"合伙人 {slug} 未启用，消息服务上的权限与要求不符："
            + "；".join(p.zh for p in problems),
            f"partner {slug} stays suspended, the broker's rights differ: "
            + "; ".join(p.en for p in problems),
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a partner's system needs, shown once."""

    slug: str
    amqp_password: str = field(repr=False)
    api_key: str = field(repr=False)

    @classmethod
    def of(cls, slug: str, secrets: Secrets) -> Credentials:
        """The secrets of a partner."""
        return cls(slug, secrets.amqp_password, secrets.api_key)


# Commands.


def add(sessions: Sessions, broker: PartnerBroker, new: NewPartner, *, by: str) -> Credentials:
    """Register a partner and let it in, once the broker gives it exactly its rights.

    Raises Rejected or Conflict before anything is done; BrokerDisagrees or Unavailable when it is
    registered but not active: `activate` and `rotate` go on from there.
    """
    secrets = credentials.fresh_secrets()
    with transaction(sessions) as tx:
        organisations.register(tx.session, new, secrets, by=by)
        organisations.ask_activation(tx.session, new.slug, by=by)
    _refuse_if_wrong(new.slug, reconcile(sessions, broker, new.slug))
    return Credentials.of(new.slug, secrets)


def rotate(
    sessions: Sessions,
    broker: PartnerBroker,
    slug: str,
    *,
    overlap: timedelta = DEFAULT_OVERLAP,
    by: str,
) -> Credentials:
    """A new API key and AMQP password; an overlap of zero cuts key and connections at once."""
    secrets = credentials.fresh_secrets()
    with transaction(sessions) as tx:
        tx.emit(credentials.rotate(tx.session, slug, secrets, overlap=overlap, by=by))
    reconcile(sessions, broker, slug)
    return Credentials.of(slug, secrets)


def suspend(sessions: Sessions, broker: PartnerBroker, slug: str, *, reason: str, by: str) -> None:
    """Keep a partner out from now on; its connections are cut before this returns."""
    with transaction(sessions) as tx:
        tx.emit(organisations.suspend(tx.session, slug, reason=reason, by=by))
    reconcile(sessions, broker, slug)


def activate(sessions: Sessions, broker: PartnerBroker, slug: str, *, by: str) -> None:
    """Let a suspended partner in again; raises BrokerDisagrees."""
    with transaction(sessions) as tx:
        organisations.ask_activation(tx.session, slug, by=by)
    _refuse_if_wrong(slug, reconcile(sessions, broker, slug))


def revoke(sessions: Sessions, broker: PartnerBroker, slug: str, *, by: str) -> None:
    """For good: connections are cut, and nothing of the partner is left on the broker."""
    with transaction(sessions) as tx:
        tx.emit(organisations.revoke(tx.session, slug, by=by))
    reconcile(sessions, broker, slug)


def register_many(
    sessions: Sessions,
    broker: PartnerBroker,
    entries: Iterable[Mapping[str, Any]],
    *,
    by: str,
    renew: bool = False,
) -> dict[str, dict[str, str]]:
    """Take over a list as in partners.json; {slug: {"amqp_password", "api_key"}} of the new ones.

    One that is registered already keeps its status and its secrets (with `renew` it gets new ones,
    which are returned too) and gets the list's agreement if that differs. Nothing is changed when
    any entry is wrong. Raises BrokerDisagrees for the first that the broker keeps out.
    """
    news = [(_read(entry), str(entry.get("status", Status.ACTIVE))) for entry in entries]
    made: dict[str, Secrets] = {}
    with transaction(sessions) as tx:
        for new, status in news:
            if tx.session.get(Organisation, new.slug) is not None:
                tx.emit(organisations.agree_if_new(tx.session, new.slug, new.terms, by=by))
                if renew:
                    secrets = made[new.slug] = credentials.fresh_secrets()
                    tx.emit(credentials.rotate(tx.session, new.slug, secrets, overlap=_NONE, by=by))
                continue
            secrets = made[new.slug] = credentials.fresh_secrets()
            organisations.register(tx.session, new, secrets, by=by)
            if status == Status.ACTIVE:
                organisations.ask_activation(tx.session, new.slug, by=by)
            else:
                tx.emit(organisations.suspend(tx.session, new.slug, reason="loaded so", by=by))
    for slug, problems in _agree_on(sessions, broker, sorted(made)).items():
        _refuse_if_wrong(slug, problems)
    return {
        slug: {"amqp_password": secrets.amqp_password, "api_key": secrets.api_key}
        for slug, secrets in made.items()
    }


def _read(entry: Mapping[str, Any]) -> NewPartner:
    try:
        agreement, quota = entry["agreement"], entry.get("quota") or {}
        return NewPartner(
            slug=_words(entry["slug"]),
            name=_words(entry["name"]),
            kind=Kind(entry["kind"]),
            system=_words(entry.get("system", "main")),
            terms=Terms(
                no=_words(agreement["no"]),
                valid_from=date.fromisoformat(agreement["from"]),
                valid_to=date.fromisoformat(agreement["to"]),
                event_types=[_words(each) for each in agreement["event_types"]],
            ),
            per_minute=int(quota.get("per_minute", rules.DEFAULT_PER_MINUTE)),
            per_day=int(quota.get("per_day", rules.DEFAULT_PER_DAY)),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        named = str(entry.get("slug", "?"))[:60] if isinstance(entry, Mapping) else "?"
        raise Rejected(
            "bad_partner",
            f"合伙人“{named}”的登记内容不完整或有误：{problem}",
            f"partner {named!r} is incomplete or wrong: {problem!r}",
        ) from problem


def _words(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _refuse_if_wrong(slug: str, problems: Sequence[Difference]) -> None:
    if problems:
        raise BrokerDisagrees(slug, problems)


# Making the broker agree.


def reconcile(sessions: Sessions, broker: PartnerBroker, slug: str) -> list[Difference]:
    """Make the broker agree with a partner's row; what is still wrong. Raises Unavailable."""
    return _agree_on(sessions, broker, [slug]).get(slug, [])


def reconcile_all(sessions: Sessions, broker: PartnerBroker) -> int:
    """Look at every account, make those agree that do not; how many did not."""
    survey = broker.survey()
    count, after = 0, ""
    while True:
        with sessions() as session:
            page = queries.wanted_after(session, after, PAGE)
        if not page:
            return count
        after = page[-1].slug
        wrong = [
            row.slug
            for row in page
            if row.broker_problem or row.activating or not _agrees(broker, survey, _as_wanted(row))
        ]
        if wrong:
            count += len(wrong)
            logger.warning("accounts differ from the register", extra={"count": len(wrong)})
            _agree_on(sessions, broker, wrong)


def _as_wanted(row: queries.WantedRow) -> Wanted:
    return Wanted(row.slug, row.status, row.activating, row.amqp_password_hash, row.cut_wanted)


def _agree_on(
    sessions: Sessions, broker: PartnerBroker, slugs: list[str]
) -> dict[str, list[Difference]]:
    """Make the broker agree on each of these; whoever waits for one of them waits for all."""
    with transaction(sessions) as tx:
        taken = [agreeing.take(tx.session, slug) for slug in sorted(slugs)]
        wanted = [each for each in taken if each is not None]
        before = broker.survey()
        refused: dict[str, list[Difference]] = {}
        for each in wanted:
            if not _agrees(broker, before, each):
                refused |= _change(broker, each)
        after = broker.survey()
        found: dict[str, list[Difference]] = {}
        for each in wanted:
            problems = refused.get(each.slug) or _still_wrong(after, each)
            if problems and each.may_post:
                broker.withdraw(each.slug)
            tx.emit(agreeing.note_agreed(tx.session, each, problems))
            if problems:
                found[each.slug] = problems
                logger.error("broker disagrees", extra={"partner": each.slug})
    return found


def _agrees(broker: PartnerBroker, survey: Survey, wanted: Wanted) -> bool:
    if wanted.cut_wanted:
        return False
    if wanted.may_post:
        return not survey.wrong(wanted.slug, wanted.amqp_password_hash)
    if wanted.status == Status.REVOKED:
        return survey.is_gone(wanted.slug)
    return survey.is_closed(wanted.slug) and not broker.is_connected(wanted.slug)


def _change(broker: PartnerBroker, wanted: Wanted) -> dict[str, list[Difference]]:
    slug = wanted.slug
    try:
        if wanted.may_post:
            broker.grant(slug, wanted.amqp_password_hash)
        elif wanted.status == Status.REVOKED:
            broker.remove(slug)
        else:
            broker.close(slug, wanted.amqp_password_hash)
        if wanted.cut_wanted:
            broker.cut(slug)
    except Unavailable:
        raise
    except LinliError as problem:
        return {slug: [difference(slug, problem.zh, problem.en)]}
    return {}


def _still_wrong(survey: Survey, wanted: Wanted) -> list[Difference]:
    if wanted.may_post:
        return survey.wrong(wanted.slug, wanted.amqp_password_hash)
    done = (
        survey.is_gone(wanted.slug)
        if wanted.status == Status.REVOKED
        else survey.is_closed(wanted.slug)
    )
    if done:
        return []
    zh, en = "权限尚未收回", "its rights are not withdrawn yet"
    return [difference(wanted.slug, zh, en)]


# The worker's tasks.


def make_actors(sessions: Sessions, broker: PartnerBroker) -> dict[str, Callable[..., None]]:
    """Tasks name a slug at most; a lost one is made up for by the next `reconcile_all`."""

    def reconcile_one(slug: str) -> None:
        try:
            reconcile(sessions, broker, slug)
        except Unavailable:
            logger.warning("the broker's management API is away", extra={"partner": slug})

    def reconcile_every() -> None:
        try:
            reconcile_all(sessions, broker)
        except Unavailable:
            logger.warning("the broker's management API is away")

    return {"reconcile": reconcile_one, "reconcile_all": reconcile_every}
